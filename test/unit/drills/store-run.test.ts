import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DrillDesk, DrillResult, DrillToRun, NamedDrill } from '#drills/desk.ts';
import { writeEvidence } from '#drills/evidence/write.ts';
import type { DrillOutcome } from '#drills/run.ts';
import { createStandings } from '#drills/standing.ts';
import { standingList } from '#drills/steps/standing-list.ts';
import { storeRun } from '#drills/steps/store-run.ts';
import { systemClock } from '#kernel/clock.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { testFolder } from '../../kit/drills/backups.ts';
import { drillOutcome } from '../../kit/drills/outcome.ts';
import { contextOn, read } from '../../kit/step-context.ts';

const QUARTERLY: NamedDrill = {
  name: 'quarterly',
  target: 'prod',
  stores: ['redis', 'nats'],
  backups: '/backups',
  sandbox: 'local',
  choice: { kind: 'random', windowMs: 604_800_000 },
  limits: { maxAgeMs: 7_200_000, rpoMs: 3_600_000, rtoMs: 900_000, tolerance: 0.5 },
  bundles: '/evidence',
};
const RESULT: DrillResult = { id: '20261121T060005Z-redis-aaaaaa', store: 'redis', status: 'passed', endedAt: '2026-11-21T06:00:09.000Z', backup: { set: 'redis-20261121T060000Z', ageSeconds: 5 }, rpoSeconds: null, rtoSeconds: 2.5, bundle: '/evidence/a.json', failed: [], warnings: 0, skipped: 1, checks: 5 };
const INPUT = { drill: 'quarterly' };

interface FakeDesk extends DrillDesk {
  readonly ran: DrillToRun[];
  readonly kept: Map<string, DrillResult>;
}

function desk(more: Partial<DrillDesk> = {}): FakeDesk {
  const kept = new Map<string, DrillResult>();
  const ran: DrillToRun[] = [];
  return {
    ran,
    kept,
    drills: () => [QUARTERLY],
    standing: async () => [],
    backupsSay: async (_drill, store) => `3 backups of ${store}.`,
    async run(request) {
      ran.push(request);
      return succeed(RESULT);
    },
    find: async (_drill, _store, token) => kept.get(token),
    ...more,
  };
}

async function itemsOf(client: DrillDesk, only?: string) {
  const plan = await storeRun.plan(INPUT, contextOn(client, only === undefined ? {} : { only }));
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value;
}

describe('drill.store.run', () => {
  it('plans one item for each store, with the directory, the rule of choice, the sandbox and the limits', async () => {
    const plan = await itemsOf(desk());
    expect(plan.items.map(({ key }) => key)).toEqual(['drill/quarterly/redis', 'drill/quarterly/nats']);
    expect(plan.items[0]).toMatchObject({ current: { backups: '/backups', choice: 'random within 7d', comparesWith: 'prod', sandbox: 'local', maxAge: '2h', rpo: '1h, by default', rto: '15m', tolerance: 0.5, evidence: '/evidence' }, next: { restore: 'redis' } });
    expect(plan.notes).toEqual(['3 backups of redis.', '3 backups of nats.']);
  });

  it('stays the same plan while backups come and go, and moves when the configuration does', async () => {
    const before = (await itemsOf(desk())).items[0];
    const again = (await itemsOf(desk({ backupsSay: async () => 'none' }), 'drill/quarterly/redis')).items;
    expect(again).toEqual([before]);
    const changed = await itemsOf(desk({ drills: () => [{ ...QUARTERLY, limits: { ...QUARTERLY.limits, maxAgeMs: 14_400_000 } }] }), 'drill/quarterly/redis');
    expect(changed.items[0]?.current).not.toEqual(before?.current);
  });

  it('names the drills that there are when it is asked for another', async () => {
    expect(await storeRun.plan({ drill: 'yearly' }, contextOn(desk()))).toMatchObject({ ok: false, failure: { reason: 'notFound', message: 'No drill "yearly" is configured that may run on test; there are: quarterly.' } });
  });

  it('runs one store of it under a token of its own, and hands on who approved', async () => {
    const client = desk();
    const [redis, nats] = (await itemsOf(client)).items;
    const answer = await storeRun.apply(redis!, INPUT, contextOn(client, { idempotencyKey: 'k1' }));
    await storeRun.apply(nats!, INPUT, contextOn(client, { idempotencyKey: 'k2' }));
    expect(answer).toMatchObject({ ok: true, value: { status: 'passed', rpoMeasured: false, rpoSeconds: 0, rtoSeconds: 2.5, bundle: '/evidence/a.json', failed: [] } });
    expect(client.ran.map(({ store }) => store)).toEqual(['redis', 'nats']);
    expect(client.ran[0]).toMatchObject({ requestedBy: 'run-1', approvals: [{ by: 'alice' }], token: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    expect(client.ran[0]?.token).not.toBe(client.ran[1]?.token);
  });

  it('finds a drill whose answer was lost by its evidence, and knows that there was none without', async () => {
    const client = desk();
    const [redis] = (await itemsOf(client)).items;
    const ctx = contextOn(client, { idempotencyKey: 'k1' });
    expect(await storeRun.probe(redis!, INPUT, ctx)).toMatchObject({ landed: 'notApplied' });
    await storeRun.apply(redis!, INPUT, ctx);
    client.kept.set(client.ran[0]!.token, { ...RESULT, status: 'failed' });
    expect(await storeRun.probe(redis!, INPUT, ctx)).toMatchObject({ landed: 'applied', result: { status: 'failed' } });
  });

  it('has not done its job when a drill failed, and says which check it was', async () => {
    const failed: DrillResult = { ...RESULT, status: 'failed', failed: [{ name: 'redis.rdb.checksum', detail: 'The checksum is wrong.' }] };
    const client = desk({ run: async () => succeed(failed) });
    const [redis, nats] = (await itemsOf(client)).items;
    const applied = await storeRun.apply(redis!, INPUT, contextOn(client));
    if (!applied.ok) throw new Error(applied.failure.message);
    const verified = await storeRun.verify([{ item: redis!, result: applied.value as never }, { item: nats!, result: {} }], INPUT, contextOn(client));
    expect(verified).toMatchObject({ ok: true, value: { ends: { 'drill/quarterly/redis': 'failed', 'drill/quarterly/nats': 'unknown' }, say: expect.stringContaining('redis.rdb.checksum: The checksum is wrong.') as string } });
  });

  it('may have happened when no answer came', async () => {
    const client = desk({ run: async () => fail('cancelled', 'stopped') });
    const [redis] = (await itemsOf(client)).items;
    expect(await storeRun.apply(redis!, INPUT, contextOn(client))).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
  });
});

async function keep(directory: string, more: Partial<DrillOutcome>): Promise<void> {
  const kept = await writeEvidence(drillOutcome(more), { tool: { name: 't', version: '1' }, runtime: { node: 'v26', platform: 'linux' }, requestedBy: 'ann', approvals: [] }, { directory, key: join(directory, 'key.pem'), clock: systemClock });
  if (!kept.ok) throw new Error(kept.failure.message);
}

describe('how a drill stands', () => {
  it('is what its evidence says: the last result, and when one last passed; drills of other backups do not count', async () => {
    const bundles = await testFolder('evidence');
    const drill = { ...QUARTERLY, bundles };
    await keep(bundles, { id: '20261119T060005Z-redis-aaaaaa', endedAt: '2026-11-19T06:00:09.000Z' });
    await keep(bundles, { id: '20261120T060005Z-redis-bbbbbbbbbbbbbbbb', status: 'failed', endedAt: '2026-11-20T06:00:09.000Z', checks: [{ name: 'redis.rdb.checksum', status: 'failed', detail: 'wrong' }] });
    await keep(bundles, { id: '20261121T060005Z-redis-cccccc', endedAt: '2026-11-21T06:00:09.000Z', directory: '/elsewhere' });
    const standings = createStandings();
    const [redis, nats] = await standings.of(drill);
    expect(redis).toMatchObject({ store: 'redis', last: { status: 'failed', failed: [{ name: 'redis.rdb.checksum', detail: 'wrong' }] }, lastPassedAt: '2026-11-19T06:00:09.000Z' });
    expect(nats).toEqual({ store: 'nats', last: null, lastPassedAt: null });
    expect(await standings.find(drill, 'redis', 'bbbbbbbbbbbbbbbb')).toMatchObject({ status: 'failed' });
    expect(await standings.find(drill, 'redis', 'dddddddddddddddd')).toBeUndefined();

    const client = desk({ drills: () => [drill], standing: (one) => standings.of(one) });
    expect(await read(standingList, { drill: 'quarterly' }, client, { now: () => Date.parse('2026-11-21T06:00:09.000Z') })).toMatchObject({
      allPassed: false,
      items: [
        { store: 'redis', lastStatus: 'failed', lastAgeSeconds: 86_400, lastWhy: 'redis.rdb.checksum: wrong', everPassed: true, passedAgeSeconds: 172_800 },
        { store: 'nats', ran: false, lastStatus: 'never', everPassed: false },
      ],
    });
  });

  it('is "never" where there is no evidence at all, and never all right without a drill', async () => {
    expect(await createStandings().of({ ...QUARTERLY, bundles: '/nowhere' })).toEqual([{ store: 'redis', last: null, lastPassedAt: null }, { store: 'nats', last: null, lastPassedAt: null }]);
    expect(await read(standingList, { drill: 'yearly' }, desk())).toEqual({ items: [], allPassed: false, say: 'No drill "yearly" is configured that may run here; there are: quarterly.' });
  });
});
