import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRestoreClient } from '#app/restore-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { RestoreClient } from '#systems/restore/client.ts';
import { configApply } from '#systems/restore/steps/config-apply.ts';
import { setsList } from '#systems/restore/steps/sets-list.ts';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import { testFolder } from '../../kit/drills/backups.ts';
import { startCordumInKubernetes } from '../../kit/kubernetes/cordum.ts';
import { restoreOn } from '../../kit/runbooks/restore.ts';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startRedis, startRedisCluster } from '../../kit/servers/redis.ts';
import { contextOn, read } from '../../kit/step-context.ts';

const document = (id: string, data: string, revision: number): string => `{"scope":"system","scope_id":"${id}","data":${data},"revision":${revision},"updated_at":"2026-11-20T19:19:59Z"}`;
const BIG = '{"limits":{"jobs":9007199254740993,"revision":4},"name":"Ünïcode \\"revision\\": 1"}';

function clientFor(url: string, backups: string): RestoreClient {
  const client = createRestoreClient({ name: 'prod', match: {}, backups, redis: { url: new Secret(url) } }, systemClock);
  if (client === undefined) throw new Error('the target has a directory');
  return client;
}

async function save(client: RestoreClient): Promise<string> {
  const config = client.config();
  if (!config.ok) throw new Error(config.failure.message);
  const saved = await config.value.save({ signal: new AbortController().signal });
  if (!saved.ok) throw new Error(saved.failure.message);
  return saved.value;
}

async function planned(client: RestoreClient, input: object): Promise<Plan> {
  const plan = await configApply.plan(configApply.input.parse(input), contextOn(client));
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value;
}

async function applied(client: RestoreClient, input: object, items: readonly Item[]): Promise<AppliedItem[]> {
  const done: AppliedItem[] = [];
  for (const item of items) {
    const result = await configApply.apply(item, configApply.input.parse(input), contextOn(client));
    if (!result.ok) throw new Error(`${item.key}: ${result.failure.message}`);
    done.push({ item, result: configApply.output.parse(result.value) as AppliedItem['result'] });
  }
  return done;
}

describe('a restore of the configuration', () => {
  // Seen on a Cordum V0.9.9.1: every submitted job adds an entry to this document.
  it('leaves the audit trail that goes on alone, brings back one that is gone, and knows the configuration of steps', async () => {
    const redis = await startRedis();
    const client = clientFor(redis.url, await testFolder('restore'));
    await redis.cli('SET', 'cfg:system:default', document('default', BIG, 5));
    await redis.cli('SET', 'cfg:system:policy', document('policy', '{"bundles":{}}', 2));
    await redis.cli('SET', 'cfg:system:policy_audit', document('policy_audit', '{"entries":[1]}', 161));
    await redis.cli('SET', 'cfg:step:pay', '{"scope":"step","scope_id":"pay","data":{"x":1}}');
    const set = await save(client);
    await redis.cli('SET', 'cfg:system:policy_audit', document('policy_audit', '{"entries":[1,2]}', 162));
    await redis.cli('SET', 'cfg:step:pay', '{"scope":"step","scope_id":"pay","data":{"x":2}}');
    const plan = await planned(client, { set });
    expect(plan.items.map(({ key }) => key)).toEqual(['safety-backup', 'cfg:step:pay']);
    expect(plan.notes?.join(' ')).toContain('cfg:system:policy_audit stays as it is');
    expect((await planned(client, { set, keys: ['cfg:system:policy_audit'] })).items.map(({ key }) => key)).toEqual(['safety-backup', 'cfg:system:policy_audit']);
    await redis.cli('DEL', 'cfg:system:policy_audit');
    expect((await planned(client, { set })).items.map(({ key }) => key)).toEqual(['safety-backup', 'cfg:step:pay', 'cfg:system:policy_audit']);
  });

  it('backs up what is there, puts back what differs with a revision that counts on, and can be taken back to the last byte', async () => {
    const redis = await startRedis();
    const client = clientFor(redis.url, await testFolder('restore'));
    await redis.cli('SET', 'cfg:system:default', document('default', BIG, 5));
    await redis.cli('SET', 'cfg:system:policy', document('policy', '{"bundles":{}}', 2));
    await redis.cli('SET', 'cfg:system:packs', document('packs', '{}', 1));
    const set = await save(client);
    const bad = document('default', '{"limits":{}}', 9);
    await redis.cli('SET', 'cfg:system:default', bad);
    await redis.cli('DEL', 'cfg:system:policy');

    const plan = await planned(client, { set });
    expect(plan.items.map(({ key }) => key)).toEqual(['safety-backup', 'cfg:system:default', 'cfg:system:policy']);
    expect(plan.summary).toContain('1 are as they are there');
    const done = await applied(client, { set }, plan.items);
    expect(await redis.cli('GET', 'cfg:system:default')).toBe(document('default', BIG, 10));
    expect(await redis.cli('GET', 'cfg:system:policy')).toBe(document('policy', '{"bundles":{}}', 2));
    expect(await configApply.verify(done, configApply.input.parse({ set }), contextOn(client))).toMatchObject({ ok: true, value: { ends: { 'safety-backup': 'done', 'cfg:system:default': 'done', 'cfg:system:policy': 'done' } } });
    expect((await planned(client, { set })).items).toEqual([]);

    const undo = configApply.undo?.(done, configApply.input.parse({ set }));
    expect(undo).toMatchObject({ uses: 'restore.config.apply', with: { keys: ['cfg:system:default'], remove: ['cfg:system:policy'] } });
    const back = await planned(client, undo?.with ?? {});
    await applied(client, undo?.with ?? {}, back.items);
    expect(await redis.cli('GET', 'cfg:system:default')).toBe(bad.replace('"revision":9', '"revision":11'));
    expect(await redis.cli('EXISTS', 'cfg:system:policy')).toBe('0');
  }, 30_000);

  it('never writes over a value that no backup holds, nor over one that moved after it was approved', async () => {
    const redis = await startRedis();
    const client = clientFor(redis.url, await testFolder('restore'));
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":1}', 1));
    const set = await save(client);
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":2}', 2));
    const input = configApply.input.parse({ set });
    const [, item] = (await planned(client, { set })).items;
    if (item === undefined) throw new Error('one key differs');
    expect(await configApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no' } });
    expect(await configApply.probe(item, input, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":3}', 3));
    await save(client);
    expect(await configApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(await configApply.probe(item, input, contextOn(client))).toMatchObject({ landed: 'unknown' });
    expect(await redis.cli('GET', 'cfg:system:default')).toBe(document('default', '{"a":3}', 3));
  }, 30_000);

  it('says after a crash what has landed: the backup of what was there, and each key', async () => {
    const redis = await startRedis();
    const client = clientFor(redis.url, await testFolder('restore'));
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":1}', 1));
    const set = await save(client);
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":2}', 2));
    const input = configApply.input.parse({ set });
    const items = (await planned(client, { set })).items;
    const [safety, key] = items;
    if (safety === undefined || key === undefined) throw new Error('a backup and a key');
    expect(await configApply.probe(safety, input, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    await applied(client, { set }, items);
    expect(await configApply.probe(safety, input, contextOn(client, { intendedAt: Date.now() - 5_000 }))).toMatchObject({ landed: 'applied', result: { done: 'saved' } });
    expect(await configApply.probe(key, input, contextOn(client))).toMatchObject({ landed: 'applied', result: { done: 'restored', wasThere: true } });
  }, 30_000);

  it('refuses a backup whose bytes are not those that were written, and lists it when its size tells', async () => {
    const redis = await startRedis();
    const folder = await testFolder('restore');
    const client = clientFor(redis.url, folder);
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":1}', 1));
    const set = await save(client);
    const file = join(folder, `config-${set}.json`);
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace(String.raw`{\"a\":1}`, String.raw`{\"a\":7}`));
    expect(await readFile(file, 'utf8')).not.toBe(good);
    expect(await configApply.plan(configApply.input.parse({ set }), contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('damaged') } });
    await writeFile(file, good.slice(0, -9));
    expect(await read(setsList, { store: 'config' }, client)).toMatchObject({ newest: '', items: [{ set, restorable: false, why: expect.stringContaining('damaged') }] });
  }, 30_000);

  it('writes each key to the node of a cluster that serves it', async () => {
    const cluster = await startRedisCluster({ replicas: 0 });
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error('a node');
    const client = clientFor(node.url, await testFolder('restore'));
    const ids = ['default', 'policy', 'packs', 'topics', 'workers', 'policy_audit'];
    for (const id of ids) await node.cli('-c', 'SET', `cfg:system:${id}`, document(id, '{"a":1}', 1));
    const set = await save(client);
    for (const id of ids) await node.cli('-c', 'DEL', `cfg:system:${id}`);
    const plan = await planned(client, { set });
    await applied(client, { set }, plan.items);
    expect(await Promise.all(ids.map((id) => node.cli('-c', 'GET', `cfg:system:${id}`)))).toEqual(ids.map((id) => document(id, '{"a":1}', 1)));
  }, 60_000);
});

describe('the runbook config-restore', () => {
  it('stops Cordum when it is told to, backs up, restores, starts it again, and can be taken back', async () => {
    const redis = await startRedis();
    const folder = await testFolder('restore');
    const kube = await startCordumInKubernetes({ 'cordum-api-gateway': 2, 'cordum-scheduler': 1, 'cordum-workflow-engine': 1 });
    const client = clientFor(redis.url, folder);
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":1}', 1));
    await redis.cli('SET', 'cfg:system:policy', document('policy', '{"bundles":{}}', 2));
    const set = await save(client);
    await redis.cli('DEL', 'cfg:system:policy');
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":2}', 2));
    const { namespace, kubeconfig } = kube.target;
    const rig = await startRunbookRig({ redis: { url: redis.url }, backups: folder, kubernetes: { namespace, kubeconfig } });
    const { run, approval } = await restoreOn(rig, 'config-restore', { backup: set, services: 'stop' });
    expect(run.findings.map(({ say }) => say)).toContainEqual(expect.stringContaining('Gone from Redis: cfg:system:policy'));
    expect(approval.plan.changes.map(({ item }) => item)).toEqual(['stop/api-gateway', 'stop/scheduler', 'stop/workflow-engine', 'safety-backup', 'cfg:system:default', 'cfg:system:policy', 'start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
    const offer = run.offers.find(({ id }) => id === 'restore');
    expect(offer).toMatchObject({ status: 'done', progress: { total: 9, applied: 9 }, verified: { outcome: 'passed', say: expect.stringMatching(/config-\d{8}T\d{6}Z, the rollback point/) } });
    expect(await redis.cli('GET', 'cfg:system:policy')).toBe(document('policy', '{"bundles":{}}', 2));
    expect(await redis.cli('GET', 'cfg:system:default')).toBe(document('default', '{"a":1}', 3));
    expect(kube.replicas()).toEqual({ 'cordum-api-gateway': 2, 'cordum-scheduler': 1, 'cordum-workflow-engine': 1 });
    expect(kube.scaled()).toHaveLength(6);

    const safety = /config-(\d{8}T\d{6}Z), the rollback point/.exec(offer?.verified?.say ?? '')?.[1] ?? '';
    const back = await restoreOn(rig, 'config-restore', { backup: safety, services: 'keep' });
    expect(back.approval.plan.changes.map(({ item }) => item)).toEqual(['safety-backup', 'cfg:system:default']);
    expect(await redis.cli('GET', 'cfg:system:default')).toBe(document('default', '{"a":2}', 4));
    expect(kube.scaled()).toHaveLength(6);
  }, 60_000);
});
