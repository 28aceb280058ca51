import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differingState } from '#backups/archive/archive.ts';
import { whyNotReadable } from '#backups/archive/readable.ts';
import { ttlMs } from '#backups/archive/ttl.ts';
import { compareStreams, putStream, type StreamPort } from '#backups/restore/nats.ts';
import { readInventory } from '#backups/inventory.ts';
import { verifySet } from '#backups/verify.ts';
import { answerOf, layOut, noSuch, notAsked, readRecorded, takeRecorded } from '../../kit/backups/recorded.ts';
import { testFolder } from '../../kit/drills/backups.ts';

describe('a snapshot of nats-server 2.15.1', () => {
  it('is read for what the server said of it, with the time at which it was taken', async () => {
    const { state } = await answerOf('redelivered-2.15.1');
    const seen = await readRecorded('redelivered-2.15.1');
    expect(seen).toMatchObject({ format: 'v2', problems: [], messages: 30, firstSeq: 1, lastSeq: 30, newestMs: Date.parse(state.last_ts), consumers: [{ name: 'r' }] });
    expect(new Date(seen.writtenMs ?? 0).toISOString()).toMatch(/^2026-11-21T12:58:4/);
    expect(differingState(seen, state)).toEqual([]);
  });

  it('differs from an answer that says anything else', async () => {
    const { state } = await answerOf('redelivered-2.15.1');
    const seen = await readRecorded('redelivered-2.15.1');
    for (const field of ['messages', 'bytes', 'first_seq', 'last_seq', 'num_deleted', 'consumer_count'] as const) expect(differingState(seen, { ...state, [field]: state[field] + 1 })).toEqual([field]);
    expect(differingState(seen, { ...state, last_ts: '2026-11-21T12:00:00Z' })).toEqual(['last_ts']);
  });

  it('is whole in its place, and not beside the answer for another one', async () => {
    const directory = await testFolder('recorded');
    const name = await layOut(directory, '20261121T125800Z', 'redelivered-2.15.1');
    const verify = async (): Promise<string> => {
      const inventory = await readInventory(directory);
      const [set] = inventory.ok ? inventory.value.sets : [];
      if (set === undefined) throw new Error('there is one');
      return (await verifySet(directory, set, { checkRdb: undefined })).problems.filter(({ file }) => file !== '').map(({ problem }) => problem).join('; ');
    };
    expect(await verify()).toBe('');
    const { config, state } = await answerOf('redelivered-2.15.1');
    await writeFile(join(directory, 'nats-20261121T125800Z', `${name}.snapshot`, 'backup.json'), JSON.stringify({ config, state: { ...state, bytes: 7 } }));
    expect(await verify()).toBe('it and the archive differ in bytes');
  });

  it.for(['stream.tar.s2', 'stream.arc.s2'])('is found where natscli calls it %s, once', async (archive) => {
    const directory = await testFolder('recorded');
    const stream = await layOut(directory, '20261121T125800Z', 'redelivered-2.15.1', archive);
    const files = async (): Promise<unknown> => {
      const inventory = await readInventory(directory);
      return inventory.ok ? inventory.value.sets.flatMap((set) => set.files.map(({ path, odd }) => [path.split('/').at(-1), odd])) : inventory;
    };
    expect(await files()).toEqual([['backup.json', undefined], [archive, undefined]]);
    await layOut(directory, '20261121T125800Z', 'redelivered-2.15.1', 'stream.arc.s2');
    await layOut(directory, '20261121T125800Z', 'redelivered-2.15.1', 'stream.tar.s2');
    const inventory = await readInventory(directory);
    const [set] = inventory.ok ? inventory.value.sets : [];
    if (set === undefined) throw new Error('there is one');
    expect((await verifySet(directory, set, { checkRdb: undefined })).problems.map(({ problem }) => problem)).toContain(`there is another archive of ${stream}`);
  });

  it('tells which messages outlive their own time to live', async () => {
    const at = Date.parse('2026-11-21T13:15:31.500Z');
    const alive = async (seconds: number): Promise<number | undefined> => (await readRecorded('own-ttl-2.15.1', { ttlAtMs: at + seconds * 1_000 })).messagesSince;
    expect([await alive(0), await alive(58), await alive(61)]).toEqual([50, 50, 25]);
    expect((await readRecorded('own-ttl-2.15.1')).messagesSince).toBe(50);
  });
});

describe('a time to live in a header', () => {
  it.for([
    ['60', 60_000], ['1h', 3_600_000], ['1h30m', 5_400_000], ['1.5s', 1_500], ['250ms', 250], ['never', undefined], ['1x', undefined], ['', undefined], ['-5', undefined],
  ] as const)('of "%s" is read as Go reads it', ([text, ms]) => {
    expect(ttlMs(Buffer.from(`NATS/1.0\r\nA: b\r\nNats-TTL: ${text}\r\n\r\n`))).toBe(ms);
  });

  it('of another header is none', () => {
    for (const header of ['', 'NATS/1.0\r\n\r\n', 'NATS/1.0\r\nX-Nats-TTL: 60\r\n\r\n', 'NATS/1.0\r\nX: Nats-TTL: 60\r\n\r\n']) expect(ttlMs(Buffer.from(header))).toBeUndefined();
  });
});

describe('what a server reads', () => {
  it('is what was written by itself or an earlier one, and of a later one what has no more in it', () => {
    for (const server of ['2.9.10', '2.10.27', '2.14.0']) expect(whyNotReadable({ format: 'v2', by: '2.15.1', deleted: false }, server)).toContain(`nats-server ${server} does not read`);
    for (const server of ['2.15.1', '2.16.0', '3.0.0']) expect(whyNotReadable({ format: 'v2', by: '2.15.1', deleted: true }, server)).toBe('');
    expect(whyNotReadable({ format: 'v1', by: '2.10.27', deleted: true }, '2.9.10')).toContain('2.10.27');
    for (const [server, deleted] of [['2.9.10', false], ['2.10.27', true], ['2.15.1', true]] as const) expect(whyNotReadable({ format: 'v1', by: '', deleted }, server)).toBe('');
  });

  it('has marks of deletions since 2.10', async () => {
    expect(await readRecorded('deleted-2.10.27')).toMatchObject({ format: 'v1', problems: [], deletionMarks: 17, indexedAsOne: true });
    expect((await readRecorded('redelivered-2.15.1')).deletionMarks).toBeUndefined();
  });

  it.for(['deleted-2.10.27', 'redelivered-2.15.1'] as const)('is asked before a live stream is touched: %s is not put into 2.9.10', async (recorded) => {
    const directory = await testFolder('recorded');
    const stamp = await takeRecorded(directory, recorded);
    const { name } = (await answerOf(recorded)).config;
    const port = (version: string): StreamPort => ({ server: { id: 'ID', name: 'live', version, cluster: '' }, streams: async () => ({ ok: true, value: [] }), state: noSuch, snapshot: notAsked, digest: notAsked, restore: notAsked, remove: notAsked });
    const asked = { stamp, streams: undefined };
    expect(await compareStreams(directory, asked, port('2.9.10'))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringMatching(/2\.9\.10/) } });
    const compared = await compareStreams(directory, asked, port('2.15.1'));
    if (!compared.ok) throw new Error(compared.failure.message);
    const [change] = compared.value.streams;
    if (change === undefined) throw new Error('it holds one');
    expect(change.stream).toBe(name);
    expect(await putStream(directory, stamp, change, port('2.9.10'), new AbortController().signal)).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no' } });
  });
});
