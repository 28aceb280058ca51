import { describe, expect, test } from 'vitest';
import type { RunState } from '#engine/model/state.ts';
import type { Recorded } from '#engine/ports.ts';
import { BY_ALERT, FIRING, RESOLVED } from '../kit/engine.ts';
import type { Fault as JournalFault } from '../kit/faulty-journal.ts';
import { ALICE } from '../kit/operations-rig.ts';
import { boot, createOutside, runsIn, type Fault, type Outside, type Process } from '../kit/process.ts';

const LAMPS = 8;
/** A run of eight lamps takes under twenty; with a crash and its probe some more. */
const SECONDS_MAX = 120;

interface Story {
  readonly run: RunState;
  readonly events: readonly Recorded[];
  readonly outside: Outside;
  /** Appends of the first process. */
  readonly appends: number;
  /** Items whose intent had no outcome when the first process died. */
  readonly open: readonly string[];
  /** What a person was told is recorded. */
  readonly acknowledged: readonly string[];
}

/** The whole life of one run: people and the alert ask again until the journal has what they want, and a dead process is started again. */
async function live(fault: Fault): Promise<Story> {
  const outside = createOutside(LAMPS);
  const first = await boot(outside, fault);
  let bot = first;
  let open: readonly string[] = [];
  const acknowledged: string[] = [];
  for (let second = 0; second < SECONDS_MAX; second += 1) {
    if (bot.journal.dead) {
      const [known] = await runsIn(outside.journal);
      open = [...(known?.run.effects.values() ?? [])].filter((effect) => effect.status === 'intended').map((effect) => effect.item);
      bot = await boot(outside);
    }
    const [known] = await runsIn(outside.journal);
    if (known?.run.ended !== undefined) return { ...known, outside, appends: first.journal.appends, open, acknowledged };
    prod(bot, known?.run, outside, acknowledged);
    await outside.clock.advance(1_000);
  }
  throw new Error('the run has not ended');
}

/** What the world does at this moment. Nobody waits for an answer: the process may die before it gives one. */
function prod(bot: Process, run: RunState | undefined, outside: Outside, acknowledged: string[]): void {
  const { engine, operations } = bot.rig;
  const ignore = (): void => undefined;
  if (run === undefined) {
    engine.startRun({ runbook: bot.book, target: 'prod', trigger: BY_ALERT, incidentId: null, inputs: {}, dryRun: false, alert: FIRING, idempotencyKey: 'once' }).catch(ignore);
    return;
  }
  const approval = [...run.approvals.values()].at(-1);
  if (approval?.status === 'pending') {
    const { id, plan } = approval;
    operations.decide(ALICE, id, { decision: 'approve', digest: plan.digest }).then((answer) => void (answer.ok && acknowledged.push(id)), ignore);
  }
  if ([...outside.lamps.all.values()].every((lamp) => lamp.lit > 0) && run.offers.get('light')?.status === 'done' && !run.alert.resolved) {
    engine.change(run.id, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] })).catch(ignore);
  }
}

/** What must be the same however often a process died on the way. */
function outcomeOf({ run, outside }: Story): unknown {
  return {
    status: run.ended?.status,
    offers: [...run.offers.values()].map(({ id, status }) => ({ id, status })),
    effects: [...run.effects.values()].map(({ item, status }) => ({ item, status })),
    waves: [...run.approvals.values()].at(-1)?.waves.map((wave) => ({ items: wave.items, done: wave.checked?.count.done })),
    lit: Object.fromEntries([...outside.lamps.all].map(([key, lamp]) => [key, lamp.lit])),
  };
}

function expectNothingLost(story: Story, calm: Story): void {
  expect(outcomeOf(story)).toEqual(outcomeOf(calm));
  const types = story.events.map((event) => event.type);
  expect(types.filter((type) => type === 'ApprovalRedeemed')).toHaveLength(1);
  for (const id of story.acknowledged) expect(story.events.some((event) => event.type === 'DecisionRecorded' && event.data['approval'] === id)).toBe(true);
  // An intent that the dead process left open was looked at before anything else was done about it.
  for (const item of story.open) expect(story.outside.probes).toContain(item);
  const outcomes = types.filter((type) => type === 'EffectSucceeded' || type === 'EffectFailed');
  expect(outcomes).toHaveLength(types.filter((type) => type === 'EffectIntended').length);
}

describe('a run of eight items, from alert to end', async () => {
  const calm = await live({});

  test('without a crash lights every lamp once and ends well', () => {
    expect(calm.run.ended?.status).toBe('succeeded');
    expect(calm.outside.lamps.applied).toHaveLength(LAMPS);
    expect(calm.appends).toBeGreaterThan(20);
  });

  for (const fault of ['crash-before', 'crash-after', 'reject-once'] satisfies JournalFault[]) {
    test(`comes to the same end with ${fault} at each of its appends`, { timeout: 60_000 }, async () => {
      for (let at = 1; at <= calm.appends; at += 1) {
        const story = await live({ at, fault });
        expectNothingLost(story, calm);
      }
    });
  }

  for (const fault of ['before-call', 'after-effect'] as const) {
    test(`comes to the same end when the process dies ${fault}, at each of its calls`, { timeout: 60_000 }, async () => {
      for (let at = 1; at <= LAMPS; at += 1) {
        const story = await live({ call: { at, fault } });
        expect(story.open).toHaveLength(1);
        expectNothingLost(story, calm);
      }
    });
  }
});
