import { mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { processesIn, reapOrphans } from '#drills/sandbox/lease.ts';
import { systemClock } from '#kernel/clock.ts';
import { backUpNats, backUpRedis, fillNats, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { freeze } from '../../kit/servers/freeze.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startProcess, waitFor, type ServerProcess } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const PROGRESS = /^(?:live|detect|fetch|restore|verify|ready|teardown): /gm;

interface Place {
  readonly store: 'redis' | 'nats';
  readonly backups: string;
  readonly temp: string;
  readonly out: string;
}

function command(...args: readonly string[]): ServerProcess {
  return startProcess({ what: 'runbook-bot', command: process.execPath, args: [MAIN, ...args], env: { PATH: process.env['PATH'] } });
}

function drill({ store, backups, temp, out }: Place): ServerProcess {
  return command('drill', 'run', store, '--backups', backups, '--temp', temp, '--out', out, '--json');
}

const ended = (child: ServerProcess): Promise<true> => waitFor(async () => (child.running() ? undefined : true), { until: 'the command has ended' });
const linesOf = (child: ServerProcess): number => [...child.output().matchAll(PROGRESS)].length;

/** The working directory of a process that has just been forked is not yet its own: what is left is looked for after the reaper. */
async function reap(temp: string): Promise<void> {
  const reaper = command('drill', 'reap', '--temp', temp);
  await ended(reaper);
  expect(reaper.output()).toContain('ended with code 0');
}

async function place(store: 'redis' | 'nats'): Promise<Place> {
  const root = await testFolder('killed');
  const [backups, temp, out] = ['backups', 'temp', 'out'].map((name) => `${root}/${name}`) as [string, string, string];
  for (const folder of [backups, temp]) mkdirSync(folder);
  if (store === 'redis') {
    const redis = await startRedis();
    await fillRedis(redis, 3_000);
    await backUpRedis(redis, backups, Date.now());
    await redis.stop();
  } else {
    const nats = await startNats();
    await fillNats(nats, 200);
    await backUpNats(nats, backups, Date.now());
    await nats.stop();
  }
  return { store, backups, temp, out };
}

describe('a drill that is killed', () => {
  it.for(['redis', 'nats'] as const)('of %s at any of its steps leaves neither a process nor a folder behind, once the reaper has been there', async (store) => {
    const where = await place(store);
    const whole = drill(where);
    await ended(whole);
    expect(whole.output()).toContain('"status":"passed"');
    expect(readdirSync(where.temp)).toEqual([]);
    const steps = linesOf(whole);
    expect(steps).toBeGreaterThanOrEqual(6);

    let foundFolders = 0;
    for (let step = 1; step <= steps; step += 1) {
      const child = drill(where);
      await waitFor(async () => (linesOf(child) >= step || !child.running() ? true : undefined), { until: `the drill has come to its step ${step}`, everyMs: 2 });
      await child.stop('SIGKILL');
      foundFolders += readdirSync(where.temp).length;
      // As its command does; that one is tried where a drill still works.
      await reapOrphans(where.temp, systemClock);
      expect(readdirSync(where.temp), `killed at step ${step}`).toEqual([]);
      expect(await processesIn(where.temp), `killed at step ${step}`).toEqual([]);
    }
    // Otherwise the reaper had nothing to do, and this test nothing to say.
    expect(foundFolders).toBeGreaterThanOrEqual(3);
  });

  it('is cleared up by the next drill, which says so', async () => {
    const where = await place('redis');
    const child = drill(where);
    await waitFor(async () => (/^verify: /m.test(child.output()) || !child.running() ? true : undefined), { until: 'the server of the sandbox runs', everyMs: 2 });
    await child.stop('SIGKILL');
    const left = readdirSync(where.temp);
    const next = drill(where);
    await ended(next);
    expect(left).toHaveLength(1);
    expect(next.output()).toContain(`"reaped":["${where.temp}/${left[0]}"]`);
    expect(readdirSync(where.temp)).toEqual([]);
  });

  it('is not cleared up while it still works', async () => {
    const where = await place('redis');
    const child = drill(where);
    await waitFor(async () => (/^fetch: /m.test(child.output()) ? true : undefined), { until: 'the sandbox is there', everyMs: 2 });
    freeze(child.pid);
    const before = readdirSync(where.temp);
    await reap(where.temp);
    const after = readdirSync(where.temp);
    process.kill(child.pid, 'SIGCONT');
    await ended(child);
    expect(before).toHaveLength(1);
    expect(after).toEqual(before);
    expect(child.output()).toContain('"status":"passed"');
  });
});

describe('a drill that is asked to stop', () => {
  it.for(['SIGINT', 'SIGTERM'] as const)('by %s tears its sandbox down, keeps evidence that it failed, and exits with 1', async (signal) => {
    const where = await place('redis');
    const child = drill(where);
    await waitFor(async () => (/^restore: /m.test(child.output()) ? true : undefined), { until: 'it restores', everyMs: 2 });
    await child.stop(signal);
    expect(child.output()).toContain('ended with code 1');
    expect(child.output()).toContain('"status":"failed"');
    expect(readdirSync(where.temp)).toEqual([]);
    expect(await processesIn(where.temp)).toEqual([]);
    expect(readdirSync(where.out).filter((name) => name.endsWith('.json'))).toHaveLength(1);
  });
});
