/** The same crashes as in the matrix, with the real steps over real sockets against the sandbox. */
import { describe, expect, test } from 'vitest';
import { Agent } from 'undici';
import { Secret } from '#kernel/secret.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import type { Runbook } from '#language/runbook.ts';
import type { RunState } from '#engine/model/state.ts';
import type { Journal, Systems } from '#engine/ports.ts';
import { createCordumClient } from '#systems/cordum/client.ts';
import { seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { dlqList } from '#systems/cordum/steps/dlq-list.ts';
import { dlqRetry } from '#systems/cordum/steps/dlq-retry.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import { createVirtualClock, settle, type VirtualClock } from '../kit/clock.ts';
import { BY_ALERT, FIRING, node, offer, output, RESOLVED, runbook, template } from '../kit/engine.ts';
import { createFaultyJournal, type FaultPlan, type FaultyJournal } from '../kit/faulty-journal.ts';
import { createTestIds } from '../kit/ids.ts';
import { ALICE, createOperationsRig, type OperationsRig } from '../kit/operations-rig.ts';
import { runsIn } from '../kit/process.ts';

const JOBS = 8;
const SECONDS_MAX = 900;

const BOOK: Runbook = runbook({
  steps: [node('entries', dlqList as never), node('triage', dlqTriage as never, { after: ['entries'], with: template('entries', (scope) => ({ entries: output(scope, 'entries')['items'] ?? [] })) })],
  offers: [offer(dlqRetry, { id: 'retry', with: template('safe', (scope) => ({ entries: output(scope, 'triage')['safe'] ?? [] })), waves: { sizes: [1, 2, { percent: 100 }], pauseMs: 1_000, deadlineMs: 60_000 } })],
});

interface Bot {
  readonly rig: OperationsRig;
  readonly journal: FaultyJournal;
  /** Nothing of it reaches Cordum any more. */
  bury(): Promise<void>;
}

interface Place {
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly ids: ReturnType<typeof createTestIds>;
  readonly sandbox: Sandbox;
  readonly url: string;
}

async function boot({ clock, journal, ids, url }: Place, plan: FaultPlan = {}): Promise<Bot> {
  const faulty = createFaultyJournal(journal, plan);
  const dispatcher = new Agent({ connections: 4, pipelining: 1 });
  const client = createCordumClient({ url, apiKey: new Secret('key'), tenant: 'default', clock, readsPerSecond: 1e9, dispatcher });
  const systems: Systems = { client: () => client as never };
  const rig = await createOperationsRig([BOOK], [dlqList, dlqTriage, dlqRetry], { clock, journal: faulty, ids, systems });
  return { rig, journal: faulty, bury: () => dispatcher.destroy() };
}

/** Waits until every call has been answered and no new one follows, without time moving on. */
async function quiet(sandbox: Sandbox): Promise<void> {
  for (let still = 0, seen = -1; still < 5; still += 1) {
    await settle(6);
    const open = sandbox.calls.some((call) => call.status === undefined);
    if (open || sandbox.calls.length !== seen) still = 0;
    seen = sandbox.calls.length;
  }
}

function prod({ rig }: Bot, run: RunState | undefined): void {
  const ignore = (): void => undefined;
  if (run === undefined) {
    rig.engine.startRun({ runbook: BOOK, target: 'prod', trigger: BY_ALERT, incidentId: null, inputs: {}, dryRun: false, alert: FIRING, idempotencyKey: 'once' }).catch(ignore);
    return;
  }
  const approval = [...run.approvals.values()].at(-1);
  if (approval?.status === 'pending') rig.operations.decide(ALICE, approval.id, { decision: 'approve', digest: approval.plan.digest }).catch(ignore);
  if (run.offers.get('retry')?.status === 'done' && !run.alert.resolved) rig.engine.change(run.id, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] })).catch(ignore);
}

/** `dieAtPost`: the process dies when Cordum has seen this many retries, answered or not. */
async function live(plan: FaultPlan & { readonly dieAtPost?: number } = {}): Promise<{ run: RunState; appends: number; sandbox: Sandbox; safe: readonly string[] }> {
  const clock = createVirtualClock();
  const sandbox = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
  const { url } = await sandbox.start();
  const { safe } = seedDlq(sandbox, JOBS);
  const place: Place = { clock, journal: createMemoryJournal({ clock }), ids: createTestIds(clock), sandbox, url };
  if (plan.dieAtPost !== undefined) sandbox.loseAnswer(/^POST .*retry$/, 'afterEffect', plan.dieAtPost);
  const first = await boot(place, plan);
  let bot = first;
  try {
    for (let second = 0; second < SECONDS_MAX; second += 1) {
      if (bot === first && plan.dieAtPost !== undefined && retriesOf(sandbox).length >= plan.dieAtPost) bot.journal.kill();
      if (bot.journal.dead) {
        await bot.bury();
        bot = await boot(place);
      }
      const [known] = await runsIn(place.journal);
      if (known?.run.ended !== undefined) return { run: known.run, appends: first.journal.appends, sandbox, safe };
      prod(bot, known?.run);
      await quiet(sandbox);
      await clock.advance(1_000);
      await quiet(sandbox);
    }
    throw new Error('the run has not ended');
  } finally {
    await bot.bury();
    await sandbox.stop();
  }
}

function retriesOf(sandbox: Sandbox): readonly string[] {
  return sandbox.calls.filter((call) => call.method === 'POST').map((call) => call.path);
}

async function expectEachOnce(plan: Parameters<typeof live>[0]): Promise<number> {
  const { run, sandbox, safe, appends } = await live(plan);
  expect(run.ended?.status, JSON.stringify(plan)).toBe('succeeded');
  expect(retriesOf(sandbox).toSorted(), JSON.stringify(plan)).toEqual(safe.map((id) => `/api/v1/dlq/${id}/retry`).toSorted());
  expect(sandbox.entryIds()).toEqual([]);
  expect([...run.effects.values()].map((effect) => effect.status)).toEqual(new Array(JOBS).fill('succeeded'));
  return appends;
}

describe('eight dead-lettered jobs', async () => {
  const appends = await expectEachOnce({});

  for (const fault of ['crash-before', 'crash-after', 'reject-once'] as const) {
    test(`are each retried once with ${fault} at each append`, { timeout: 120_000 }, async () => {
      for (let at = 1; at <= appends; at += 1) await expectEachOnce({ at, fault });
    });
  }

  test('are each retried once when the answer of a retry is lost and the bot dies with it', { timeout: 120_000 }, async () => {
    for (const dieAtPost of [1, 2, 5, 8]) await expectEachOnce({ dieAtPost });
  });
});
