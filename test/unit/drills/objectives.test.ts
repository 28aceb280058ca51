import { describe, expect, it } from 'vitest';
import type { BackupSet } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import type { Drilled } from '#drills/drilled.ts';
import { measureLoss, type Objectives } from '#drills/objectives.ts';

const HOUR = 3_600_000;
const STARTED = Date.parse('2026-11-21T12:00:00Z');
const TAKEN = STARTED - HOUR / 2;

function drilled(store: Store, newestMs: number | undefined): Drilled {
  const set: BackupSet = { store, stamp: '20261121T113000Z', namedMs: TAKEN, files: [{ path: 'a', bytes: 1, modifiedMs: TAKEN + 60_000 }], bytes: 1, manifest: 'none' };
  return { store, set, result: { checks: [], takenMs: TAKEN, newestMs, servers: [] } };
}

function loss(stores: readonly Drilled[], limits: Partial<Objectives> = {}) {
  const measured = measureLoss(stores, { startedMs: STARTED, limits: { rpoMs: HOUR, rtoMs: HOUR, ...limits } });
  return { ...measured, said: measured.checks.map(({ name, status }) => `${name} ${status}`) };
}

describe('the loss of data', () => {
  it('fails a drill only by an objective that somebody has set: the default warns, since a quiet system has old records', () => {
    const old = [drilled('redis', STARTED - 3 * HOUR)];
    expect(loss(old).said).toEqual(['redis.objective.rpo warning']);
    expect(loss(old, { rpoSet: true }).said).toEqual(['redis.objective.rpo failed']);
    expect(loss(old, { rpoSet: true, rpoMs: 3 * HOUR }).said).toEqual(['redis.objective.rpo passed']);
    expect(loss([drilled('redis', undefined)], { rpoSet: true })).toMatchObject({ rpoMs: undefined, said: ['redis.objective.rpo skipped'] });
  });

  it('is that of the store that loses most; configuration counts only when nothing else was restored', () => {
    const all = loss([drilled('redis', TAKEN), drilled('nats', TAKEN - 60_000), drilled('config', STARTED - 100 * HOUR)], { rpoSet: true });
    expect(all).toMatchObject({ rpoMs: HOUR / 2 + 60_000, newestMs: TAKEN - 60_000, said: ['redis.objective.rpo passed', 'nats.objective.rpo passed', 'config.objective.rpo warning'] });
    expect(loss([drilled('config', STARTED - 100 * HOUR)]).rpoMs).toBe(100 * HOUR);
  });

  it('counts from the backup where a record says that it is younger than the backup', () => {
    for (const [newest, said] of [[STARTED + 1_000_000 * HOUR, /of 2140-/], [9e15, /a time that there is not/], [TAKEN + HOUR / 4, /11:45/]] as const) {
      const seen = loss([drilled('redis', newest)]);
      expect(seen).toMatchObject({ rpoMs: HOUR / 2, newestMs: TAKEN, said: ['redis.objective.rpo passed', 'redis.objective.clock warning'] });
      expect(seen.checks[1]?.detail).toMatch(said);
    }
    expect(loss([drilled('redis', TAKEN + 2 * 60_000)]), 'written while the backup was taken').toMatchObject({ rpoMs: HOUR / 2 - 2 * 60_000, said: ['redis.objective.rpo passed'] });
  });
});
