import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cronjobTrigger } from '#systems/kubernetes/steps/cronjob-trigger.ts';
import { cronjobsList } from '#systems/kubernetes/steps/cronjobs-list.ts';
import { jobsList } from '#systems/kubernetes/steps/jobs-list.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { writeRig } from '../../../../kit/kubernetes/write-rig.ts';
import { read, tryRead } from '../../../../kit/step-context.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
});
afterEach(() => kube.close());

describe('the freshness of backups', () => {
  it('holds only when both stores have succeeded lately and neither is suspended', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup', scheduledSecondsAgo: 1_800, succeededSecondsAgo: 1_750 });
    const client = await kube.client();
    expect(await read(cronjobsList, { backupsOnly: true }, client)).toMatchObject({ backupsFresh: false, missing: [{ backup: 'nats', name: 'cordum-nats-backup' }] });
    kube.addCronJob({ name: 'cordum-nats-backup', scheduledSecondsAgo: 1_800, succeededSecondsAgo: 1_750 });
    expect(await read(cronjobsList, { backupsOnly: true }, client)).toMatchObject({ backupsFresh: true, missing: [], total: 2 });
    kube.touch('cronjobs', 'cordum-nats-backup', { spec: { suspend: true } });
    expect(await read(cronjobsList, {}, client)).toMatchObject({ backupsFresh: false });
    expect(await read(cronjobsList, { maxAgeSeconds: 600 }, client)).toMatchObject({ items: [{ fresh: false }, { fresh: false }] });
  });

  it('is not there for one that has never succeeded', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup', scheduledSecondsAgo: 60 });
    kube.addJob({ cronJob: 'cordum-redis-backup', outcome: 'failed' });
    expect(await read(cronjobsList, {}, await kube.client())).toMatchObject({ items: [{ everSucceeded: false, ageSeconds: -1, fresh: false, lastOutcome: 'failed' }] });
  });

  it('of a CronJob that does not exist is not found', async () => {
    expect(await tryRead(cronjobsList, { name: 'nope' }, await kube.client())).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });
});

describe('Jobs', () => {
  it('belong to the CronJob that owns them, and say how they ended', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup' });
    kube.addJob({ cronJob: 'cordum-redis-backup', outcome: 'failed', startedSecondsAgo: 7_200 });
    kube.addJob({ cronJob: 'cordum-redis-backup', startedSecondsAgo: 3_600 });
    kube.addJob({ name: 'cordum-redis-backup-of-somebody-else' });
    const answer = await read(jobsList, { cronjob: 'cordum-redis-backup' }, await kube.client());
    expect(answer).toMatchObject({ total: 2, complete: 1, failed: 1, items: [{ outcome: 'complete', reason: '' }, { outcome: 'failed' }] });
    expect(await read(jobsList, {}, await kube.client())).toMatchObject({ total: 3 });
  });
});

describe('starting a CronJob by hand', () => {
  const redis = { backup: 'redis' };
  const KEY = 'cronjob/cordum-redis-backup';

  it('makes one Job that the CronJob owns, and is done when the Job is complete', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup' });
    const rig = await writeRig(cronjobTrigger, kube);
    expect((await rig.planned(redis)).items).toMatchObject([{ key: KEY }]);
    expect(kube.all('jobs')).toEqual([]);
    const applied = await rig.carryOut(redis);
    expect(kube.all('jobs')).toMatchObject([{ metadata: { annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' }, ownerReferences: [{ kind: 'CronJob', name: 'cordum-redis-backup', controller: true }] } }]);
    expect(await rig.verify(applied, redis)).toMatchObject({ ends: { [KEY]: 'done' } });
  });

  it('again with the same effect finds its own Job instead of making another', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup' });
    const rig = await writeRig(cronjobTrigger, kube);
    const [item] = (await rig.planned(redis)).items;
    if (item === undefined) throw new Error('no item');
    expect(await rig.probe(item, redis)).toMatchObject({ landed: 'notApplied' });
    const first = await rig.apply(item, redis);
    expect(await rig.probe(item, redis)).toMatchObject({ landed: 'applied' });
    expect(await rig.apply(item, redis)).toEqual(first);
    expect(kube.all('jobs')).toHaveLength(1);
  });

  it('has failed when the Job has, and is unknown when the Job is gone', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup' });
    kube.jobOutcome('cordum-redis-backup', 'failed');
    const rig = await writeRig(cronjobTrigger, kube);
    const applied = await rig.carryOut(redis);
    expect(await rig.verify(applied, redis)).toMatchObject({ ends: { [KEY]: 'failed' } });
    kube.remove('jobs', kube.all('jobs')[0]?.metadata.name ?? '');
    expect(await rig.verify(applied, redis)).toMatchObject({ ends: { [KEY]: 'unknown' } });
  });

  it('waits for a Job of it that is running', async () => {
    kube.addCronJob({ name: 'cordum-redis-backup' });
    kube.addJob({ cronJob: 'cordum-redis-backup', outcome: 'running' });
    expect(await (await writeRig(cronjobTrigger, kube)).planned(redis)).toMatchObject({ items: [], summary: expect.stringContaining('running already') });
  });

  it('keeps the name of the Job short enough for its labels', async () => {
    const name = `cordum-${'very-'.repeat(9)}x`;
    kube.addCronJob({ name });
    const applied = await (await writeRig(cronjobTrigger, kube)).carryOut({ name });
    expect(String(applied[0]?.result['job']).length).toBeLessThanOrEqual(63);
  });

  it('of none is not found, and needs a name or a backup, not both', async () => {
    expect(await (await writeRig(cronjobTrigger, kube)).plan(redis)).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(cronjobTrigger.input.safeParse({ backup: 'redis', name: 'x' }).success).toBe(false);
    expect(cronjobTrigger.input.safeParse({}).success).toBe(false);
    expect(cronjobTrigger.input.safeParse({ name: '../secrets' }).success).toBe(false);
  });
});
