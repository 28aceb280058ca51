import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { createCordumClient, retryTraceOf, type CordumClient } from '#systems/cordum/client.ts';
import { listDlq } from '#systems/cordum/dlq-listing.ts';
import { judgeAll } from '#systems/cordum/evidence.ts';
import { addDeadJob, seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from '../../../../kit/clock.ts';

let clock: VirtualClock;
let sandbox: Sandbox;
let client: CordumClient;

beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
  const { url } = await sandbox.start();
  client = createCordumClient({ url, apiKey: new Secret('key'), tenant: 'default', clock, readsPerSecond: Number.POSITIVE_INFINITY });
});

afterEach(async () => {
  await client.close();
  await sandbox.stop();
});

test('our client reads every kind of answer that the sandbox gives', async () => {
  const { safe } = seedDlq(sandbox);
  const [id = ''] = safe;
  expect(await client.health()).toEqual({ ok: true, value: 'ok' });
  expect(await client.readyz()).toMatchObject({ ok: true, value: { ready: true } });
  expect(await client.status()).toMatchObject({ ok: true, value: { version: 'v0.9.7', workers: 3, adminFieldsSeen: true } });
  expect(await client.workers()).toMatchObject({ ok: true, value: [{ workerId: 'bank-1' }, { workerId: 'bank-2' }, { workerId: 'notif-1' }] });
  expect(await client.pools()).toMatchObject({ ok: true, value: [{ name: 'demo-mock-bank', workers: 2 }, { name: 'notification-service', workers: 1 }] });
  expect(await client.topics()).toMatchObject({ ok: true, value: { registryEmpty: false } });
  expect(await client.jobs({ limit: 10 })).toMatchObject({ ok: true, value: { length: 10 } });
  expect(await client.job(id)).toMatchObject({ ok: true, value: { state: 'FAILED', contextPresent: true, processedBy: 'cordum-scheduler' } });
  expect(await client.trace('unknown')).toEqual({ ok: true, value: [] });
  expect(await client.dlqPage({ limit: 500 })).toMatchObject({ ok: true, value: { length: 240 } });
});

test('our client retries and deletes entries, whatever is in their ids', async () => {
  const step = addDeadJob(sandbox, { id: 'run-7:transfer@1' });
  const other = addDeadJob(sandbox);
  const retried = await client.retryDlqEntry(step.id, { principal: 'alice' });
  expect(retried).toMatchObject({ ok: true, value: { newJobId: expect.stringMatching(/^run-7:transfer@1-retry-[0-9a-f]{8}$/) as string } });
  expect(await client.trace(retryTraceOf(step.id))).toMatchObject({ ok: true, value: [{ state: 'PENDING' }] });
  expect(await client.retryDlqEntry(step.id, { principal: 'alice' })).toMatchObject({ ok: false, failure: { reason: 'notFound', landed: 'no' } });
  expect(await client.deleteDlqEntry(other.id, { principal: 'alice' })).toEqual({ ok: true, value: null });
  expect(sandbox.entryIds()).toEqual([]);
  expect(sandbox.calls.filter((call) => call.method !== 'GET').map((call) => call.principal)).toEqual(['alice', 'alice', 'alice']);
});

test('what the seed calls safe is what our triage finds safe', async () => {
  const seeded = seedDlq(sandbox);
  const waiting = { now: () => clock.now(), sleep: () => Promise.resolve(), signal: new AbortController().signal };
  const listed = await listDlq(client, 1_000, waiting);
  const judged = await judgeAll(client, listed.ok ? listed.value.items : [], waiting);
  const safe = (judged.ok ? judged.value : []).filter((one) => one.judgement.verdict === 'safe').map((one) => one.entry.jobId);
  expect(safe.toSorted()).toEqual(seeded.safe.toSorted());
});
