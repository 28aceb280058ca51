import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { createRounds, type Rounds, type RoundsOptions } from '#exporter/rounds.ts';
import type { Sample } from '#exporter/series.ts';
import type { Look, Source } from '#exporter/source.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import { createVirtualClock } from '../../kit/clock.ts';

const stale = (state: string, value: number): Sample => ({ series: 'cordum_stale_jobs', labels: { state }, value });
const TIMEOUT: Look = { samples: [], failure: { reason: 'timeout', message: 'no answer' } };
const started: Rounds[] = [];
afterEach(async () => {
  for (const rounds of started.splice(0)) await rounds.stop();
});

/** A source that answers one look after the other, and the last one for ever. */
function rig(looks: readonly (Look | (() => Promise<Look>))[], options: Partial<RoundsOptions> = {}) {
  const clock = createVirtualClock();
  const registry = new Registry();
  let asked = 0;
  const source: Source = {
    target: 'prod',
    name: 'jobs',
    everyMs: 30_000,
    async look() {
      const look = looks[Math.min(asked, looks.length - 1)];
      asked += 1;
      if (look === undefined) throw new Error('no look');
      return typeof look === 'function' ? look() : look;
    },
  };
  const rounds = createRounds({ sources: [source], clock, registry, log: silentLog, ...options });
  started.push(rounds);
  const values = async (name: string): Promise<Record<string, number>> =>
    Object.fromEntries(((await registry.getSingleMetric(name)?.get())?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(' '), value]));
  return { clock, rounds, values, asked: () => asked };
}

describe('the series of a source', () => {
  test('are not there before the first look, and the source is not up: absent is never healthy', async () => {
    const { values } = rig([{ samples: [] }]);
    expect(await values('cordum_stale_jobs')).toEqual({});
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 0 });
    expect(await values('cordum_exporter_source_last_success_timestamp_seconds')).toEqual({ 'prod jobs': 0 });
  });

  test('are what was seen, and go when a whole look no longer has them', async () => {
    const { clock, rounds, values } = rig([{ samples: [stale('running', 3), stale('pending', 1)] }, { samples: [stale('running', 4)] }]);
    await rounds.start();
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 3, 'prod pending': 1 });
    expect(await values('cordum_exporter_source_last_success_timestamp_seconds')).toEqual({ 'prod jobs': Date.UTC(2026, 0, 1) / 1_000 });
    await clock.advance(30_000);
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 4 });
  });

  test('keep their last values while the look fails, and the source is down; what a partial look saw is new', async () => {
    const partly: Look = { samples: [stale('running', 9)], failure: { reason: 'timeout', message: 'pending did not answer' } };
    const { clock, rounds, values } = rig([{ samples: [stale('running', 3), stale('pending', 1)] }, TIMEOUT, partly, { samples: [stale('running', 2)] }]);
    await rounds.start();
    await clock.advance(30_000);
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 3, 'prod pending': 1 });
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 0 });
    await clock.advance(30_000);
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 9, 'prod pending': 1 });
    expect(await values('cordum_exporter_source_last_success_timestamp_seconds')).toEqual({ 'prod jobs': Date.UTC(2026, 0, 1) / 1_000 });
    await clock.advance(30_000);
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 2 });
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 1 });
  });

  test('have a limit, and their labels too, whatever the target is made to answer', async () => {
    const told: string[] = [];
    const log: Log = { ...silentLog, warn: (_fields, message) => told.push(message) };
    const { rounds, values } = rig([{ samples: Array.from({ length: 700 }, (_, i) => stale(`${String(i).padStart(4, '0')}${'x'.repeat(9_000)}`, i)) }], { log });
    await rounds.poll();
    await rounds.poll();
    const labels = Object.keys(await values('cordum_stale_jobs'));
    expect(labels).toHaveLength(500);
    expect(Math.max(...labels.map((label) => label.length))).toBeLessThan(250);
    expect(told.filter((message) => message.includes('limit'))).toHaveLength(1);
  });
});

describe('a look', () => {
  test('that hangs ends at its time, though its port does not heed the signal, and the rounds go on', async () => {
    const { clock, rounds, values } = rig([() => new Promise<Look>(() => {}), { samples: [stale('running', 1)] }]);
    const first = rounds.start();
    await clock.advance(12_000);
    await first;
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 0 });
    await clock.advance(30_000);
    expect(await values('cordum_stale_jobs')).toEqual({ 'prod running': 1 });
  });

  test('that breaks by a mistake of ours counts as not seen, and the rounds go on', async () => {
    const { clock, rounds, values } = rig([() => Promise.reject(new TypeError('a bug')), { samples: [stale('running', 1)] }]);
    await rounds.start();
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 0 });
    await clock.advance(30_000);
    expect(await values('cordum_exporter_source_up')).toEqual({ 'prod jobs': 1 });
  });

  test('again is one that began later, shared by all who ask meanwhile', async () => {
    const open: ((look: Look) => void)[] = [];
    const { rounds, asked } = rig([() => new Promise<Look>((resolve) => open.push(resolve))]);
    const round = rounds.poll();
    const both = Promise.all([rounds.reread('prod', 'jobs'), rounds.reread('prod', 'jobs')]);
    await Promise.resolve();
    open[0]?.({ samples: [stale('running', 90)] });
    await round;
    while (open.length < 2) await Promise.resolve();
    open[1]?.({ samples: [stale('running', 2)] });
    for (const answer of await both) expect(answer).toMatchObject({ seen: true, samples: [{ value: 2 }] });
    expect(asked()).toBe(2);
  });

  test('again that fails has not seen, and neither has one at a source that the target does not have', async () => {
    const { rounds } = rig([TIMEOUT]);
    expect(await rounds.reread('prod', 'jobs')).toEqual({ seen: false, because: 'no answer' });
    expect(await rounds.reread('prod', 'backups')).toMatchObject({ seen: false });
    expect(await rounds.reread('other', 'jobs')).toMatchObject({ seen: false });
  });

  test('no longer begins after the end, and the end waits for nobody', async () => {
    const { clock, rounds, asked } = rig([() => new Promise<Look>(() => {})]);
    const first = rounds.start();
    await Promise.resolve();
    await rounds.stop();
    await first;
    await clock.advance(600_000);
    expect(asked()).toBe(1);
  });
});
