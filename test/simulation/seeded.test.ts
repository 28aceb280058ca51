import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { statusOf } from '#engine/model/decide-end.ts';
import { foldRun } from '#engine/model/evolve.ts';
import type { Recorded } from '#engine/ports.ts';
import { BY_ALERT, FIRING, RESOLVED } from '../kit/engine.ts';
import { ALICE, BOB, DORA, person, ROBOT } from '../kit/operations-rig.ts';
import { boot, createOutside, LANDS_WITHIN_MS, runsIn, type Fault, type Outside, type Process } from '../kit/process.ts';

const RUNS = Number(process.env['SIMULATION_RUNS'] ?? 300);
/** A failure prints its seed; with it here the same sequences are run again. */
const SEED = process.env['SIMULATION_SEED'];
const LAMPS = 5;
const MALLORY = person('mallory');
/** The first two are on call, the third leads and may re-arm. */
const PEOPLE = [ALICE, BOB, DORA, MALLORY, ROBOT];

/** When a call whose answer is lost takes effect. */
type Landing = 'now' | 'late' | 'never';
type Action =
  | { readonly do: 'decide'; readonly run: number; readonly by: number; readonly approve: boolean; readonly wrong: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'drift'; readonly lamp: number; readonly back: boolean }
  | { readonly do: 'switch'; readonly on: boolean; readonly by: number }
  | { readonly do: 'cancel' | 'resolve' | 'plan'; readonly run: number }
  | { readonly do: 'crash'; readonly next: Fault }
  | { readonly do: 'lose'; readonly lands: Landing; readonly times: number }
  | { readonly do: 'blind'; readonly blind: boolean }
  | { readonly do: 'settle'; readonly run: number; readonly by: number };

const run = fc.integer({ min: 0, max: 1 });
/** Mostly somebody who may. */
const who = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: PEOPLE.length - 1 }) });
const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant({}),
  fc.record({ at: fc.integer({ min: 1, max: 12 }), fault: fc.constantFrom('crash-before' as const, 'crash-after' as const, 'reject-once' as const) }),
  fc.record({ call: fc.record({ at: fc.integer({ min: 1, max: 3 }), fault: fc.constantFrom('before-call' as const, 'after-effect' as const) }) }),
);
const anything: fc.Arbitrary<Action> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: fc.constant('decide' as const), run, by: who, approve: fc.integer({ min: 0, max: 9 }).map((n) => n > 0), wrong: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 100, 1_000, 2_500, 2_500, 20_000) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' as const, ms: 900_000 }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drift' as const), lamp: fc.integer({ min: 0, max: LAMPS - 1 }), back: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('switch' as const), on: fc.boolean(), by: fc.oneof(who, fc.constant(2)) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('plan' as const), run }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'resolve' as const), run }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('crash' as const), next: faults }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose' as const), lands: fc.constantFrom<Landing[]>('now', 'late', 'never'), times: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('blind' as const), blind: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), run, by: who }) },
);

interface Simulated {
  readonly outside: Outside;
  bot: Process;
  blind: boolean;
  lose: { lands: Landing; times: number };
}

/** Two runs over the same lamps, each started once. */
async function begin(): Promise<Simulated> {
  const outside = createOutside(LAMPS);
  const sim: Simulated = { outside, bot: await boot(outside), blind: false, lose: { lands: 'never', times: 0 } };
  const { lamps } = outside;
  lamps.onApply = async (item, light) => {
    const lost = sim.lose.times > 0;
    if (lost) sim.lose.times -= 1;
    if (!lost || sim.lose.lands === 'now') light();
    // On its way for as long as a call can be, whatever becomes of its caller.
    else if (sim.lose.lands === 'late') outside.clock.schedule(outside.clock.now() + LANDS_WITHIN_MS - 1, light);
    return lost ? { ok: false, failure: { reason: 'timeout', message: 'no answer', landed: 'maybe' } } : { ok: true, value: { lamp: item.key } };
  };
  lamps.onProbe = async (item) => {
    if (sim.blind) return { landed: 'unknown', evidence: 'it is foggy' };
    return (lamps.all.get(item.key)?.lit ?? 0) > 0 ? { landed: 'applied', result: {}, evidence: 'it is lit' } : { landed: 'notApplied', evidence: 'it is dark' };
  };
  for (const key of ['one', 'two']) await sim.bot.rig.engine.startRun({ runbook: sim.bot.book, target: 'prod', trigger: BY_ALERT, incidentId: null, inputs: {}, dryRun: false, alert: FIRING, idempotencyKey: key });
  await outside.clock.advance(0);
  return sim;
}

/** Nobody waits for answers: a dying process gives none. */
async function act(sim: Simulated, action: Action): Promise<void> {
  const { outside } = sim;
  if (sim.bot.journal.dead) sim.bot = await boot(outside);
  const { operations, engine } = sim.bot.rig;
  const runs = (await runsIn(outside.journal)).toReversed();
  const known = 'run' in action ? runs[action.run]?.run : undefined;
  const ignore = (): void => undefined;
  const principal = 'by' in action ? (PEOPLE[action.by] ?? MALLORY) : MALLORY;
  switch (action.do) {
    case 'decide': {
      const approval = [...(known?.approvals.values() ?? [])].at(-1);
      if (approval !== undefined) operations.decide(principal, approval.id, { decision: action.approve ? 'approve' : 'deny', digest: action.wrong ? 'x'.repeat(64) : approval.plan.digest }).catch(ignore);
      break;
    }
    case 'drift':
      Object.assign(outside.lamps.all.get(`lamp-${action.lamp}`) ?? {}, { current: action.back ? 'dark' : 'broken' });
      break;
    case 'switch':
      operations.setKillSwitch(principal, action.on, 'simulated').catch(ignore);
      break;
    case 'cancel':
      if (known !== undefined) operations.cancelRun(ALICE, known.id).catch(ignore);
      break;
    case 'plan':
      if (known !== undefined) operations.planOffer(ALICE, known.id, 'light', {}).catch(ignore);
      break;
    case 'resolve':
      if (known !== undefined && known.ended === undefined) engine.change(known.id, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] })).catch(ignore);
      break;
    case 'crash':
      sim.bot.kill();
      sim.bot = await boot(outside, action.next);
      break;
    case 'lose':
      sim.lose = { lands: action.lands, times: action.times };
      break;
    case 'blind':
      sim.blind = action.blind;
      break;
    case 'settle':
      settle(sim, known?.id, principal);
      break;
    case 'wait':
      break;
  }
  await outside.clock.advance(action.do === 'wait' ? action.ms : 0);
}

/** A person who looks at the lamp itself, and so tells the truth. */
function settle(sim: Simulated, runId: string | undefined, by: typeof ALICE): void {
  void (async () => {
    const known = (await runsIn(sim.outside.journal)).find(({ run: one }) => one.id === runId)?.run;
    const effect = [...(known?.effects.values() ?? [])].find((one) => one.status === 'unknown');
    if (known === undefined || effect === undefined) return;
    const lit = (sim.outside.lamps.all.get(effect.item)?.lit ?? 0) > 0;
    await sim.bot.rig.operations.settleEffect(by, known.id, effect.key, lit ? 'applied' : 'notApplied', 'I went and looked').catch(() => undefined);
  })();
}

/** No effect without a redeemed approval of the plan that was shown; none while the switch is durably on; each at most once. */
function expectLawful(all: readonly Recorded[], outside: Outside): void {
  let killed = false;
  const redeemed = new Set<string>();
  const asked = new Map<string, { digest: string; items: Set<string> }>();
  const approvedDigests = new Map<string, string[]>();
  const open = new Map<string, string>();
  for (const event of all) {
    const data = event.data as Record<string, never>;
    const approval = data['approval'] as string | undefined;
    if (event.type === 'KillSwitchSwitched') killed = event.data['on'] === true;
    if (event.type === 'ApprovalRequested' && approval !== undefined) {
      const plan = event.data['plan'] as unknown as { digest: string; items: { key: string }[] };
      asked.set(approval, { digest: plan.digest, items: new Set(plan.items.map((item) => item.key)) });
    }
    if (event.type === 'DecisionRecorded' && approval !== undefined) {
      expect(['alice', 'bob']).toContain(event.data['principal']);
      if (event.data['decision'] === 'approve') approvedDigests.set(approval, [...(approvedDigests.get(approval) ?? []), String(event.data['digest'])]);
    }
    if (event.type === 'ApprovalRedeemed' && approval !== undefined) {
      expect(redeemed.has(approval)).toBe(false);
      expect(approvedDigests.get(approval)).toContain(asked.get(approval)?.digest);
      redeemed.add(approval);
    }
    if (event.type === 'EffectIntended' && approval !== undefined) {
      expect(killed).toBe(false);
      expect(redeemed.has(approval)).toBe(true);
      expect(asked.get(approval)?.items.has(String(event.data['item']))).toBe(true);
      expect(open.has(String(event.data['key']))).toBe(false);
      open.set(String(event.data['key']), event.stream);
    }
    if (['EffectSucceeded', 'EffectFailed', 'EffectSettled'].includes(event.type)) open.delete(String(event.data['key']));
    if (event.type === 'RunEnded') expect([...open.values()]).not.toContain(event.stream);
  }
  for (const [key, lamp] of outside.lamps.all) expect([key, Math.min(lamp.lit, 2)]).not.toEqual([key, 2]);
}

/** The status of DESIGN §2 after every single event. */
function expectStatuses(events: readonly Recorded[]): void {
  let state: ReturnType<typeof foldRun>;
  for (const event of events) {
    state = foldRun([event], state);
    if (state === undefined) continue;
    const effects = [...state.effects.values()];
    const status = statusOf(state);
    expect(status === 'unknown').toBe(effects.some((effect) => effect.status === 'unknown') && state.ended === undefined);
    if (status === 'succeeded') expect(effects.filter((effect) => effect.status !== 'succeeded')).toEqual([]);
    if (state.ended !== undefined) expect(effects.filter((effect) => effect.status === 'intended' || effect.status === 'unknown')).toEqual([]);
    if (state.ended !== undefined) expect([...state.approvals.values()].filter((approval) => approval.status === 'pending' || approval.status === 'approved')).toEqual([]);
  }
}

/** The weather clears, the truth is told, and time passes: then every run must end. */
async function finish(sim: Simulated): Promise<void> {
  const { outside } = sim;
  sim.blind = false;
  sim.lose.times = 0;
  sim.bot.kill();
  sim.bot = await boot(outside);
  for (let minutes = 0; minutes < 10; minutes += 1) {
    for (const { run: known } of await runsIn(outside.journal)) settle(sim, known.id, ALICE);
    await outside.clock.advance(LANDS_WITHIN_MS * 2 + 300_000);
  }
}

describe('whatever happens in whatever order', () => {
  test('no effect is without its approval, none comes twice, and every run ends', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { minLength: 5, maxLength: 40 }), async (actions) => {
        const sim = await begin();
        for (const step of actions) await act(sim, step);
        await finish(sim);
        const all = await sim.outside.journal.readAll(0, 1_000_000);
        expectLawful(all, sim.outside);
        for (const { run: known, events } of await runsIn(sim.outside.journal)) {
          expectStatuses(events);
          expect(known.ended).toBeDefined();
        }
      }),
      { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
  });
});
