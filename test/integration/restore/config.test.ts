import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRestoreClient } from '#app/restore-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { Principal } from '#policy/model.ts';
import type { RestoreClient } from '#systems/restore/client.ts';
import { configApply } from '#systems/restore/steps/config-apply.ts';
import { setsList } from '#systems/restore/steps/sets-list.ts';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import { testFolder } from '../../kit/drills/backups.ts';
import { ANN, BEN, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis, startRedisCluster } from '../../kit/servers/redis.ts';
import { contextOn, read } from '../../kit/step-context.ts';

const CARA: Principal = { id: 'cara', kind: 'human', roles: [], via: 'api' };
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
  it('restores with two approvals, the backup of what is there first', async () => {
    const redis = await startRedis();
    const folder = await testFolder('restore');
    const client = clientFor(redis.url, folder);
    await redis.cli('SET', 'cfg:system:default', document('default', '{"a":1}', 1));
    await redis.cli('SET', 'cfg:system:policy', document('policy', '{"bundles":{}}', 2));
    const set = await save(client);
    await redis.cli('DEL', 'cfg:system:policy');
    const rig = await startRunbookRig({ redis: { url: redis.url }, backups: folder });
    const { operations } = rig.app;
    // Whoever starts it does not count among the two who approve.
    const started = await operations.startRun(CARA, { runbook: 'config-restore', inputs: {}, dryRun: false });
    if (!started.ok) throw new Error(started.problem.message);
    const { id } = started.value;
    await waitFor(async () => ((await operations.run(id))?.offers.some(({ status }) => status !== 'planning') === true ? true : undefined), { until: 'the offer is there', withinMs: 30_000 });
    expect(await operations.planOffer(CARA, id, 'restore', { backup: set })).toMatchObject({ ok: true });
    const approval = await waitFor(async () => (await operations.approvals({ status: 'pending' })).items.find(({ runId }) => runId === id), { until: 'it is planned', withinMs: 30_000 });
    expect(approval.plan.summary).toContain('Restore 1 keys of the configuration');
    for (const by of [ANN, BEN]) expect(await operations.decide(by, approval.id, { decision: 'approve', digest: approval.plan.digest, reason: 'the policy is gone', confirm: 'prod' })).toMatchObject({ ok: true });
    const run = await waitFor(
      async () => {
        const view = await operations.run(id);
        const offer = view?.offers.find((one) => one.id === 'restore');
        return offer !== undefined && !['pending', 'planned', 'approved', 'applying', 'verifying', 'planning'].includes(offer.status) ? view : undefined;
      },
      { until: 'it is restored', withinMs: 30_000 },
    );
    expect(run?.findings.map(({ say }) => say)).toContainEqual(expect.stringContaining('Gone from Redis: cfg:system:policy'));
    expect(await redis.cli('GET', 'cfg:system:policy')).toBe(document('policy', '{"bundles":{}}', 2));
  }, 60_000);
});
