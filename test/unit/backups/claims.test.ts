import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { lostFromBlock, readBlockIndex } from '#backups/archive/block-index.ts';
import { consumerFaults } from '#backups/archive/consumers.ts';
import { highwayHash64 } from '#backups/archive/highway-hash.ts';
import { lostBlocks, type StreamArchive } from '#backups/archive/archive.ts';
import { readInventory } from '#backups/inventory.ts';
import { readManifest } from '#backups/manifest.ts';
import { readName } from '#backups/names.ts';
import { crc64, lookAtDump } from '#backups/redis/dump.ts';
import { lookAtRdb } from '#backups/redis/rdb-file.ts';
import { crc64 as crc64ByTheKit } from '../../kit/backups/rdb.ts';

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function newFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'claims-'));
  folders.push(made);
  return made;
}

/** Of a nats-server 2.9.10: a stream of 60 messages, of which 7 and 9 were deleted, and a consumer that was never used. */
const INDEX = Buffer.from('16013ac21201ec87f3e68caa83ea313c98b8c9e08daa83ea3102101342a7c77405840608', 'hex');
const CONSUMER = Buffer.from('{"Created":"2026-11-21T09:52:01.941100752Z","Name":"worker","durable_name":"worker","name":"worker","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"filter_subject":"job.s1","replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"num_replicas":0}');
const SUM = Buffer.from('70d4b0c4a61ed257');
const USED = Buffer.from('1602020211130584a78bb00d0101020c0a020907020f0d0204040200', 'hex');

describe('the seal of a description', () => {
  it('is the hash that a server writes', () => {
    expect(highwayHash64(createHash('sha256').update('CORDUM_JOBS/worker').digest(), CONSUMER)).toBe(SUM.toString());
  });

  it('tells a consumer that was changed, renamed, or whose state cannot be', () => {
    const files = (more: Record<string, Buffer> = {}) => new Map(Object.entries({ 'meta.inf': CONSUMER, 'meta.sum': SUM, 'o.dat': USED, ...more }));
    expect(consumerFaults('worker', files(), 'CORDUM_JOBS')).toEqual([]);
    expect(consumerFaults('worker', files({ 'o.dat': Buffer.from('1602000000000000', 'hex') }), 'CORDUM_JOBS')).toEqual([]);
    expect(consumerFaults('worker', files(), 'CORDUM_SYS')).toEqual(['has another description than was sealed']);
    expect(consumerFaults('walker', files(), 'CORDUM_JOBS')).toEqual(['is that of worker']);
    for (const state of [Buffer.alloc(0), USED.subarray(0, -1), Buffer.concat([USED, Buffer.from([0])]), Buffer.from('1602130211020000', 'hex')]) expect(consumerFaults('worker', files({ 'o.dat': state }), 'CORDUM_JOBS')).toEqual(['has a state that cannot be']);
  });

  it('takes any bytes, and ends', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const any = Buffer.from(bytes);
      expect(consumerFaults('worker', new Map([['meta.inf', any], ['meta.sum', any], ['o.dat', any]]), 'S').length).toBe(1);
      expect(consumerFaults('worker', new Map([['meta.inf', CONSUMER], ['meta.sum', SUM], ['o.dat', any]]), 'CORDUM_JOBS').length).toBeLessThanOrEqual(1);
      readBlockIndex(any);
    }));
  });
});

describe('the index of a block', () => {
  it('says what the block holds, and so what it has lost', () => {
    const index = readBlockIndex(INDEX);
    if (index === undefined) throw new Error('it cannot be read');
    expect(index).toEqual({ messages: 58, firstSeq: 1, lastSeq: 60, lastDeleted: false });
    const whole = { records: 59, firstSeq: 1, lastSeq: 60 };
    expect(lostFromBlock(index, whole)).toBe('');
    expect(lostFromBlock(index, { ...whole, records: 57 })).toContain('holds 57 messages');
    expect(lostFromBlock(index, { ...whole, firstSeq: 2 })).toContain('first message is 2');
    expect(lostFromBlock(index, { ...whole, lastSeq: 59 })).toContain('last message is 59');
    expect(lostFromBlock({ ...index, lastDeleted: true }, { ...whole, lastSeq: 59 })).toBe('');
    for (let cut = 0; cut < INDEX.length; cut += 1) expect(readBlockIndex(INDEX.subarray(0, cut))).toBeUndefined();
  });

  it('is not needed to see that the block in the middle is gone', () => {
    const archive = { gaps: [{ said: 'block 3 follows block 1', sequences: 20 }] } as unknown as StreamArchive;
    expect(lostBlocks(archive, { messages: 60, first_seq: 1, last_seq: 60 })).toHaveLength(1);
    expect(lostBlocks(archive, { messages: 40, first_seq: 1, last_seq: 60 })).toEqual([]);
    expect(lostBlocks(archive, undefined)).toHaveLength(1);
    expect(lostBlocks({ ...archive, config: { retention: 'limits' } }, undefined)).toHaveLength(1);
    for (const config of [{ retention: 'workqueue' }, { retention: 'interest' }, { max_msgs_per_subject: 1 }, { allow_rollup_hdrs: true }]) expect(lostBlocks({ ...archive, config }, undefined)).toEqual([]);
  });
});

describe('the dump of a key', () => {
  it('carries the checksum of Redis', () => {
    expect(crc64(Buffer.from('123456789'))).toBe(0xe9c6d914c4b8d9can);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc64(bytes) === crc64ByTheKit(bytes)));
  });

  it('is told from one with a byte changed, one that was cut, and one with a newline behind it', () => {
    const body = Buffer.concat([Buffer.from([0, 3]), Buffer.from('abc'), Buffer.from([10, 0])]);
    const sum = Buffer.alloc(8);
    sum.writeBigUInt64LE(crc64(body));
    const dump = Buffer.concat([body, sum]);
    expect(lookAtDump(dump)).toEqual({ because: '', newline: false });
    expect(lookAtDump(Buffer.concat([dump, Buffer.from('\n')]))).toEqual({ because: '', newline: true });
    for (let at = 0; at < dump.length; at += 1) {
      expect(lookAtDump(Buffer.from(dump.map((byte, i) => (i === at ? byte ^ 1 : byte)))).because).not.toBe('');
      expect(lookAtDump(dump.subarray(0, at)).because).not.toBe('');
    }
  });
});

describe('what stands in a directory', () => {
  it('is read to its end, also where a pipe has the name of a backup or of a manifest', async () => {
    const directory = newFolder();
    mkdirSync(join(directory, 'nats-20261121T060000Z'));
    for (const name of ['redis-20261121T060000Z.rdb', 'redis-20261121T060000Z.manifest.json', 'nats-20261121T060000Z/CORDUM_SYS.snapshot']) execFileSync('mkfifo', [join(directory, name)]);
    writeFileSync(join(directory, 'nats-20261121T060000Z/CORDUM_JOBS.snapshot'), 'a bare archive');
    const read = await readInventory(directory);
    if (!read.ok) throw new Error(read.failure.message);
    const [redis, nats] = read.value.sets;
    expect(redis).toMatchObject({ manifest: { unreadable: 'it is no plain file' }, files: [{ odd: 'is no plain file' }] });
    expect(nats?.files).toMatchObject([{ stream: 'CORDUM_JOBS', path: 'nats-20261121T060000Z/CORDUM_JOBS.snapshot', bytes: 14 }, { stream: 'CORDUM_SYS', odd: expect.stringContaining('cannot be read') }]);
  });

  it('is told by names, manifests and heads of any text and any bytes', async () => {
    const path = join(newFolder(), 'any.rdb');
    await fc.assert(fc.asyncProperty(fc.string(), fc.uint8Array({ maxLength: 400 }), async (text, bytes) => {
      readName(text);
      expect(readManifest(text).ok).toBe(false);
      writeFileSync(path, Buffer.concat([Buffer.from('REDIS0010'), bytes]));
      expect(typeof (await lookAtRdb(path)).ok).toBe('boolean');
    }), { numRuns: 300 });
  });
});
