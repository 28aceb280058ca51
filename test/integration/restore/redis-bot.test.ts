import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { startCordumInKubernetes } from '../../kit/kubernetes/cordum.ts';
import { restoreOn } from '../../kit/runbooks/restore.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const SERVICES = { 'cordum-api-gateway': 2, 'cordum-scheduler': 3, 'cordum-workflow-engine': 1 };

it('services stop, Redis is backed up and restored, and services start with as many replicas as they had', async () => {
  const [redis, backups, cordum] = [await startRedis(), await testFolder('restore'), await startCordumInKubernetes(SERVICES)];
  const rig = await startRunbookRig({ redis: { url: redis.url }, kubernetes: cordum.target, backups });
  await fillRedis(redis);
  const { id } = await rig.run('backup-now');
  await rig.approve(id, 'redis');
  await redis.cli('DEL', 'cfg:system:policy');
  await redis.cli('SET', 'job:new', 'after the backup');
  const [set = ''] = (await readdir(backups)).flatMap((name) => /^redis-(.*)\.manifest\.json$/.exec(name)?.[1] ?? []);
  const dry = await rig.diagnose('redis-restore', { from: set });
  expect(said(dry)).toContainEqual(expect.stringContaining('critical: Missing from Redis: cfg:system:policy.'));
  expect(dry.offers.find((offer) => offer.id === 'restore_named')?.plan).toMatchObject({ changes: { length: 8 }, notes: expect.arrayContaining([expect.stringContaining('cfg:system 1 → 2, job 1 → 0')]) });

  const { approval, run } = await restoreOn(rig, 'redis-restore', { backup: set });
  expect(approval.plan.changes.map(({ item }) => item)).toEqual(['stop/api-gateway', 'stop/scheduler', 'stop/workflow-engine', 'safety-backup', `restore/${redis.address}`, 'start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
  expect(run.offers.find((offer) => offer.id === 'restore')).toMatchObject({ status: 'done', tier: 'R3', verified: { outcome: 'passed' } });
  expect(cordum.replicas()).toEqual(SERVICES);
  expect(cordum.scaled().slice(0, 3)).toEqual(['cordum-api-gateway 0', 'cordum-scheduler 0', 'cordum-workflow-engine 0']);
  expect(await redis.cli('EXISTS', 'cfg:system:policy', 'job:new')).toBe('1');
  expect(await redis.cli('DBSIZE')).toBe('62');
  const [safety = ''] = run.effects.flatMap(({ item, result }) => (item === 'safety-backup' ? [String((result as { readonly set?: string } | undefined)?.set)] : []));
  expect(await readdir(backups)).toContain(`redis-${safety}.rdb`);
}, 60_000);
