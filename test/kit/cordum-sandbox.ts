/** A sandbox Cordum with a client and the contexts of steps, and the way of a write through plan, apply and verify. */
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import type { AppliedItem, ApplyContext, Item, Plan, PlanContext, ProbeContext, ReadStep, StepContext, WriteStep } from '#step-kit/index.ts';
import { type CordumClient, createCordumClient } from '#systems/cordum/client.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from './clock.ts';

/** Longer than any word of a message: the client takes it out wherever it stands. */
const KEY = 'the-key-of-the-rig';

export interface CordumRig {
  readonly sandbox: Sandbox;
  readonly clock: VirtualClock;
  readonly client: CordumClient;
  context(more?: Partial<PlanContext & ApplyContext & ProbeContext>): StepContext & PlanContext & ApplyContext & ProbeContext;
  /** Runs a read as the engine does: input and output through its own schemas. */
  read(step: ReadStep, input?: object): Promise<unknown>;
  plan(step: WriteStep, input: object, only?: string): Promise<Plan>;
  /** The first item of a fresh plan. */
  item(step: WriteStep, input: object): Promise<Item>;
  /** Applies that item and gives what the engine would keep of it. */
  applied(step: WriteStep, input: object): Promise<AppliedItem>;
  /** How the applied item ended, and the sentence on it. */
  verified(step: WriteStep, input: object, applied: AppliedItem): Promise<{ end: string | undefined; say: string }>;
  close(): Promise<void>;
}

export async function startCordum(startMs = Date.parse('2026-11-20T19:30:00Z')): Promise<CordumRig> {
  const clock = createVirtualClock(startMs);
  const sandbox = createSandbox({ clock, apiKey: KEY, tenant: 'default' });
  const { url } = await sandbox.start();
  const client = createCordumClient({ url, apiKey: new Secret(KEY), tenant: 'default', clock, readsPerSecond: 1e9 });
  const context: CordumRig['context'] = (more = {}) => ({
    target: 'sandbox',
    use: <Client>(): Client => client as Client,
    now: () => clock.now(),
    sleep: async (ms) => clock.advance(ms),
    signal: new AbortController().signal,
    log: silentLog,
    idempotencyKey: 'key-1',
    approvedBy: 'slack:U123',
    approvals: [],
    runId: 'run_1',
    intendedAt: clock.now(),
    ...more,
  });
  const rig: CordumRig = {
    sandbox,
    clock,
    client,
    context,
    async read(step, input = {}) {
      const answer = await step.run(step.input.parse(input), context());
      if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
      return step.output.strict().parse(answer.value);
    },
    async plan(step, input, only) {
      const answer = await step.plan(step.input.parse(input), context(only === undefined ? {} : { only }));
      if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
      return answer.value;
    },
    async item(step, input) {
      const plan = await rig.plan(step, input);
      const [first] = plan.items;
      if (first === undefined) throw new Error(`nothing is planned: ${plan.summary}`);
      return first;
    },
    async applied(step, input) {
      const item = await rig.item(step, input);
      const answer = await step.apply(item, step.input.parse(input), context());
      if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
      return { item, result: step.output.strict().parse(answer.value) as AppliedItem['result'] };
    },
    async verified(step, input, applied) {
      const answer = await step.verify([applied], step.input.parse(input), context());
      if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
      return { end: answer.value.ends[applied.item.key], say: answer.value.say };
    },
    async close() {
      await client.close();
      await sandbox.stop();
    },
  };
  return rig;
}
