/** What can be wrong with a backup of a single Redis, and with that of a cluster of three. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { stampOf } from '#backups/names.ts';
import type { Damage, Place } from './place.ts';
import { bodyOf, sealRdb, writeRdb } from './rdb.ts';

const RDB = 'redis-TS.rdb';
const HOUR_MS = 3_600_000;

function damage(name: string, how: (bytes: Buffer) => Buffer, alone?: RegExp, noted: RegExp = /redis\.files\.digest/): Damage {
  return { name, noted, ...(alone === undefined ? {} : { alone }), apply: (place) => place.change(RDB, how) };
}

function flip(at: (length: number) => number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    const i = at(bytes.length);
    changed[i] = (changed[i] ?? 0) ^ 0x55;
    return changed;
  };
}

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(from);
  if (at < 0 || from.length !== to.length) throw new Error(`no ${from}`);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)]);
}

/** Whatever the version is that the server here writes. */
function ofVersion(body: Buffer, version: string): Buffer {
  return Buffer.concat([Buffer.from(`REDIS${version}`), body.subarray(9)]);
}

const sealed = (how: (body: Buffer) => Buffer) => (bytes: Buffer): Buffer => sealRdb(how(bodyOf(bytes)));

function restamp(place: Place, ms: number): void {
  const stamp = stampOf(ms);
  renameSync(place.path(RDB), place.path(RDB).replace(place.stamp, stamp));
  rmSync(place.path('redis-TS.manifest.json'), { force: true });
}

/** `aof-base` is an integer of one byte behind its name. */
function asAofBase(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  changed[body.indexOf('aof-base') + 9] = 1;
  return changed;
}

/** A record of a string with a short key and value, as `writeRdb` of a small file writes it. */
function firstRecord(bytes: Buffer): { readonly from: number; readonly to: number } {
  const from = bytes.indexOf(Buffer.from([0, 13, ...Buffer.from('job:state:dup')]));
  if (from < 0) throw new Error('no marker record');
  return { from, to: from + 2 + 13 + 1 + 4 };
}

export const SINGLE: readonly Damage[] = [
  ...[1, 9, 40, 100].map((bytes) => damage(`cut after ${bytes} bytes`, (rdb) => rdb.subarray(0, bytes), /redis\.rdb\.header/)),
  ...[0.3, 0.6, 0.9, 0.99].map((share) => damage(`cut at ${share * 100} %`, (rdb) => rdb.subarray(0, Math.floor(rdb.length * share)), /redis\.rdb/)),
  damage('without its last byte', (rdb) => rdb.subarray(0, -1), /redis\.rdb/),
  damage('without its checksum', (rdb) => rdb.subarray(0, -8), /redis\.rdb/),
  damage('empty', () => Buffer.alloc(0), /redis\.(?:rdb\.header|files\.present)/),
  damage('a page of HTML', () => Buffer.from('<!doctype html><title>502 Bad Gateway</title>'), /redis\.rdb\.header/),
  damage('packed with gzip', (rdb) => gzipSync(rdb), /redis\.rdb\.header/),
  damage('nothing but zeros', (rdb) => Buffer.alloc(rdb.length), /redis\.rdb\.header/),
  damage('zeros in its second half', (rdb) => Buffer.concat([rdb.subarray(0, rdb.length >> 1), Buffer.alloc(rdb.length - (rdb.length >> 1))]), /redis\.rdb/),
  // One checksum in 256 begins as the end mark does: the header then looks whole, and the count finds the byte.
  damage('a newline behind it', (rdb) => Buffer.concat([rdb, Buffer.from('\n')]), /redis\.rdb\.(?:header|count.*behind its end)/),
  damage('a newline before it', (rdb) => Buffer.concat([Buffer.from('\n'), rdb]), /redis\.rdb\.header/),
  damage('twice in one file', (rdb) => Buffer.concat([rdb, rdb]), /redis\.rdb\.count.*behind its end/),
  damage('something behind it that ends like it', (rdb) => Buffer.concat([rdb, Buffer.from('garbage'), Buffer.from([0xff]), Buffer.alloc(8, 3)]), /redis\.rdb\.count/),
  damage('line ends changed', (rdb) => Buffer.from(rdb.toString('latin1').replaceAll('\n', '\r\n'), 'latin1').subarray(0, -1), /redis\.rdb/),
  damage('stored as UTF-8', (rdb) => Buffer.from(rdb.toString('latin1'), 'utf8'), /redis\.rdb/),
  damage('a byte of the magic changed', flip(() => 2), /redis\.rdb\.header/),
  damage('a byte of the head changed', flip(() => 20), /redis\.rdb\.records/),
  ...[0.2, 0.4, 0.6, 0.8].map((share) => damage(`a byte at ${share * 100} % changed`, flip((length) => Math.floor(length * share)), /redis\.rdb\.records/)),
  damage('a byte of the checksum changed', flip((length) => length - 3), /redis\.rdb\.records/),
  damage('the end mark changed', flip((length) => length - 9), /redis\.rdb\.header/),
  damage('no checksum (rdbchecksum no)', (rdb) => Buffer.concat([rdb.subarray(0, -8), Buffer.alloc(8)]), /no checksum/),
  damage('of an RDB version to come', sealed((body) => ofVersion(body, '0099')), /redis\.(?:rdb|restore)/),
  damage('of an older version than its server writes', sealed((body) => ofVersion(body, '0008')), /redis\.rdb\.header.*was changed/),
  damage('of version 4, without a checksum', (rdb) => ofVersion(rdb, '0004'), /redis\.rdb\.header/),
  damage('an unknown opcode in the middle, the checksum right', sealed((body) => Buffer.concat([body, Buffer.from([0xc8, 1, 0x61])])), /redis\.rdb\.records/),
  damage('a record dropped, the checksum right', sealed((body) => { const { from, to } = firstRecord(body); return Buffer.concat([body.subarray(0, from), body.subarray(to)]); }), /redis\.rdb\.count/),
  damage('a record doubled under another name, the checksum right', sealed((body) => { const { from, to } = firstRecord(body); return Buffer.concat([body, Buffer.from(replaced(body.subarray(from, to), 'state:dup', 'state:pud'))]); }), /redis\.rdb\.count/),
  damage('a record doubled, the checksum right', sealed((body) => { const { from, to } = firstRecord(body); return Buffer.concat([body, body.subarray(from, to)]); }), /redis\.r/),
  damage('cut between two records, the checksum right', sealed((body) => body.subarray(0, firstRecord(body).from)), /redis\.rdb\.count/),
  damage('a value changed, the checksum right', sealed((body) => replaced(body, 'SUCC', 'FAIL'))),
  damage('a key renamed, the checksum right', sealed((body) => replaced(body, 'job:state:dup', 'job:state:dud'))),
  damage('a required key renamed, the checksum right', sealed((body) => replaced(body, 'cfg:system:policy', 'cfg:system:pylico')), /redis\.keys\.required/),
  damage('a required record that is no JSON, the checksum right', sealed((body) => replaced(body, '{"scope":"system"', 'x"scope":"system"')), /redis\.records\.parse/),
  damage('a record without its scope, the checksum right', sealed((body) => replaced(body, '"scope":"system"', '"scopf":"system"')), /redis\.records\.parse/),
  damage('another number of a database, the checksum right', sealed((body) => { const at = body.indexOf(Buffer.from([0xfe, 0, 0xfb])); const changed = Buffer.from(body); changed[at + 1] = 1; return changed; }), /redis\.keys\.required/),
  damage('a record dropped from the second database, the checksum right', sealed((body) => { const from = body.indexOf(Buffer.from([0, 11, ...Buffer.from('elsewhere:1')])); return Buffer.concat([body.subarray(0, from), body.subarray(from + 15)]); }), /redis\.rdb\.count/),
  damage('a record moved into the second database, the checksum right', sealed((body) => { const { from, to } = firstRecord(body); return Buffer.concat([body.subarray(0, from), body.subarray(to), body.subarray(from, to)]); }), /redis\.keys\.databases/),
  damage('a time to live taken away, the checksum right', sealed((body) => { const at = body.indexOf(Buffer.from([0, 5, ...Buffer.from('ctx:1')])); return Buffer.concat([body.subarray(0, at - 9), body.subarray(at)]); }), /redis\.rdb\.count/),
  damage('without the counts of its databases, the checksum right', sealed((body) => { const at = body.indexOf(Buffer.from([0xfe, 1, 0xfb])); return Buffer.concat([body.subarray(0, at + 2), body.subarray(at + 5)]); }), /redis\.rdb\.count.*does not say/),
  damage('without its time, the checksum right', sealed((body) => { const at = body.indexOf('ctime') - 2; return Buffer.concat([body.subarray(0, at), body.subarray(at + 12)]); }), /redis\.rdb\.header.*was changed/),
  damage('the base of an append-only file', sealed(asAofBase), /redis\.rdb\.whole/),
  damage('of another system', () => writeRdb({ strings: [['session:1', 'x'], ['session:2', 'y']] }), /redis\.keys\.required/),
  damage('without any record', () => writeRdb({ strings: [] }), /redis\.keys\.required/),
  { name: 'of five hours ago', alone: /redis\.backup\.age/, apply: (place) => restamp(place, Date.now() - 5 * HOUR_MS) },
  { name: 'from tomorrow', alone: /redis\.backup\.future/, apply: (place) => restamp(place, Date.now() + 24 * HOUR_MS) },
  { name: 'a file of five hours ago under a new name', alone: /redis\.backup\.age/, noted: /redis\.backup\.age/, apply: (place) => utimesSync(place.path(RDB), new Date(Date.now() - 5 * HOUR_MS), new Date(Date.now() - 5 * HOUR_MS)) },
  { name: 'a folder in place of the file', alone: /is a folder/, noted: /is a folder/, apply: (place) => (rmSync(place.path(RDB)), void mkdirSync(place.path(RDB))) },
  { name: 'a link to nowhere', alone: /cannot be read/, noted: /cannot be read/, apply: (place) => (rmSync(place.path(RDB)), symlinkSync('/nowhere/dump.rdb', place.path(RDB))) },
  { name: 'a link to a device', alone: /no plain file/, noted: /no plain file/, apply: (place) => (rmSync(place.path(RDB)), symlinkSync('/dev/zero', place.path(RDB))) },
  { name: 'gone, its manifest left behind', noted: /redis\.backup\.found.*has no file/, apply: (place) => rmSync(place.path(RDB)) },
  { name: 'a pipe in place of its manifest', noted: /redis\.manifest\.readable.*no plain file/, apply: (place) => (rmSync(place.path('redis-TS.manifest.json')), void execFileSync('mkfifo', [place.path('redis-TS.manifest.json')])) },
  { name: 'a manifest of another time than its name', noted: /redis\.manifest\.consistent/, apply: (place) => place.manifest((manifest) => ({ ...manifest, takenAt: new Date(Date.parse(manifest.takenAt) - 120_000).toISOString() })) },
  { name: 'a manifest with other keys that have a time to live', noted: /redis\.rdb\.count/, apply: (place) => place.manifest((manifest) => ({ ...manifest, redis: { ...manifest.redis, shards: manifest.redis?.shards.map((one) => ({ ...one, expires: one.expires + 1 })) } })) },
  { name: 'a manifest of a Redis of another version', noted: /redis\.rdb\.count/, apply: (place) => place.manifest((manifest) => ({ ...manifest, source: { ...manifest.source, serverVersion: '6.2.14' } })) },
  { name: 'a manifest without one of the required keys', noted: /redis\.keys\.required/, apply: (place) => place.manifest((manifest) => ({ ...manifest, redis: { ...manifest.redis, required: manifest.redis?.required.slice(1) } })) },
  { name: 'a manifest with other bytes', noted: /redis\.files\.digest/, apply: (place) => place.manifest((manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, bytes: file.bytes + 1 })) })) },
  { name: 'a manifest that is cut', noted: /redis\.manifest\.readable/, apply: (place) => place.change('redis-TS.manifest.json', (bytes) => bytes.subarray(0, bytes.length >> 1)) },
  { name: 'a manifest of another version', noted: /redis\.manifest\.readable.*version/, apply: (place) => place.manifest((manifest) => ({ ...manifest, version: 2 })) },
  { name: 'a manifest of another store', noted: /redis\.manifest\.readable/, apply: (place) => place.manifest((manifest) => ({ ...manifest, store: 'nats' })) },
  { name: 'a manifest that says it is incomplete', noted: /redis\.shards\.complete/, apply: (place) => place.manifest((manifest) => ({ ...manifest, complete: false, missing: ['10.0.0.1:6379'] })) },
  { name: 'a manifest with another digest', noted: /redis\.files\.digest/, apply: (place) => place.manifest((manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, sha256: '0'.repeat(64) })) })) },
  { name: 'a manifest that names another file', noted: /redis\.files\.digest/, apply: (place) => place.manifest((manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, path: 'other.rdb' })) })) },
  { name: 'a manifest with a path out of the folder', noted: /redis\.manifest\.readable/, apply: (place) => place.manifest((manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, path: '../etc/passwd' })) })) },
  { name: 'a manifest with other counts', noted: /redis\.keys\.manifest/, apply: (place) => place.manifest((manifest) => ({ ...manifest, redis: { ...manifest.redis, keysByPrefix: manifest.redis?.keysByPrefix.map((one) => ({ ...one, count: one.count + 1 })) } })) },
  { name: 'a manifest with a key that was never there', noted: /redis\.keys\.sample/, apply: (place) => place.manifest((manifest) => ({ ...manifest, redis: { ...manifest.redis, sample: [{ key: 'job:none', type: 'string', sha256: '0'.repeat(64), expiresAt: null }] } })) },
  { name: 'a manifest of five hours ago', noted: /redis\.backup\.age/, apply: (place) => place.manifest((manifest) => ({ ...manifest, takenAt: new Date(Date.now() - 5 * HOUR_MS).toISOString() })) },
  { name: 'a manifest from tomorrow', noted: /redis\.backup\.future/, apply: (place) => place.manifest((manifest) => ({ ...manifest, takenAt: new Date(Date.now() + 24 * HOUR_MS).toISOString() })) },
];

const node = (i: number): string => `redis-TS-node${i}.rdb`;

export const CLUSTER: readonly Damage[] = [
  { name: 'the first shard missing', alone: /redis\.shards\.complete/, noted: /redis\.shards\.complete/, apply: (place) => rmSync(place.path(node(0))) },
  { name: 'the middle shard missing', alone: /redis\.shards\.complete/, noted: /redis\.shards\.complete/, apply: (place) => rmSync(place.path(node(1))) },
  { name: 'the last shard missing', alone: /redis\.cluster\.formed.*a shard is missing/, noted: /redis\.shards\.complete/, apply: (place) => rmSync(place.path(node(2))) },
  { name: 'only the first shard, named as one', alone: /redis\.cluster\.formed/, noted: /redis\.shards\.complete/, apply: (place) => [1, 2].forEach((i) => rmSync(place.path(node(i)))) },
  { name: 'only the first shard, named as a single server', alone: /redis\.shards\.only/, noted: /redis\.(?:shards|files)/, apply: (place) => ([1, 2].forEach((i) => rmSync(place.path(node(i)))), renameSync(place.path(node(0)), place.path(RDB))) },
  { name: 'only the middle shard, named as a single server', alone: /redis\.shards\.only/, noted: /redis\.(?:shards|files)/, apply: (place) => ([0, 2].forEach((i) => rmSync(place.path(node(i)))), renameSync(place.path(node(1)), place.path(RDB))) },
  { name: 'the first shard twice', alone: /both hold keys of slot/, noted: /redis\.files\.digest/, apply: (place) => place.write(node(1), place.read(node(0))) },
  { name: 'a shard more, the same as the first', alone: /both hold keys of slot/, noted: /redis\.files\.digest/, apply: (place) => place.write(node(3), place.read(node(0))) },
  { name: 'two shards changed about', noted: /redis\.files\.digest/, apply: (place) => { const first = place.read(node(0)); place.write(node(0), place.read(node(1))); place.write(node(1), first); } },
  { name: 'a single server among the shards', alone: /redis\.shards\.complete/, noted: /redis\.(?:shards|files)/, apply: (place) => place.write(RDB, place.read(node(0))) },
  { name: 'one shard empty', alone: /redis\.rdb\.header|redis\.files\.present/, noted: /redis\.files\.digest/, apply: (place) => place.write(node(1), '') },
  { name: 'one shard without a record', alone: /redis\.cluster\.formed|redis\.keys\.required/, noted: /redis\.files\.digest/, apply: (place) => place.write(node(1), writeRdb({ strings: [] })) },
  { name: 'one shard cut', alone: /redis\.rdb/, noted: /redis\.files\.digest/, apply: (place) => place.change(node(2), (rdb) => rdb.subarray(0, rdb.length >> 1)) },
  { name: 'one shard of another hour', alone: /redis\.shards\.together/, noted: /redis\.files\.digest/, apply: (place) => place.change(node(2), sealed(earlier)) },
  { name: 'a shard that its manifest does not know', noted: /redis\.(?:shards|files)/, apply: (place) => place.manifest((manifest) => ({ ...manifest, files: manifest.files.slice(1), redis: { ...manifest.redis, shards: manifest.redis?.shards.slice(1) } })) },
  { name: 'a manifest whose shards own other slots', noted: /redis\.cluster\.formed/, apply: (place) => place.manifest((manifest) => ({ ...manifest, redis: { ...manifest.redis, shards: manifest.redis?.shards.map((shard, i, all) => ({ ...shard, slots: all[(i + 1) % all.length]?.slots })) } })) },
];

/** `ctime` of the head, an hour and a half before: an integer of four bytes behind its name. */
function earlier(body: Buffer): Buffer {
  const at = body.indexOf('ctime') + 6;
  const changed = Buffer.from(body);
  changed.writeInt32LE(body.readInt32LE(at) - 5_400, at);
  return changed;
}
