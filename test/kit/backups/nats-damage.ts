/** What can be wrong with a backup of JetStream in the layout of natscli, and with one of the configuration. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Damage, Place } from './place.ts';
import { makeArc, arcEntries, writeArc } from './natsarc.ts';
import type { TarPart } from './tar.ts';

const STREAM = 'CORDUM_JOBS';
const ARCHIVE = `nats-TS/${STREAM}.snapshot/stream.tar.s2`;
const DESCRIBED = `nats-TS/${STREAM}.snapshot/backup.json`;
const DIGEST = /nats\.files\.digest/;

function damage(name: string, how: (bytes: Buffer) => Buffer, alone: RegExp = /nats\.archive/): Damage {
  return { name, alone, noted: DIGEST, apply: (place) => place.change(ARCHIVE, how) };
}

function tarDamage(name: string, how: (parts: TarPart[]) => TarPart[], alone?: RegExp, end?: Buffer): Damage {
  return { name, noted: DIGEST, ...(alone === undefined ? {} : { alone }), apply: (place) => place.tar(STREAM, how, end) };
}

function described(name: string, how: (json: { config: Record<string, unknown>; state: Record<string, number> }) => unknown, alone: RegExp): Damage {
  return { name, alone, noted: DIGEST, apply: (place) => place.write(DESCRIBED, JSON.stringify(how(JSON.parse(place.read(DESCRIBED).toString()) as never))) };
}

const flip = (share: number) => (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  const at = Math.floor((bytes.length - 1) * share);
  changed[at] = (changed[at] ?? 0) ^ 0x55;
  return changed;
};

const isBlock = ({ name }: TarPart): boolean => /^msgs\/\d+\.blk$/.test(name);
const blockOf = (parts: readonly TarPart[], at: number): TarPart | undefined => parts.filter(isBlock).at(at);
const inBlock = (how: (records: Buffer[]) => Buffer[]) => (parts: TarPart[]): TarPart[] => parts.map((part) => (part === blockOf(parts, 0) ? { ...part, bytes: Buffer.concat(how(recordsOf(part.bytes))) } : part));
const without = (drop: (part: TarPart, parts: readonly TarPart[]) => boolean) => (parts: TarPart[]): TarPart[] => parts.filter((part) => !drop(part, parts));

function recordsOf(block: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < block.length; ) {
    const length = block.readUInt32LE(at) % 0x8000_0000;
    records.push(block.subarray(at, at + length));
    at += length;
  }
  return records;
}

function changeRecord(records: Buffer[], at: number, how: (record: Buffer) => void): Buffer[] {
  return records.map((record, i) => {
    const copy = Buffer.from(record);
    if (i === at) how(copy);
    return copy;
  });
}

const raw = (place: Place, share = 0.5): void => {
  const archive = place.read(ARCHIVE);
  rmSync(place.path(`nats-TS/${STREAM}.snapshot`), { recursive: true });
  place.write(`nats-TS/${STREAM}.tar.s2`, archive.subarray(0, Math.floor(archive.length * share)));
};

export const NATS: readonly Damage[] = [
  ...[0.01, 0.3, 0.6, 0.9, 0.999].map((share) => damage(`cut at ${share * 100} %`, (bytes) => bytes.subarray(0, Math.floor(bytes.length * share)))),
  ...[0, 0.2, 0.5, 0.8, 1].map((share) => damage(`a byte at ${share * 100} % changed`, flip(share))),
  damage('empty', () => Buffer.alloc(0), /nats\.(?:archive|files\.present)/),
  damage('a page of HTML', () => Buffer.from('<html>502</html>')),
  damage('packed with gzip', (bytes) => gzipSync(bytes)),
  damage('a newline behind it', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])),
  damage('twice in one file', (bytes) => Buffer.concat([bytes, bytes])),
  damage('a v2 archive for a server that does not read it', () => writeArc(arcEntries(makeArc(60))), /nats\.(?:archive|restore).*/),
  damage('a damaged v2 archive', () => writeArc(arcEntries(makeArc(60)).filter((_, i) => i !== 30))),
  tarDamage('cut between two entries, without a trailer', (parts) => parts.slice(0, -2), /nats\.archive.*no end/, Buffer.alloc(0)),
  tarDamage('cut between two entries, with a trailer', (parts) => parts.slice(0, parts.findIndex(isBlock)), /nats\.(?:archive|state)/),
  tarDamage('whole, without a trailer', (parts) => parts, /no end/, Buffer.alloc(0)),
  tarDamage('something behind the trailer', (parts) => parts, /something follows/, Buffer.concat([Buffer.alloc(1_024), Buffer.alloc(512, 1)])),
  tarDamage('its first block dropped', without((part, parts) => part === blockOf(parts, 0)), /nats\.archive/),
  tarDamage('its first block dropped with its index', without(({ name }) => name.startsWith('msgs/1.')), /nats\.archive/),
  tarDamage('its last block dropped', without((part, parts) => part === blockOf(parts, -1)), /nats\.archive/),
  tarDamage('its block renamed', (parts) => parts.map((part) => (isBlock(part) ? { ...part, name: 'msgs/7.blk' } : part)), /nats\.(?:archive|checksums|state)/),
  tarDamage('its block doubled', (parts) => parts.flatMap((part) => (isBlock(part) ? [part, part] : [part])), /stands in it twice/),
  tarDamage('its block emptied', inBlock(() => []), /nats\.archive/),
  tarDamage('its meta.inf dropped', without(({ name }) => name === 'meta.inf'), /meta\.inf is missing/),
  tarDamage('its meta.sum dropped', without(({ name }) => name === 'meta.sum'), /meta\.sum is missing/),
  tarDamage('its meta.inf cut', (parts) => parts.map((part) => (part.name === 'meta.inf' ? { ...part, bytes: part.bytes.subarray(0, 20) } : part)), /meta\.inf cannot be read/),
  tarDamage('its meta.inf of another stream', (parts) => parts.map((part) => (part.name === 'meta.inf' ? { ...part, bytes: Buffer.from(part.bytes.toString().replace(STREAM, 'CORDUM_XXXX')) } : part)), /archive is that of CORDUM_XXXX/),
  tarDamage('its meta.inf with other subjects', (parts) => parts.map((part) => (part.name === 'meta.inf' ? { ...part, bytes: Buffer.from(part.bytes.toString().replace('job.\\u003e', 'xob.\\u003e').replace('job.>', 'xob.>')) } : part)), /differ in subjects/),
  tarDamage('its consumer dropped', without(({ name }) => name.startsWith('obs/')), /consumers, there were/),
  tarDamage("its consumer's state dropped", without(({ name }) => name.startsWith('obs/') && name.endsWith('meta.sum')), /is incomplete/),
  tarDamage('an errors.txt in it', (parts) => [...parts, { name: 'errors.txt', bytes: Buffer.from('stream could not be read') }], /could not read the stream/),
  tarDamage('a symbolic link in it', (parts) => [...parts, { name: 'msgs/9.blk', type: '2', bytes: Buffer.alloc(0) }], /no plain file/),
  tarDamage('a path out of the stream', (parts) => [...parts, { name: '../../escape', bytes: Buffer.from('x') }], /outside of the stream/),
  tarDamage('an entry of 8 GB', (parts) => [...parts, { name: 'msgs/9.blk', bytes: Buffer.from('x'), claim: '77777777777\0' }], /larger than any/),
  tarDamage('a message dropped', inBlock((records) => records.filter((_, i) => i !== 20)), /nats\.archive.*by its index/),
  tarDamage('the first message dropped', inBlock((records) => records.slice(1)), /nats\.archive/),
  tarDamage('the last message dropped', inBlock((records) => records.slice(0, -1)), /nats\.archive/),
  tarDamage('two messages swapped', inBlock((records) => [...records.slice(0, 20), records[21] ?? Buffer.alloc(0), records[20] ?? Buffer.alloc(0), ...records.slice(22)]), /out of order/),
  tarDamage('a message doubled', inBlock((records) => records.flatMap((record, i) => (i === 20 ? [record, record] : [record]))), /out of order/),
  tarDamage('a byte of a payload changed', inBlock((records) => changeRecord(records, 20, (record) => void (record[record.length - 12] = 0x21))), /nats\.checksums/),
  tarDamage('a byte of a subject changed', inBlock((records) => changeRecord(records, 20, (record) => void (record[23] = 0x21))), /nats\.checksums/),
  tarDamage('a byte of a checksum changed', inBlock((records) => changeRecord(records, 20, (record) => void (record[record.length - 1] = (record.at(-1) ?? 0) ^ 1))), /nats\.checksums/),
  tarDamage('the time of a message changed', inBlock((records) => changeRecord(records, 20, (record) => void (record[12] = (record[12] ?? 0) ^ 1))), /nats\.checksums/),
  tarDamage('a message marked as erased', inBlock((records) => changeRecord(records, 20, (record) => void (record[11] = 0x80))), /nats\.archive/),
  tarDamage('a description that was not sealed', (parts) => parts.map((part) => (part.name === 'meta.sum' ? { ...part, bytes: Buffer.from('0123456789abcdef') } : part)), /not the one that was sealed/),
  tarDamage('a consumer under another name', (parts) => parts.map((part) => ({ ...part, name: part.name.replace('obs/worker/', 'obs/walker/') })), /nats\.archive.*is that of worker/),
  tarDamage('a consumer that was described anew', (parts) => parts.map((part) => (part.name === 'obs/worker/meta.inf' ? { ...part, bytes: Buffer.from(part.bytes.toString().replace('"max_ack_pending":1000', '"max_ack_pending":1')) } : part)), /another description than was sealed/),
  tarDamage('a consumer without its state', without(({ name }) => name === 'obs/worker/o.dat'), /nats\.archive.*without its state/),
  tarDamage('a consumer with a state that cannot be', (parts) => parts.map((part) => (part.name === 'obs/worker/o.dat' ? { ...part, bytes: Buffer.from('1602090900000000', 'hex') } : part)), /nats\.archive.*a state that cannot be/),
  tarDamage('the index of a block of another', (parts) => parts.map((part) => (part.name === 'msgs/1.idx' ? { ...part, bytes: Buffer.from(part.bytes.map((byte, i) => (i === 2 ? byte + 1 : byte))) } : part)), /nats\.archive.*by its index/),
  tarDamage('an entry that is none of a stream', (parts) => [...parts, { name: 'notes.txt', bytes: Buffer.from('x') }], /none of a stream/),
  tarDamage('a message cut', inBlock((records) => records.map((record, i) => (i === records.length - 1 ? record.subarray(0, -4) : record))), /within a message/),
  described('a backup.json with more messages', (json) => ({ ...json, state: { ...json.state, messages: (json.state['messages'] ?? 0) + 1 } }), /nats\.(?:archive|state)/),
  described('a backup.json with fewer messages', (json) => ({ ...json, state: { ...json.state, messages: (json.state['messages'] ?? 0) - 1 } }), /nats\.state/),
  described('a backup.json with another last sequence', (json) => ({ ...json, state: { ...json.state, last_seq: 999 } }), /nats\.state/),
  described('a backup.json with another first sequence', (json) => ({ ...json, state: { ...json.state, first_seq: 3 } }), /nats\.state/),
  described('a backup.json with other consumers', (json) => ({ ...json, state: { ...json.state, consumer_count: 4 } }), /consumers/),
  described('a backup.json of another stream', (json) => ({ ...json, config: { ...json.config, name: 'CORDUM_SYS' } }), /not of CORDUM_JOBS/),
  described('a backup.json with other subjects', (json) => ({ ...json, config: { ...json.config, subjects: ['x.>'] } }), /differ in subjects/),
  described('a backup.json without a state', ({ config }) => ({ config }), /backup\.json cannot be read/),
  { name: 'without its backup.json', alone: /backup\.json is missing/, noted: DIGEST, apply: (place) => rmSync(place.path(DESCRIBED)) },
  { name: 'a backup.json that is cut', alone: /backup\.json cannot be read/, noted: DIGEST, apply: (place) => place.change(DESCRIBED, (bytes) => bytes.subarray(0, 50)) },
  { name: 'without its archive', alone: /stream\.tar\.s2 cannot be read/, noted: /stream\.tar\.s2 cannot be read/, apply: (place) => rmSync(place.path(ARCHIVE)) },
  { name: 'a folder in place of its archive', alone: /is a folder/, noted: /is a folder/, apply: (place) => (rmSync(place.path(ARCHIVE)), void mkdirSync(place.path(ARCHIVE))) },
  { name: 'a stream missing', alone: /nats\.streams\.complete/, noted: DIGEST, apply: (place) => rmSync(place.path(`nats-TS/${STREAM}.snapshot`), { recursive: true }) },
  { name: 'a stream renamed', alone: /nats\.streams\.complete/, noted: DIGEST, apply: (place) => renameSync(place.path(`nats-TS/${STREAM}.snapshot`), place.path('nats-TS/CORDUM_OTHER.snapshot')) },
  { name: 'the archive of one stream under two names', alone: /not of CORDUM_JOBS/, noted: DIGEST, apply: (place) => place.write(ARCHIVE, place.read('nats-TS/CORDUM_SYS.snapshot/stream.tar.s2')) },
  described('a backup.json with other bytes', (json) => ({ ...json, state: { ...json.state, bytes: 7 } }), /take up/),
  described('a backup.json that acknowledges nothing', (json) => ({ ...json, config: { ...json.config, no_ack: true } }), /differ in no_ack/),
  { name: 'a second archive of a stream', alone: /two archives/, noted: DIGEST, apply: (place) => place.write(`nats-TS/${STREAM}.tar.s2`, 'garbage') },
  { name: 'of five hours ago under a new name', alone: /nats\.backup\.age.*by its header/, noted: DIGEST, apply: (place) => place.tar(STREAM, (parts) => parts.map((part) => (part.type === 'x' ? { ...part, bytes: Buffer.from(part.bytes.toString('latin1').replace(/mtime=(\d{10})/, (_, seconds: string) => `mtime=${Number(seconds) - 18_000}`)) } : part))) },
  { name: 'raw, without a message', alone: /nats\.archive.*by its index/, apply: async (place) => (await place.tar(STREAM, inBlock((records) => records.filter((_, i) => i !== 20))), raw(place, 1)) },
  { name: 'a pipe in place of its manifest', noted: /nats\.manifest\.readable.*no plain file/, apply: (place) => (rmSync(place.path('nats-TS.manifest.json')), void execFileSync('mkfifo', [place.path('nats-TS.manifest.json')])) },
  { name: 'raw, and cut', alone: /nats\.archive/, noted: DIGEST, apply: (place) => raw(place) },
  { name: 'no stream at all', alone: /nats\.backup\.found/, noted: /nats\.backup\.found/, apply: (place) => (rmSync(place.path('nats-TS'), { recursive: true }), void mkdirSync(place.path('nats-TS'))) },
  { name: 'a manifest with other messages', noted: /nats\.manifest\.consistent/, apply: (place) => place.manifest((manifest) => ({ ...manifest, nats: { streams: manifest.nats?.streams.map((one) => ({ ...one, state: { ...one.state, messages: one.state.messages + 1 } })) } })) },
  { name: 'a manifest with another content', noted: /nats\.content/, apply: (place) => place.manifest((manifest) => ({ ...manifest, nats: { streams: manifest.nats?.streams.map((one) => ({ ...one, contentSha256: '0'.repeat(64), sealsSha256: '0'.repeat(64) })) } })) },
  { name: 'a manifest with another consumer', noted: /nats\.archive.*nobody/, apply: (place) => place.manifest((manifest) => ({ ...manifest, nats: { streams: manifest.nats?.streams.map((one) => ({ ...one, consumers: [{ name: 'nobody' }] })) } })) },
  { name: 'a manifest that was finished before it was begun', noted: /nats\.manifest\.consistent/, apply: (place) => place.manifest((manifest) => ({ ...manifest, finishedAt: new Date(Date.parse(manifest.takenAt) - 1_000).toISOString() })) },
  { name: 'a manifest with another newest message', noted: /nats\.archive.*newest message/, apply: (place) => place.manifest((manifest) => ({ ...manifest, nats: { streams: manifest.nats?.streams.map((one) => ({ ...one, newestMessageAt: null })) } })) },
  { name: 'a manifest with a stream more', noted: /nats\.streams\.complete/, apply: (place) => place.manifest((manifest) => ({ ...manifest, nats: { streams: [...(manifest.nats?.streams ?? []), { ...manifest.nats?.streams[0], name: 'CORDUM_LOST' }] } })) },
];
