import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkIsolation } from '#drills/isolation.ts';
import { readAddress, withResolved } from '#drills/live-address.ts';
import { drillRedis } from '#drills/redis/drill-redis.ts';
import type { RedisLive } from '#drills/redis/facts.ts';
import { prefixOf } from '#drills/redis/live.ts';
import { runDrill, type StorePart } from '#drills/run.ts';
import type { Sandbox } from '#drills/sandbox/sandbox.ts';
import { systemClock } from '#kernel/clock.ts';
import { succeed } from '#kernel/failure.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const LIVE: RedisLive = { mode: 'standalone', primaries: [], documents: [], unread: [], identity: ['live-run', 'live-node'], addresses: ['redis:6379', '10.0.0.7:6379'], keys: 1, prefixes: [] };

/** A sandbox that turns out to be `server`. */
async function drillInto(server: { readonly runId: string; readonly host: string; readonly port: number }) {
  const directory = mkdtempSync(join(tmpdir(), 'isolation-'));
  folders.push(directory);
  writeFileSync(join(directory, 'redis-20261121T060000Z.rdb'), 'REDIS0010');
  const asked: string[] = [];
  let torn = 0;
  const sandbox: Sandbox = {
    kind: 'local',
    id: 'fake00',
    directory: join(directory, 'sandbox'),
    addresses: () => [`${server.host}:${server.port}`],
    loadRedis: async () => succeed([{ ...server, password: '', version: '7.0.15', loaded: { keys: 0, expired: 0 }, loadMs: 1 }]),
    startNats: () => Promise.reject(new Error('not asked for')),
    teardown: async () => {
      torn += 1;
      return { processes: 1, directoryGone: true, left: [] };
    },
  };
  const limits = { maxAgeMs: 1, tolerance: 0.5, rpoMs: 1, rtoMs: 1 };
  const redis: StorePart<RedisLive> = { store: 'redis', readLive: async () => succeed(LIVE), drill: (set, live, ctx) => drillRedis({ directory, set, live, canary: undefined }, ctx) };
  const outcome = await runDrill(
    { id: 'x', store: 'redis', directory, choice: { kind: 'latest' }, limits, parts: [redis] },
    {
      clock: systemClock,
      signal: new AbortController().signal,
      redisCheckRdb: undefined,
      createSandbox: async () => ({ sandbox, reaped: [] }),
      connect: (at) => {
        asked.push(`${at.host}:${at.port}`);
        return Promise.reject(new Error('no connection in this test'));
      },
    },
  );
  return { outcome, asked, torn, isolation: outcome.checks.find(({ name }) => name === 'redis.sandbox.isolated') };
}

describe('a sandbox that could be the live system', () => {
  it.for([
    ['its run id', { runId: 'live-run', host: '127.0.0.1', port: 34_567 }, 'live-run'],
    ['its id in the cluster', { runId: 'live-node', host: '127.0.0.1', port: 34_567 }, 'live-node'],
    ['its address', { runId: 'other', host: '10.0.0.7', port: 6_379 }, '10.0.0.7:6379'],
  ] as const)('by %s is refused: nothing is sent to it, and the drill has failed', async ([, server, named]) => {
    const { outcome, asked, torn, isolation } = await drillInto(server);
    expect(isolation).toMatchObject({ status: 'failed', detail: `The sandbox could be the live system: both have ${named}. Nothing more was done.` });
    expect(asked).toEqual([]);
    expect(torn).toBe(1);
    expect(outcome.status).toBe('failed');
  });

  it('is looked into when neither id nor address is one of the live system', async () => {
    const { asked, isolation } = await drillInto({ runId: 'other', host: '127.0.0.1', port: 34_567 });
    expect(isolation?.status).toBe('passed');
    expect(asked).toEqual(['127.0.0.1:34567']);
  });

  it('is told from it by NATS server ids as well', () => {
    expect(checkIsolation('nats', { ids: ['NABC'], addresses: [] }, { identity: ['NABC'], addresses: [] }).status).toBe('failed');
    expect(checkIsolation('nats', { ids: ['NABC'], addresses: [] }, { identity: ['NDEF'], addresses: [] }).status).toBe('passed');
  });
});

describe('addresses of a live system', () => {
  it('stand there by name and by what the name resolves to, each once', async () => {
    const asked: string[] = [];
    const addresses = await withResolved(
      [
        { host: 'redis', port: 1 },
        { host: 'redis', port: 2 },
        { host: '10.0.0.7', port: 1 },
        { host: '::1', port: 3 },
      ],
      async (host) => {
        asked.push(host);
        return ['10.0.0.7', 'fe80::1'];
      },
    );
    expect(addresses).toEqual(['redis:1', '10.0.0.7:1', '[fe80::1]:1', 'redis:2', '10.0.0.7:2', '[fe80::1]:2', '[::1]:3']);
    expect(asked).toEqual(['redis']);
  });

  it('are read as servers write them', () => {
    expect(['10.0.0.1:4222', '[::1]:4222', 'nats-0.nats:4222', 'nats', ''].map(readAddress)).toEqual([{ host: '10.0.0.1', port: 4222 }, { host: '::1', port: 4222 }, { host: 'nats-0.nats', port: 4222 }, undefined, undefined]);
  });
});

describe('prefixes of keys', () => {
  it('are the same here as in the script that counts in the server', () => {
    expect(['job:meta:1', 'job:1f3', 'plain', 'cfg:system:policy', 'a:B:c', `${'x'.repeat(80)}:1`].map(prefixOf)).toEqual(['job:meta', 'job', 'plain', 'cfg:system', 'a', 'x'.repeat(64)]);
  });
});
