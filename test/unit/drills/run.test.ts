import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Store } from '#backups/names.ts';
import { failed, passed } from '#drills/check.ts';
import type { StoreDrill } from '#drills/drilled.ts';
import { runDrill, type DrillRequest, type StorePart } from '#drills/run.ts';
import type { Sandbox } from '#drills/sandbox/sandbox.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { systemClock } from '#kernel/clock.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A directory with these entries. */
function backups(...names: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'run-'));
  folders.push(directory);
  for (const name of names) writeFileSync(join(directory, name), '{}');
  return directory;
}

const REDIS = 'redis-20261121T060000Z.rdb';
const CONFIG = 'config-20261121T060100Z.json';
const TAKEN = Date.parse('2026-11-21T06:00:00Z');
const ALONE = { identity: ['a'], addresses: ['redis:6379'], connections: { opened: 1, closed: 1 } };

function restored(store: Store): StoreDrill {
  return { checks: [passed(`${store}.restore.loads`, 'It loads.')], takenMs: TAKEN, newestMs: TAKEN, servers: [{ id: store, version: '1', address: '127.0.0.1:1' }] };
}

function part(store: Store, more: Partial<StorePart> = {}): StorePart {
  return { store, drill: async () => restored(store), ...more };
}

async function run(directory: string, parts: readonly StorePart[], more: Partial<DrillRequest> = {}) {
  const did: string[] = [];
  const sandbox: Sandbox = {
    kind: 'local',
    id: 'fake00',
    directory,
    addresses: () => ['127.0.0.1:1'],
    loadRedis: () => Promise.reject(new Error('not asked for')),
    startNats: () => Promise.reject(new Error('not asked for')),
    async teardown() {
      did.push('teardown');
      return { processes: 0, directoryGone: true, left: [] };
    },
  };
  const outcome = await runDrill(
    { id: 'x', store: 'all', directory, choice: { kind: 'latest' }, limits: { maxAgeMs: 1, tolerance: 0.5, rpoMs: 1e15, rtoMs: 1e6 }, parts, ...more },
    {
      clock: systemClock,
      signal: new AbortController().signal,
      redisCheckRdb: undefined,
      async createSandbox() {
        did.push('sandbox');
        return { sandbox, reaped: [] };
      },
      connect: () => Promise.reject(new Error('not asked for')),
    },
  );
  const of = (status: string): string[] => outcome.checks.filter((check) => check.status === status).map(({ name }) => name);
  return { outcome, did, failures: of('failed'), skipped: of('skipped') };
}

describe('a drill of several stores', () => {
  it('passes when each is restored, and goes on without one that may be missing', async () => {
    const { outcome, did, skipped } = await run(backups(REDIS), [part('redis'), part('config', { optional: true })]);
    expect([outcome.status, did, skipped]).toEqual(['passed', ['sandbox', 'teardown'], ['config.backup.found']]);
    expect(outcome.backup?.set).toBe('redis-20261121T060000Z');
  });

  it('tries the other stores when one has no backup, and has failed', async () => {
    const { outcome, failures } = await run(backups(CONFIG), [part('redis'), part('config', { optional: true })]);
    expect([outcome.status, failures, outcome.servers.map(({ id }) => id)]).toEqual(['failed', ['redis.backup.found'], ['config']]);
  });

  it('has failed when one of them was not restored, although no check says so: skipped is never passed', async () => {
    const { outcome, failures } = await run(backups(REDIS, CONFIG), [part('redis'), part('config', { optional: true, drill: async () => ({ ...restored('config'), checks: [] }) })]);
    expect([outcome.status, failures]).toEqual(['failed', []]);
  });

  it('starts no sandbox when one of the live systems cannot be read', async () => {
    const { outcome, did, failures } = await run(backups(REDIS, CONFIG), [part('redis', { readLive: async () => succeed(ALONE) }), part('config', { readLive: async () => fail('unreachable', 'It is gone.') })]);
    expect([outcome.status, did, failures, outcome.live]).toEqual(['failed', [], ['config.live.readable'], ALONE]);
  });

  it('reads a live system that two stores share as one', async () => {
    const { outcome } = await run(backups(REDIS, CONFIG), [part('redis', { readLive: async () => succeed(ALONE) }), part('config', { readLive: async () => succeed(ALONE) })]);
    expect(outcome.live).toEqual(ALONE);
  });

  it('ends with its teardown when a store breaks off, and compares nothing', async () => {
    let compared = 0;
    const across: DrillRequest['across'] = async () => {
      compared += 1;
      return { checks: [], consistency: null };
    };
    const { outcome, did, failures } = await run(backups(REDIS, CONFIG), [part('redis', { drill: () => Promise.reject(new Error('no room')) }), part('config')], { across });
    expect([outcome.status, did, failures, compared]).toEqual(['failed', ['sandbox', 'teardown'], ['redis.drill.completes'], 0]);
  });

  it('looks across the stores when each was tried, and fails by what is failed there', async () => {
    const seen: string[][] = [];
    const across: DrillRequest['across'] = async (drilled) => {
      seen.push(drilled.map(({ store }) => store));
      return { checks: [failed('system.consistency.jobs', 'Not measured.')], consistency: null };
    };
    const { outcome, failures } = await run(backups(REDIS, CONFIG), [part('redis'), part('config')], { across });
    expect([outcome.status, failures, seen]).toEqual(['failed', ['system.consistency.jobs'], [['redis', 'config']]]);
  });
});
