/** A drill through the whole bot: started by its name, approved by a person, evidence kept, seen in the list. */
import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { keepJobs, startBus, tellJob } from '../../kit/drills/bus.ts';
import { backUpNats, backUpRedis, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { startRunbookRig, type RunbookRig } from '../../kit/runbooks/rig.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';

async function world() {
  const redis = await startRedis();
  await fillRedis(redis);
  const backups = await testFolder('backups');
  const stamp = await backUpRedis(redis, backups, Date.now());
  const bundles = await testFolder('evidence');
  const rig = await startRunbookRig({ redis: { url: `redis://${redis.address}` } }, { drills: [{ name: 'redis-quarterly', target: 'prod', store: 'redis', backups, bundles }] });
  return { rig, rdb: join(backups, `redis-${stamp}.rdb`) };
}

async function endOf({ app }: RunbookRig, id: string): Promise<RunView> {
  return waitFor(async () => {
    const run = await app.operations.run(id);
    return run?.endedAt === null ? undefined : run;
  }, { until: 'the run has ended' });
}

describe('a configured drill', () => {
  it('is offered, approved, run against a copy, and leaves evidence that names its approval', async () => {
    const { rig } = await world();
    expect(await rig.app.operations.drills()).toMatchObject([{ name: 'redis-quarterly', overdue: true, stores: [{ store: 'redis', lastStatus: 'never', lastAt: null }] }]);
    const run = await rig.run('restore-drill', { drill: 'redis-quarterly' });
    expect(run.findings).toMatchObject([{ severity: 'critical', say: expect.stringContaining('has ever passed') as string, recommends: 'run' }]);
    const after = await rig.approve(run.id, 'run');
    expect(after.offers).toMatchObject([{ id: 'run', tier: 'R1', verified: { outcome: 'passed', say: expect.stringMatching(/The drill of redis \(redis-\d{8}T\d{6}Z\) has passed in /) as string } }]);
    expect(await endOf(rig, run.id)).toMatchObject({ status: 'succeeded' });
    const [drill] = await rig.app.operations.drills();
    expect(drill).toMatchObject({ overdue: false, stores: [{ lastStatus: 'passed', failed: [] }] });
    const bundle = JSON.parse(readFileSync(String(drill?.stores[0]?.bundle), 'utf8')) as Record<string, unknown>;
    expect(bundle).toMatchObject({ drill: { requestedBy: run.id, status: 'passed' }, approvals: [{ by: 'ben' }], isolation: { live: { connections: { opened: expect.any(Number) as number } } } });
    expect((await rig.app.operations.approvals({ status: 'pending' })).items).toEqual([]);
  });

  it('that was approved ahead runs without asking, once, and its evidence says so', async () => {
    const { rig } = await world();
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    const given = await rig.app.operations.approveDrill({ id: 'cara', kind: 'human', roles: [], via: 'console' }, 'redis-quarterly', { from: at(-1_000), to: at(3_600_000), reason: 'the quarter' });
    expect(given).toMatchObject({ ok: true, value: { status: 'open' } });
    const run = await rig.run('restore-drill', { drill: 'redis-quarterly' });
    expect(await endOf(rig, run.id)).toMatchObject({ status: 'succeeded' });
    const [drill] = await rig.app.operations.drills();
    const bundle = JSON.parse(readFileSync(String(drill?.stores[0]?.bundle), 'utf8')) as Record<string, unknown>;
    expect(bundle).toMatchObject({ approvals: [{ by: 'cara', reason: 'the quarter', ahead: true, window: { to: expect.any(String) as string } }] });
    const again = await rig.run('restore-drill', { drill: 'redis-quarterly' });
    expect(await rig.approvalOf(again.id, 'run')).toMatchObject({ status: 'pending', because: expect.stringContaining(`used, by run ${run.id}`) as string });
  });

  it('fails its run when the backup is cut off, and a failed drill keeps no change of the target back', async () => {
    const { rig, rdb } = await world();
    truncateSync(rdb, 200);
    for (const round of [1, 2, 3]) {
      const run = await rig.run('restore-drill', { drill: 'redis-quarterly' });
      const after = await rig.approve(run.id, 'run');
      expect([round, after.offers[0]?.verified?.outcome]).toEqual([round, 'failed']);
      expect(await endOf(rig, run.id)).toMatchObject({ status: 'failed', because: 'run did not do its job' });
    }
    expect(await rig.app.operations.drills()).toMatchObject([{ overdue: true, stores: [{ lastStatus: 'failed', lastPassedAt: null }] }]);
  });

  it('of all stores is one change, with one bundle that says how they fit together', async () => {
    const [redis, nats] = await Promise.all([startRedis(), startNats()]);
    await fillRedis(redis);
    await keepJobs(redis, { runs: 'RUNNING' });
    await startBus(nats);
    await tellJob(nats, 'runs', 'sys.job.submit', 'job.default');
    const backups = await testFolder('backups');
    await backUpRedis(redis, backups, Date.now());
    await backUpNats(nats, backups, Date.now());
    const bundles = await testFolder('evidence');
    const rig = await startRunbookRig({ redis: { url: redis.url }, nats: { url: `nats://${nats.address}` } }, { drills: [{ name: 'everything', target: 'prod', store: 'all', backups, bundles }] });
    const run = await rig.run('restore-drill', { drill: 'everything' });
    const after = await rig.approve(run.id, 'run');
    expect(after.offers).toMatchObject([{ id: 'run', verified: { outcome: 'passed', say: expect.stringMatching(/The drill of all stores \(redis-\w+, nats-\w+\) has passed in /) as string } }]);
    expect(after.effects).toMatchObject([{ item: 'drill/everything/all' }]);
    const [drill] = await rig.app.operations.drills();
    expect(drill).toMatchObject({ overdue: false, stores: [{ store: 'all', lastStatus: 'passed' }] });
    const bundle = JSON.parse(readFileSync(String(drill?.stores[0]?.bundle), 'utf8')) as Record<string, unknown>;
    expect(bundle).toMatchObject({ drill: { store: 'all' }, approvals: [{ by: 'ben' }], consistency: { jobs: { withoutMessage: [], withoutRecord: [] } } });
  });

  it('is not offered by a name that no drill has', async () => {
    const { rig } = await world();
    const run = await rig.run('restore-drill', { drill: 'other' });
    expect(run.offers).toMatchObject([{ status: 'skipped' }]);
    expect(run.findings).toMatchObject([{ severity: 'warning', say: expect.stringContaining('No drill "other" is configured') as string }]);
  });
});
