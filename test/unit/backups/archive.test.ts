import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamArchive } from '#backups/archive/archive.ts';
import { readBlock, type BlockFacts } from '#backups/archive/blocks.ts';
import { createContentDigest, createSealDigest } from '#backups/archive/content.ts';
import { crc32c } from '#backups/archive/crc32c.ts';
import { addToContent } from '#backups/archive/natsarc.ts';
import { readStreamArchive } from '#backups/archive/read.ts';
import { DamagedArchive, decodeS2 } from '#backups/archive/s2.ts';
import { readTar } from '#backups/archive/tar.ts';
import { arcEntries, entryOf, makeArc, SENTINEL, writeArc } from '../../kit/backups/natsarc.ts';
import { chunkOf, chunksOf, encodeS2, maskedCrc, uvarint } from '../../kit/backups/s2.ts';
import { TAR_END, writeTar } from '../../kit/backups/tar.ts';

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Uint8Array.from(part));
  return Buffer.concat(parts);
}

/** What the reading came to; anything thrown but DamagedArchive is a mistake of ours. */
async function outcomeOf<T>(work: Promise<T>): Promise<T | DamagedArchive> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DamagedArchive) return error;
    throw error;
  }
}

const read = (bytes: Uint8Array, size?: number): Promise<StreamArchive> => readStreamArchive(chunksOf(bytes, size));
const repetitive = fc.array(fc.constantFrom('abcd', 'abcdefgh', 'x', '0123456789', 'abcd'.repeat(70), 'y'.repeat(70_000)), { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));

describe('S2', () => {
  it('has the CRC-32C of the standard', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('decodes what was encoded, whatever the blocks, the compression and the pieces in which it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 5_000 }), repetitive), fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 70_000 }), async (bytes, compress, padding, block, size) => {
        const encoded = encodeS2(bytes, { compress, padding, block: Math.max(block, Math.ceil(bytes.length / 50)) });
        expect(Buffer.compare(await collect(decodeS2(chunksOf(encoded, Math.max(size, Math.ceil(encoded.length / 500))))), Buffer.from(bytes))).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('decodes each kind of copy and of repeat', async () => {
    const far = Buffer.concat([Buffer.from('needle--'), Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) >> 3)), Buffer.from('needle--')]);
    const runs = [5, 9, 70, 264, 300, 70_000].map((n) => Buffer.from(`<${'z'.repeat(n)}>`));
    for (const bytes of [far, ...runs, Buffer.concat(runs)]) expect((await collect(decodeS2(chunksOf(encodeS2(bytes, { compress: true, block: 1 << 20 }))))).equals(bytes)).toBe(true);
  });

  it('refuses every changed byte of a block and every cut that is not between two chunks', async () => {
    const encoded = encodeS2(Buffer.from('a stream of messages '.repeat(40)), { compress: true, block: 300 });
    const whole = await collect(decodeS2(chunksOf(encoded)));
    for (let at = 0; at < encoded.length; at += 1) {
      const changed = Buffer.from(encoded);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      const decoded = await outcomeOf(collect(decodeS2(chunksOf(changed))));
      expect(decoded instanceof DamagedArchive || !decoded.equals(whole) || [0x53, 0x73].includes(encoded[at] ?? 0), `byte ${at}`).toBe(true);
      const cut = await outcomeOf(collect(decodeS2(chunksOf(encoded.subarray(0, at)))));
      expect(cut instanceof DamagedArchive || cut.length < whole.length).toBe(true);
    }
  });

  it('takes any bytes without hanging, and calls what is no S2 damaged', async () => {
    const head = encodeS2(Buffer.alloc(0));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.boolean(), async (bytes, begun) => {
        await outcomeOf(collect(decodeS2(chunksOf(begun ? Buffer.concat([head, bytes]) : bytes, 17))));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves the checksums to somebody else where it is told so, and only those', async () => {
    const bytes = Buffer.from('a stream of messages '.repeat(40));
    const changed = Buffer.from(encodeS2(bytes, { compress: true, block: 2_000 }));
    const checksumAt = encodeS2(Buffer.alloc(0)).length + 4;
    changed[checksumAt] = (changed[checksumAt] ?? 0) ^ 1;
    await expect(collect(decodeS2(chunksOf(changed)))).rejects.toThrow('the checksum of the chunk');
    expect((await collect(decodeS2(chunksOf(changed), { checkedElsewhere: true }))).equals(bytes)).toBe(true);
    await expect(collect(decodeS2(chunksOf(changed.subarray(0, -1)), { checkedElsewhere: true }))).rejects.toThrow('it ends within a chunk');
  });

  it('believes no length', async () => {
    const huge = (body: Buffer): Buffer => Buffer.concat([encodeS2(Buffer.alloc(0)), chunkOf(0, Buffer.concat([Buffer.alloc(4), body]))]);
    await expect(collect(decodeS2(chunksOf(huge(uvarint(0xffff_ffff)))))).rejects.toThrow('cannot be decompressed');
    await expect(collect(decodeS2(chunksOf(huge(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80])))))).rejects.toThrow('cannot be decompressed');
    await expect(collect(decodeS2(chunksOf(Buffer.concat([encodeS2(Buffer.alloc(0)), Buffer.from([1, 0xff, 0xff, 0xff])]))))).rejects.toThrow('16777215 bytes long');
  });

  it('closes a source that it does not read to its end', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Buffer, void, undefined> {
      try {
        for (;;) yield Buffer.from('no S2 at all');
      } finally {
        closed = true;
        await Promise.resolve();
      }
    }
    await expect(collect(decodeS2(source()))).rejects.toBeInstanceOf(DamagedArchive);
    expect(closed).toBe(true);
  });
});

async function entries(tar: Buffer): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, bytes } of readTar(chunksOf(tar, 100))) found.push(`${name}=${bytes.toString()}`);
  return found;
}

describe('tar', () => {
  it('reads plain entries, those with extended headers, and those with long names', async () => {
    const pax = Buffer.from('15 path=longer\n');
    expect(await entries(writeTar([{ name: 'a', bytes: Buffer.from('1') }, { name: 'pax', type: 'x', bytes: pax }, { name: 'b', bytes: Buffer.from('2'.repeat(600)) }, { name: 'l', type: 'L', bytes: Buffer.from('very/long\0') }, { name: 'c', bytes: Buffer.alloc(0) }]))).toEqual(['a=1', `longer=${'2'.repeat(600)}`, 'very/long=']);
  });

  it.for([
    ['without a trailer', writeTar([{ name: 'a', bytes: Buffer.from('1') }], Buffer.alloc(0)), 'has no end'],
    ['with half a trailer', writeTar([{ name: 'a', bytes: Buffer.from('1') }], Buffer.alloc(512)), 'does not end as'],
    ['with something behind its trailer', writeTar([], Buffer.concat([TAR_END, Buffer.from('x'.repeat(512))])), 'something follows'],
    ['with a torn block behind its trailer', writeTar([], Buffer.concat([TAR_END, Buffer.from('x')])), 'does not end as'],
    ['cut in an entry', writeTar([{ name: 'a', bytes: Buffer.alloc(2_000) }]).subarray(0, 1_000), 'ends within the entry'],
    ['cut in a header', writeTar([{ name: 'a', bytes: Buffer.alloc(2) }]).subarray(0, 100), 'within a header'],
    ['with an entry of 8 GB', writeTar([{ name: 'a', bytes: Buffer.alloc(2), claim: '77777777777\0' }]), 'larger than any'],
    ['with an entry of binary size', writeTar([{ name: 'a', bytes: Buffer.alloc(2), claim: '\x80\0\0\0\0\0\xff\xff\xff\xff\xff\xff' }]), 'larger than any'],
    ['with an extended header of 2 MB', writeTar([{ name: 'a', bytes: Buffer.alloc(2_000_000), type: 'x' }]), 'larger than any'],
    ['with an extended header that says nonsense', writeTar([{ name: 'a', bytes: Buffer.from('99 path=x\n'), type: 'x' }]), 'is damaged'],
  ] as const)('refuses one %s', async ([, tar, why]) => {
    await expect(entries(tar)).rejects.toThrow(why);
  });

  it('takes any change of one byte without hanging', async () => {
    const good = writeTar([{ name: 'pax', type: 'x', bytes: Buffer.from('15 path=longer\n') }, { name: 'meta.inf', bytes: Buffer.from('{"name":"X"}') }, { name: 'msgs/1.blk', bytes: Buffer.alloc(700) }]);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, end) => {
        const changed = Buffer.from(good);
        changed[at] = byte;
        await outcomeOf(entries(changed.subarray(0, end)));
      }),
      { numRuns: 500 },
    );
  });
});

const facts = (): BlockFacts => ({ messages: 0, bytes: 0, firstSeq: 0, lastSeq: 0, newestMs: 0, messagesSince: 0, deletionMarks: 0, sinceMs: 0, content: createContentDigest(), seals: createSealDigest() });

/** By nats-server's `writeMsgRecord`: length, sequence, time, length of the subject, subject, [length of headers, headers,] payload, checksum. */
function recordOf(sequence: bigint, subject: string, payload: string, header = ''): Buffer {
  const body = Buffer.concat([Buffer.from(subject), ...(header === '' ? [] : [Buffer.from(Uint32Array.of(header.length).buffer), Buffer.from(header)]), Buffer.from(payload), Buffer.alloc(8)]);
  const head = Buffer.alloc(22);
  head.writeUInt32LE((22 + body.length + (header === '' ? 0 : 0x8000_0000)) >>> 0, 0);
  head.writeBigUInt64LE(sequence, 4);
  head.writeBigInt64LE(1_795_000_000_123_456_789n, 12);
  head.writeUInt16LE(subject.length, 20);
  return Buffer.concat([head, body]);
}

describe('message blocks', () => {
  it('counts messages, and neither erased ones nor marks of deletions', () => {
    const seen = facts();
    expect(readBlock(Buffer.concat([recordOf(5n, 'job.a', 'one'), recordOf(6n | (1n << 63n), '', ''), recordOf(7n | (1n << 62n), '', ''), recordOf(8n, 'job.b', 'two', 'NATS/1.0\r\n\r\n')]), seen)).toEqual({ ok: true, firstSeq: 5, lastSeq: 8 });
    expect(seen).toMatchObject({ messages: 2, firstSeq: 5, lastSeq: 8, newestMs: 1_795_000_000_123, messagesSince: 2 });
  });

  it('digests content as it is digested message by message', () => {
    const seen = facts();
    readBlock(Buffer.concat([recordOf(2n ** 40n, 'job.a', 'x'.repeat(2_000_000)), recordOf(2n ** 40n + 1n, 'job.b', '', 'NATS/1.0\r\nA: b\r\n\r\n')]), seen);
    const hash = createHash('sha256');
    addToContent(hash, 2 ** 40, 'job.a', Buffer.alloc(0), Buffer.from('x'.repeat(2_000_000)));
    addToContent(hash, 2 ** 40 + 1, 'job.b', Buffer.from('NATS/1.0\r\nA: b\r\n\r\n'), Buffer.alloc(0));
    expect(seen.content?.hex()).toBe(hash.digest('hex'));
  });

  it('digests the checksums of the messages, in their order, whatever their number', () => {
    const records = Array.from({ length: 9_000 }, (_, i) => {
      const record = recordOf(BigInt(i + 1), 'job.a', 'x');
      record.writeUInt32LE(i, record.length - 8);
      return record;
    });
    const seen = facts();
    readBlock(Buffer.concat([...records, recordOf(10_000n | (1n << 62n), '', '')]), seen);
    expect(seen.seals.hex()).toBe(createHash('sha256').update(Buffer.concat(records.map((record) => record.subarray(-8)))).digest('hex'));
  });

  it('takes any bytes, and ends', () => {
    const good = Buffer.concat([recordOf(1n, 'a', 'b'), recordOf(2n, 'a', 'b', 'NATS/1.0\r\n\r\n')]);
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.map((one, i) => (i === at ? byte : one)))), (bytes) => {
        expect(typeof readBlock(Buffer.from(bytes), facts()).ok).toBe('boolean');
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('v2 archives', () => {
  const arc = makeArc(40);
  const good = arcEntries(arc);

  it('is whole, by its state, its sequences and its end, in plain and in compressed blocks', async () => {
    for (const compress of [false, true]) for (const block of [50, 1_000, 100_000]) expect(await read(writeArc(good, { compress, block }), 33)).toMatchObject({ format: 'v2', problems: [], messages: 40, firstSeq: 1, lastSeq: 40, consumers: [{ name: 'worker' }] });
  });

  it('has the same digest as messages that are taken in one by one', async () => {
    const hash = createHash('sha256');
    for (const { sequence, subject, header = Buffer.alloc(0), payload } of arc.messages) addToContent(hash, sequence, subject, header, payload);
    expect((await read(writeArc(good))).contentSha256).toBe(hash.digest('hex'));
  });

  it('may hold gaps of deleted messages, none at all, and a last sequence without a message', async () => {
    const gaps = { ...arc, messages: arc.messages.filter(({ sequence }) => sequence % 2 === 1), state: { ...arc.state, messages: 20, last_seq: 40, num_deleted: 20 } };
    expect((await read(writeArc(arcEntries(gaps)))).problems).toEqual([]);
    expect((await read(writeArc(arcEntries({ ...makeArc(0, []), state: { messages: 0, bytes: 0, first_seq: 8, last_seq: 7, consumer_count: 0 } })))).problems).toEqual([]);
  });

  const message = (sequence: number): Buffer => good[1 + sequence] ?? Buffer.alloc(0);
  const without = (sequence: number): Buffer[] => good.filter((entry) => entry !== message(sequence));
  it.for([
    ['the sentinel dropped', good.slice(0, -1), 'no end'],
    ['the last message and the sentinel dropped', good.slice(0, -2), 'no end'],
    ['a middle message dropped', without(20), 'says 40 messages, it holds 39'],
    ['the first message dropped', without(1), 'says 40 messages'],
    ['the last message dropped', without(40), 'says 40 messages'],
    ['a message doubled', good.flatMap((entry) => (entry === message(20) ? [entry, entry] : [entry])), 'follows message 20'],
    ['two messages swapped', good.map((entry) => (entry === message(20) ? message(21) : entry === message(21) ? message(20) : entry)), 'message 20 follows message 21'],
    ['the state dropped', good.slice(1), 'not a state'],
    ['the state of another stream', [arcEntries(makeArc(41))[0] ?? SENTINEL, ...good.slice(1)], 'says 41 messages'],
    ['a state of no JSON', [entryOf({ name: 'state.json', payload: Buffer.from('{') }), ...good.slice(1)], 'not a state'],
    ['a state that starts elsewhere', arcEntries({ ...arc, state: { ...arc.state, first_seq: 2 } }), 'first message is 2'],
    ['a state that ends elsewhere', arcEntries({ ...arc, state: { ...arc.state, last_seq: 44 } }), 'last message is 44'],
    ['a state that contradicts itself', arcEntries({ ...arc, state: { ...arc.state, last_seq: 44, num_deleted: 1 } }), '1 messages were deleted'],
    ['the consumer dropped', good.filter((_, i) => i !== 1), '1 consumers, it holds 0'],
    ['the consumer doubled', good.flatMap((entry, i) => (i === 1 ? [entry, entry] : [entry])), 'stands in it twice'],
    ['the consumer behind messages', [good[0] ?? SENTINEL, ...good.slice(2, 10), good[1] ?? SENTINEL, ...good.slice(10)], 'stands behind messages'],
    ['a consumer of no JSON', [good[0] ?? SENTINEL, entryOf({ name: 'consumers/worker', payload: Buffer.from('x') }), ...good.slice(2)], 'cannot be read'],
    ['a consumer under another name', good.map((entry, i) => (i === 1 ? entryOf({ name: 'consumers/walker', payload: Buffer.from('{"config":{"durable_name":"worker"}}') }) : entry)), 'the consumer walker is that of worker'],
    ['a consumer with a state that cannot be', good.map((entry, i) => (i === 1 ? entryOf({ name: 'consumers/worker', payload: Buffer.from('{"config":{"durable_name":"worker"},"state":{"delivered":{"consumer_seq":5,"stream_seq":5},"ack_floor":{"consumer_seq":5,"stream_seq":6}}}') }) : entry)), 'a state that cannot be'],
    ['a stranger among the consumers', [good[0] ?? SENTINEL, entryOf({ name: '../../etc/passwd', payload: Buffer.from('{}') }), ...good.slice(2)], 'neither a consumer nor a message'],
    ['a message without its sequence', good.map((entry) => (entry === message(20) ? entryOf({ name: 'job.1', payload: Buffer.from('x') }) : entry)), 'neither a consumer'],
    ['garbage behind the end', [...good, Buffer.from('x')], 'something follows'],
    ['a second archive behind the end', [...good, ...good], 'something follows'],
    ['a sentinel in the middle', [...good.slice(0, 20), SENTINEL, ...good.slice(20)], 'something follows'],
    ['a length of 10^15', [...good.slice(0, 10), Buffer.concat([uvarint(5), uvarint(0), uvarint(9), uvarint(0), uvarint(10n ** 15n), Buffer.from('job.1')])], 'larger than any message'],
    ['a length beyond any number', [...good.slice(0, 10), Buffer.alloc(40, 0xff)], 'cannot be read'],
    ['a cut within an entry', [Buffer.concat(good).subarray(0, 705)], 'ends within the entry'],
  ] as const)('%s is found', async ([, parts, why]) => {
    for (const compress of [false, true]) expect((await read(writeArc(parts, { compress }))).problems.join('; ')).toContain(why);
  });

  it('finds another magic, a changed payload by the digest of its content, and a renamed subject', async () => {
    expect((await read(writeArc(good, { magic: 'NATSARC2' }))).problems).not.toEqual([]);
    const digest = (await read(writeArc(good))).contentSha256;
    for (const change of [{ payload: Buffer.from('{"i":999}') }, { subject: 'job.x' }, { header: Buffer.from('NATS/1.0\r\nId: 7\r\n\r\n') }]) {
      const changed = await read(writeArc(arcEntries({ ...arc, messages: arc.messages.map((one) => (one.sequence === 20 ? { ...one, ...change } : one)) })));
      expect(changed.problems).toEqual([]);
      expect(changed.contentSha256).not.toBe(digest);
    }
  });

  it('is never whole after a cut, and takes any change without hanging', async () => {
    const bytes = Buffer.concat([Buffer.from('NATSARC1'), ...good]);
    for (let end = 1; end < bytes.length; end += 13) expect((await read(encodeS2(bytes.subarray(0, end)))).problems, `cut at ${end}`).not.toEqual([]);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        expect(Array.isArray((await read(encodeS2(changed))).problems)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('an archive of neither form', () => {
  it('is told for what it is', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('<html>'), encodeS2(Buffer.alloc(0)), encodeS2(Buffer.from('hello')), maskedCrc(Buffer.from('x'))]) expect((await read(bytes)).problems).toHaveLength(1);
  });
});
