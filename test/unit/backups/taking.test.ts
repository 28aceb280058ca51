import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '#backups/manifest.ts';
import { claimStamp, discard, finishSet, writeFailure } from '#backups/taking.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { readNodes, reachPrimary, type Primary } from '#backups/redis/topology.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { waitFor } from '../../kit/servers/process.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'taking-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const never = new AbortController().signal;
const SHA = 'b'.repeat(64);
const manifest: Manifest = {
  version: 1,
  store: 'config',
  takenAt: '2026-11-21T06:00:00.000Z',
  finishedAt: '2026-11-21T06:00:00.000Z',
  tool: { name: 't', version: '1' },
  source: { address: 'a:1', serverVersion: '7', identity: [], mode: 'standalone' },
  files: [{ path: 'a', bytes: 1, sha256: SHA }],
  complete: true,
  missing: [],
  config: { keys: [{ key: 'k', type: 'string', sha256: SHA }] },
};

describe('a set of files', () => {
  it('stands there as a whole with its manifest, and nothing else', async () => {
    for (const name of ['a', 'b']) writeFileSync(join(directory, `${name}.part`), name);
    await finishSet(directory, 'S', ['a', 'b'], manifest);
    await discard(directory, 'config', 'S', ['a', 'b']);
    expect(readdirSync(directory)).toEqual(['a', 'b', 'config-S.manifest.json']);
    expect(JSON.parse(readFileSync(join(directory, 'config-S.manifest.json'), 'utf8'))).toEqual(manifest);
  });

  it('does not stand there in part when one of its files cannot get its name', async () => {
    for (const name of ['a', 'b']) writeFileSync(join(directory, `${name}.part`), name);
    // A folder with something in it is not replaced by a file.
    mkdirSync(join(directory, 'b', 'x'), { recursive: true });
    await expect(finishSet(directory, 'S', ['a', 'b'], manifest)).rejects.toThrow('EISDIR');
    await discard(directory, 'config', 'S', ['a', 'b']);
    expect(readdirSync(directory)).toEqual(['b']);
    await expect(finishSet(directory, 'S', ['gone'], manifest)).rejects.toThrow('ENOENT');
    expect(existsSync(join(directory, 'config-S.manifest.json'))).toBe(false);
  });

  it('gets a time that no other set of its store has, and waits for the next second where it is taken', async () => {
    const clock = createVirtualClock();
    const first = await claimStamp(directory, 'redis', clock, never);
    const other = await claimStamp(directory, 'nats', clock, never);
    if (!first.ok || !other.ok) throw new Error('nobody else is there');
    expect(other.value.stamp).toBe(first.value.stamp);
    const second = claimStamp(directory, 'redis', clock, never);
    const answered = second.then(() => true);
    await waitFor(async () => Promise.race([answered, clock.advance(100)]), { until: 'the second claim is answered', everyMs: 1 });
    const later = await second;
    expect(later.ok && later.value.startedMs > first.value.startedMs && later.value.stamp !== first.value.stamp).toBe(true);
    const stop = new AbortController();
    const third = claimStamp(directory, 'redis', clock, stop.signal);
    stop.abort();
    expect(await third).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
  });
});

describe('what cannot be written', () => {
  it('is told by its cause, a full disk above all', () => {
    const error = (code: string) => Object.assign(new Error(code), { code });
    expect(writeFailure('/b', error('ENOSPC'))).toEqual({ reason: 'unavailable', message: '/b cannot be written: there is no room left (ENOSPC).' });
    expect(writeFailure('/b', error('EROFS'))).toEqual({ reason: 'forbidden', message: '/b cannot be written: it is mounted read-only (EROFS).' });
    expect(writeFailure('/b', error('EIO')).message).toBe('/b cannot be written: EIO.');
  });
});

const NODES = `e1 127.0.0.1:7001@17001,host-1 master - 0 1 2 connected 5461-10922 [93->-e2]
e2 :7002@17002 myself,master - 0 1 3 connected 0-5460 10923
e3 10.0.0.3:7003@17003 master,fail - 1 1 1 disconnected 10924-16383
e4 [::1]:7004@17004 slave e1 0 1 2 connected
`;

describe('the nodes of a cluster', () => {
  it('are read with their slots, without slots on the move; one that does not know its address stands where we asked', () => {
    expect(readNodes(NODES, { host: 'given', port: 1 })).toEqual([
      { nodeId: 'e1', host: '127.0.0.1', port: 7001, primary: true, failing: false, slots: ['5461-10922'] },
      { nodeId: 'e2', host: 'given', port: 7002, primary: true, failing: false, slots: ['0-5460', '10923'] },
      { nodeId: 'e3', host: '10.0.0.3', port: 7003, primary: true, failing: true, slots: ['10924-16383'] },
      { nodeId: 'e4', host: '[::1]', port: 7004, primary: false, failing: false, slots: [] },
    ]);
  });

  it('are looked for behind the given host where their own address leads nowhere, and must be the ones that are meant', async () => {
    const primary: Primary = { nodeId: 'e1', host: '172.17.0.2', port: 7001, slots: ['0-16383'], failing: false };
    let closed = 0;
    const node = (id: string): RedisConnection => ({
      call: async () => Promise.resolve(id),
      callBuffer: async () => Promise.resolve(id),
      close: async () => {
        closed += 1;
        return Promise.resolve();
      },
    });
    const world = (nodes: Readonly<Record<string, string>>) => async (at: { readonly host: string; readonly port: number }) => {
      const id = nodes[`${at.host}:${at.port}`];
      return Promise.resolve(id === undefined ? fail('unreachable', `nobody at ${at.host}`) : succeed(node(id)));
    };
    const reach = async (nodes: Readonly<Record<string, string>>) => {
      const reached = await reachPrimary(primary, { host: 'localhost' }, world(nodes));
      return reached.ok ? reached.value.host : reached.failure.message;
    };
    expect(await reach({ '172.17.0.2:7001': 'e1', 'localhost:7001': 'e1' })).toBe('172.17.0.2');
    expect(await reach({ 'localhost:7001': 'e1' })).toBe('localhost');
    expect(closed).toBe(0);
    expect(await reach({ 'localhost:7001': 'other' })).toBe('nobody at 172.17.0.2');
    expect(await reach({ '172.17.0.2:7001': 'other' })).toBe('Redis at 172.17.0.2:7001 is another node than the cluster says.');
    expect(closed).toBe(2);
  });
});
