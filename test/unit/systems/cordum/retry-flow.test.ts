import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import type { AppliedItem, Item, ReadStep } from '#step-kit/index.ts';
import { type CordumClient, createCordumClient } from '#systems/cordum/client.ts';
import { addDeadJob, seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { dlqDelete } from '#systems/cordum/steps/dlq-delete.ts';
import { dlqList } from '#systems/cordum/steps/dlq-list.ts';
import { dlqRetry } from '#systems/cordum/steps/dlq-retry.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import type { TriageOutput } from '#systems/cordum/triage-output.ts';
import { createVirtualClock, type VirtualClock } from '../../../kit/clock.ts';

let clock: VirtualClock;
let sandbox: Sandbox;
let client: CordumClient;

beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
  const { url } = await sandbox.start();
  client = createCordumClient({ url, apiKey: new Secret('key'), tenant: 'default', clock, readsPerSecond: 1e9 });
});
afterEach(async () => {
  await client.close();
  await sandbox.stop();
});

const context = () => ({
  target: 'sandbox',
  use: <Client>(): Client => client as Client,
  now: () => clock.now(),
  sleep: async (ms: number) => clock.advance(ms),
  signal: new AbortController().signal,
  log: silentLog,
  idempotencyKey: 'k',
  approvedBy: 'alice',
  approvals: [],
  runId: 'run_1',
  intendedAt: clock.now(),
});

async function run(step: ReadStep, input: object): Promise<object> {
  const answer = await step.run(step.input.parse(input), context());
  if (!answer.ok) throw new Error(answer.failure.message);
  return step.output.parse(answer.value);
}
async function triage(): Promise<TriageOutput> {
  const { items } = (await run(dlqList, {})) as { items: object[] };
  return (await run(dlqTriage, { entries: items })) as TriageOutput;
}
async function planned(entries: readonly object[]): Promise<{ input: ReturnType<typeof dlqRetry.input.parse>; items: readonly Item[] }> {
  const input = dlqRetry.input.parse({ entries });
  const plan = await dlqRetry.plan(input, context());
  if (!plan.ok) throw new Error(plan.failure.message);
  return { input, items: plan.value.items };
}
const retriesSent = (): number => sandbox.calls.filter((call) => call.method === 'POST').length;

describe('triage and retry on the sandbox', () => {
  it('hands what triage calls safe to the retry, and every job succeeds once', async () => {
    const seeded = seedDlq(sandbox, 120);
    const { safe, unsafe, unknown } = await triage();
    expect(safe.map((entry) => entry.jobId).toSorted()).toEqual(seeded.safe.toSorted());
    expect(safe.length + unsafe.length + unknown.length).toBe(120);
    const { input, items } = await planned(safe);
    expect(items).toHaveLength(safe.length);

    const applied: AppliedItem[] = [];
    for (const item of items.slice(0, 25)) {
      const again = await dlqRetry.plan(input, { ...context(), only: item.key });
      expect(again).toMatchObject({ ok: true, value: { items: [item] } });
      const result = await dlqRetry.apply(item, input, context());
      if (!result.ok) throw new Error(result.failure.message);
      applied.push({ item, result: dlqRetry.output.parse(result.value) as AppliedItem['result'] });
    }
    expect(await dlqRetry.verify(applied, input, context())).toMatchObject({ ok: true, value: { say: expect.stringMatching(/pending/) } });
    await clock.advance(60_000);
    expect(await dlqRetry.verify(applied, input, context())).toMatchObject({ ok: true, value: { say: 'Of 25 retried: 25 done.' } });
    expect(retriesSent()).toBe(25);
    expect(sandbox.calls.filter((call) => call.method === 'POST').every((call) => call.principal === 'alice')).toBe(true);
  }, 30_000);

  it('finds a retry whose answer was lost, and never sends it again', async () => {
    addDeadJob(sandbox, { id: 'a' });
    const { input, items: [item] } = await planned((await triage()).safe);
    if (item === undefined) throw new Error('nothing planned');
    sandbox.loseAnswer(/^POST .*\/retry/, 'afterEffect');
    expect(await dlqRetry.apply(item, input, context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
    expect(await dlqRetry.probe(item, input, context())).toMatchObject({ landed: 'applied', result: { newJobId: expect.stringMatching(/^a-retry-/) } });
    expect(await dlqRetry.apply(item, input, context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(retriesSent()).toBe(1);
  });

  it('finds that a retry whose request was lost did not land, and then it can be sent', async () => {
    addDeadJob(sandbox, { id: 'a' });
    const { input, items: [item] } = await planned((await triage()).safe);
    if (item === undefined) throw new Error('nothing planned');
    sandbox.loseAnswer(/^POST .*\/retry/, 'beforeEffect');
    expect(await dlqRetry.apply(item, input, context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
    expect(await dlqRetry.probe(item, input, context())).toMatchObject({ landed: 'notApplied' });
    expect(await dlqRetry.apply(item, input, context())).toMatchObject({ ok: true });
  });

  it('takes a retry that is dead-lettered again for returned, and a resurrected entry for an echo', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    for (const id of ['bad', 'good']) addDeadJob(sandbox, { id });
    sandbox.setOutcome('bad', 'fail');
    const { input, items } = await planned((await triage()).safe);
    const applied: AppliedItem[] = [];
    for (const item of items) {
      const result = await dlqRetry.apply(item, input, context());
      if (result.ok) applied.push({ item, result: dlqRetry.output.parse(result.value) as AppliedItem['result'] });
    }
    await clock.advance(60_000);
    expect(sandbox.resurrect('good')).toBe(true);
    const verified = await dlqRetry.verify(applied, input, context());
    expect(verified).toMatchObject({ ok: true, value: { ends: { bad: 'returned', good: 'done' }, say: expect.stringMatching(/1 of the old entries.*echo/) } });
    expect((await triage()).safe).toEqual([]);
  });

  it('says that it cannot see, when Redis is down, and sends nothing', async () => {
    addDeadJob(sandbox, { id: 'a' });
    const { input, items: [item] } = await planned((await triage()).safe);
    if (item === undefined) throw new Error('nothing planned');
    await sandbox.down('redis');
    expect(await dlqRetry.plan(input, context())).toMatchObject({ ok: false });
    expect(await dlqRetry.apply(item, input, context())).toMatchObject({ ok: false, failure: { landed: 'no' } });
    expect(await dlqRetry.probe(item, input, context())).toMatchObject({ landed: 'unknown' });
    expect(retriesSent()).toBe(0);
  });

  it('deletes an entry, sees that it is gone, and knows its echo', async () => {
    addDeadJob(sandbox, { id: 'a', reasonCode: 'invalid_input', workerId: 'bank-1' });
    const input = dlqDelete.input.parse({ jobIds: ['a'] });
    const plan = await dlqDelete.plan(input, context());
    const item = plan.ok ? plan.value.items[0] : undefined;
    if (item === undefined) throw new Error('nothing planned');
    const result = await dlqDelete.apply(item, input, context());
    const applied = [{ item, result: (result.ok ? result.value : {}) as AppliedItem['result'] }];
    expect(await dlqDelete.verify(applied, input, context())).toMatchObject({ ok: true, value: { ends: { a: 'done' }, say: 'Of 1 deleted: 1 done.' } });
    await clock.advance(1_000);
    sandbox.resurrect('a');
    expect(await dlqDelete.verify(applied, input, context())).toMatchObject({ ok: true, value: { ends: { a: 'done' }, say: expect.stringMatching(/echoes/) } });
  });
});
