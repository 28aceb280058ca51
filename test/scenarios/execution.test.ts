import { describe, expect, test } from 'vitest';
import { statusOf } from '#engine/model/decide-end.ts';
import { waitUntil } from '#kernel/clock.ts';
import { fail } from '#step-kit/index.ts';
import { createLamps, createRig, lampStep, offer, RESOLVED, runbook, template, WAVES, type Lamps, type Rig, type RigGiven } from '../kit/engine.ts';
import { createFaultyJournal } from '../kit/faulty-journal.ts';
import { ALICE, createOperationsRig, DORA, type OperationsRig } from '../kit/operations-rig.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { createVirtualClock } from '../kit/clock.ts';

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `lamp-${i}`);
const LOST = async (): Promise<{ ok: false; failure: { reason: 'timeout'; message: string; landed: 'maybe' } }> => ({ ok: false, failure: { reason: 'timeout', message: 'no answer', landed: 'maybe' } });

async function applying(options: { lamps?: number; step?: Parameters<typeof lampStep>[1]; given?: RigGiven; prepare?(lamps: Lamps): void } = {}): Promise<{ rig: OperationsRig; runId: string; lamps: Lamps }> {
  const lamps = createLamps(keys(options.lamps ?? 10));
  options.prepare?.(lamps);
  const step = lampStep(lamps, options.step);
  const book = runbook({ offers: [offer(step)] });
  const rig = await createOperationsRig([book], [step], options.given);
  const runId = await rig.start(book);
  expect((await rig.yes(runId)).ok).toBe(true);
  return { rig, runId, lamps };
}

function intentTimes(rig: Rig): Promise<number[]> {
  return rig.journal.readAll(0, 1_000_000).then((events) => events.filter((event) => event.type === 'EffectIntended').map((event) => event.at));
}

function mostWithin(times: readonly number[], windowMs: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

describe('the kill switch', () => {
  test('counts as on until the journal has been read', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step], { idle: true });
    expect(rig.operations.killSwitch().on).toBe(true);
  });

  test('survives a restart, stops the rest of an apply, and only people of R3 re-arm it', async () => {
    const { rig, runId, lamps } = await applying();
    expect((await rig.operations.setKillSwitch(ALICE, true, 'odd')).ok).toBe(true);
    await rig.engine.stop();
    const again = await rig.restarted();
    await again.clock.advance(60_000);
    expect(lamps.applied).toHaveLength(1);
    expect(await again.offerOf(runId)).toMatchObject({ status: 'halted', because: 'the kill switch is on' });
    expect(again.operations.killSwitch()).toMatchObject({ on: true, by: 'alice', reason: 'odd' });
    expect(await again.operations.setKillSwitch(ALICE, false, 'fine')).toMatchObject({ ok: false, problem: { code: 'forbidden', rule: 'not-in-role' } });
    expect((await again.operations.setKillSwitch(DORA, false, 'fine')).ok).toBe(true);
    await again.operations.planOffer(ALICE, runId, 'light', {});
    await again.clock.advance(0);
    expect((await again.yes(runId)).ok).toBe(true);
    await again.clock.advance(120_000);
    expect(lamps.applied.toSorted()).toEqual(keys(10).toSorted());
  });

  test('refuses approving', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.operations.setKillSwitch(ALICE, true, 'odd');
    expect(await rig.yes(runId)).toMatchObject({ ok: false, problem: { code: 'kill-switch' } });
    expect((await rig.approvalOf(runId)).status).toBe('pending');
  });

  test('pressed while an item is looked at for the last time sends nothing', async () => {
    let free = (): void => undefined;
    const { rig, runId, lamps } = await applying({ prepare: (all) => (all.onPlan = (only) => (only === undefined ? Promise.resolve() : new Promise((resolve) => (free = resolve)))) });
    const pressed = rig.operations.setKillSwitch(ALICE, true, 'odd');
    free();
    await pressed;
    await rig.clock.advance(60_000);
    expect(lamps.applied).toEqual([]);
    expect((await rig.journal.read(`run:${runId}`)).map((event) => event.type)).not.toContain('EffectIntended');
  });

  test('stops writes in this process even when it cannot be stored', async () => {
    const clock = createVirtualClock();
    const inner = createMemoryJournal({ clock });
    const journal = createFaultyJournal(inner, { hold: async (append) => { if (append.stream === 'control:kill-switch') throw new Error('no space left'); } });
    const { rig, lamps } = await applying({ given: { clock, journal } });
    await expect(rig.operations.setKillSwitch(ALICE, true, 'odd')).rejects.toThrow('no space left');
    await rig.clock.advance(120_000);
    expect(lamps.applied).toHaveLength(1);
  });
});

describe('a cancel', () => {
  test('withdraws what is pending and ends the run', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    expect((await rig.operations.cancelRun(ALICE, runId, 'not now')).ok).toBe(true);
    await rig.clock.advance(0);
    expect(await rig.view(runId)).toMatchObject({ status: 'cancelled', because: 'cancelled by alice: not now' });
    expect((await rig.approvalOf(runId)).status).toBe('withdrawn');
    expect(await rig.yes(runId)).toMatchObject({ problem: { code: 'withdrawn' } });
    expect((await rig.operations.cancelRun(ALICE, runId)).ok).toBe(true);
  });

  test('between effects stops the rest, and what was applied is followed to its end', async () => {
    const { rig, runId, lamps } = await applying();
    await rig.operations.cancelRun(ALICE, runId);
    await rig.clock.advance(120_000);
    expect(lamps.applied).toHaveLength(1);
    expect(await rig.view(runId)).toMatchObject({ status: 'cancelled' });
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'halted', verified: { outcome: 'passed' } });
  });

  test('is noticed while the rate makes an effect wait', async () => {
    const { rig, runId, lamps } = await applying({ step: { rate: { perSecond: 1, perHour: 2 } } });
    await rig.clock.advance(40_000);
    expect(lamps.applied).toHaveLength(2);
    await rig.operations.cancelRun(ALICE, runId);
    await rig.clock.advance(2_000);
    expect((await rig.view(runId)).status).toBe('cancelled');
    await rig.clock.advance(3_600_000);
    expect(lamps.applied).toHaveLength(2);
  });

  test('repeated every second does not keep a lost answer from being looked into', async () => {
    const { rig, runId } = await applying({ lamps: 1, step: { landsWithinMs: 5_000 }, prepare: (lamps) => (lamps.onApply = LOST) });
    for (let second = 0; second < 30; second += 1) {
      await rig.operations.cancelRun(ALICE, runId);
      await rig.clock.advance(1_000);
    }
    expect((await rig.view(runId)).status).toBe('cancelled');
  });
});

describe('a lost call', () => {
  test('that did not land is made again under the same approval, three times at most', async () => {
    let calls = 0;
    const { rig, runId, lamps } = await applying({ lamps: 1, step: { landsWithinMs: 5_000 }, prepare: (all) => (all.onApply = async () => ((calls += 1), LOST())) });
    await rig.clock.advance(600_000);
    expect(calls).toBe(3);
    expect(lamps.applied).toEqual([]);
    expect((await rig.view(runId)).effects).toMatchObject([{ status: 'failed', failure: { landed: 'no' } }]);
  });

  test('is never repeated while it may still land', async () => {
    const moments: number[] = [];
    const { rig, lamps } = await applying({
      lamps: 1,
      step: { landsWithinMs: 20_000 },
      prepare: (all) => {
        all.onApply = async (item, light) => {
          moments.push(1);
          if (moments.length > 1) return light(), { ok: true, value: { lamp: item.key } };
          late = light;
          return LOST();
        };
      },
    });
    await rig.clock.advance(19_000);
    expect(moments).toHaveLength(1);
    // It lands at the last moment, and the probe after that finds it.
    late();
    await rig.clock.advance(60_000);
    expect(lamps.applied).toEqual(['lamp-0']);
  });
  let late = (): void => undefined;

  test('that went out long after its intent has its whole time to land', async () => {
    let land = (): void => undefined;
    let calls = 0;
    const { rig, lamps } = await applying({
      lamps: 1,
      step: { landsWithinMs: 2_500 },
      prepare: (all) => {
        all.onApply = async (item, light) => {
          calls += 1;
          // Two tries certainly do nothing, and take three seconds with their pauses.
          if (calls < 3) return fail('unreachable', 'refused', 'no');
          if (calls > 3) return light(), { ok: true, value: { lamp: item.key } };
          land = light;
          return LOST();
        };
      },
    });
    await rig.clock.advance(3_000);
    expect(calls).toBe(3);
    await rig.clock.advance(1_500);
    land();
    await rig.clock.advance(60_000);
    expect(lamps.applied).toEqual(['lamp-0']);
  });

  test('whose step does not say that it certainly failed is probed, not repeated', async () => {
    let calls = 0;
    const { rig, runId } = await applying({
      lamps: 1,
      prepare: (all) => {
        all.onApply = async (_item, light) => {
          calls += 1;
          light();
          return fail('timeout', 'no answer');
        };
      },
    });
    await rig.clock.advance(60_000);
    expect(calls).toBe(1);
    expect((await rig.offerOf(runId)).status).toBe('done');
  });

  test('of a step that breaks counts as lost, and a broken probe ends with a person', async () => {
    const { rig, runId } = await applying({
      lamps: 1,
      step: { landsWithinMs: 1_000 },
      prepare: (all) => {
        all.onApply = async () => Promise.reject(new Error('token=abc123secret'));
        all.onProbe = async () => Promise.reject(new Error('broken'));
      },
    });
    await rig.clock.advance(120_000);
    const view = await rig.view(runId);
    expect(view.status).toBe('unknown');
    expect(JSON.stringify(await rig.journal.read(`run:${runId}`))).not.toContain('abc123secret');
    const [effect] = view.effects;
    expect(await rig.operations.settleEffect(DORA, runId, effect?.key ?? '', 'applied', 'I see it')).toMatchObject({ ok: false, problem: { rule: 'not-in-role' } });
    expect(await rig.operations.settleEffect(ALICE, runId, effect?.key ?? '', 'applied', ' ')).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'reason' } });
    expect((await rig.operations.settleEffect(ALICE, runId, effect?.key ?? '', 'applied', 'I see it')).ok).toBe(true);
    expect((await rig.operations.settleEffect(ALICE, runId, effect?.key ?? '', 'applied', 'I see it')).ok).toBe(true);
    expect(await rig.operations.settleEffect(ALICE, runId, effect?.key ?? '', 'notApplied', 'no')).toMatchObject({ ok: false, problem: { code: 'conflict' } });
  });
});

describe('limits', () => {
  test('hold over many runs at once: never more than the rate in any second', async () => {
    const runs = ['a', 'b', 'c', 'd', 'e', 'f'];
    const lamps = createLamps(runs.flatMap((run) => keys(12).map((key) => `${run}-${key}`)));
    const step = lampStep(lamps, { rate: { perSecond: 3, perHour: 1_000 } });
    const all = { sizes: [{ percent: 100 }], pauseMs: 0, deadlineMs: 60_000 };
    const books = runs.map((name) => runbook({ name, offers: [offer(step, { waves: all, with: template(name, () => ({ prefix: name })) })] }));
    const rig = await createRig(books, [step]);
    rig.policy = { ...rig.policy, limits: { ...rig.policy.limits, loop: { applies: 100, withinMs: 3_600_000 } } };
    // The look before each call takes a while, so that all of them look at the rate before any has written its intent.
    lamps.onPlan = async (only) => (only === undefined ? undefined : waitUntil(rig.clock, rig.clock.now() + 400));
    const ids = await Promise.all(books.map((book) => rig.start(book)));
    await Promise.all(ids.map((id) => rig.approve(id)));
    await rig.clock.advance(120_000);
    const times = await intentTimes(rig);
    expect(times).toHaveLength(72);
    expect(mostWithin(times, 1_000)).toBeLessThanOrEqual(3);
  });

  test('count what was done before a restart: the hour is one hour', async () => {
    const { rig, lamps } = await applying({ lamps: 40, step: { rate: { perSecond: 10, perHour: 8 } } });
    await rig.clock.advance(40_000);
    await rig.engine.stop();
    const again = await rig.restarted();
    await again.clock.advance(3_500_000);
    expect(lamps.applied).toHaveLength(8);
    await again.clock.advance(200_000);
    expect(lamps.applied).toHaveLength(16);
    expect(mostWithin(await intentTimes(again), 3_600_000)).toBe(8);
  });

  test('open the breaker after two changes that did not do their job, also when they were before a restart', async () => {
    const lamps = createLamps(keys(3));
    for (const lamp of lamps.all.values()) lamp.end = 'returned';
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    let rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    for (let i = 0; i < 2; i += 1) {
      await rig.yes(runId);
      await rig.clock.advance(10_000);
      expect((await rig.offerOf(runId)).status).toBe('failed');
      await rig.operations.planOffer(ALICE, runId, 'light', {});
      await rig.clock.advance(0);
    }
    await rig.engine.stop();
    rig = await rig.restarted();
    await rig.yes(runId);
    await rig.clock.advance(10_000);
    expect(lamps.applied).toHaveLength(2);
    expect((await rig.approvalOf(runId)).because).toContain('did not do their job');
  });

  test('stop the fourth apply of the same remedy within an hour', async () => {
    const lamps = createLamps(keys(4));
    const step = lampStep(lamps);
    const books = keys(4).map((key) => runbook({ name: key, offers: [offer(step)] }));
    const rig = await createOperationsRig(books, [step]);
    for (const [i, book] of books.entries()) {
      for (const [key, lamp] of lamps.all) if (key !== `lamp-${i}`) lamp.lit ||= 1;
      const own = lamps.all.get(`lamp-${i}`);
      if (own !== undefined) own.lit = 0;
      const runId = await rig.start(book);
      await rig.yes(runId);
      await rig.clock.advance(60_000);
      expect((await rig.offerOf(runId)).status).toBe(i < 3 ? 'done' : 'withdrawn');
    }
    expect(lamps.applied).toHaveLength(3);
  });

  test('take at most a fifth of the capacity a wave, and none below the floor as it is seen at the time', async () => {
    const capacity = { total: 10, floor: 7 };
    const { rig, runId, lamps } = await applying({
      lamps: 10,
      step: { capacity },
      prepare: (all) => {
        all.onApply = async (item, light) => {
          light();
          // What is taken does not come back.
          capacity.total -= 1;
          return { ok: true, value: { lamp: item.key } };
        };
      },
    });
    await rig.clock.advance(600_000);
    expect(lamps.applied).toHaveLength(3);
    const [approval] = [...(await rig.state(runId)).approvals.values()];
    expect(approval?.waves.every((wave) => wave.items.length <= 2)).toBe(true);
    expect([...(approval?.skipped.values() ?? [])][0]?.because).toContain('below the floor');
  });

  test('wait for nothing that can never end: a wave whose items stay pending is unknown at its deadline', async () => {
    const { rig, runId, lamps } = await applying({ prepare: (all) => { for (const lamp of all.all.values()) lamp.end = 'pending'; } });
    await rig.clock.advance(WAVES.deadlineMs - 1_000);
    expect((await rig.offerOf(runId)).status).toBe('applying');
    await rig.clock.advance(400_000);
    expect(lamps.applied).toHaveLength(1);
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'halted', waves: [{ size: 1, done: 0, unknown: 1 }] });
  });

  test('halt when the halt condition cannot be told', async () => {
    const lamps = createLamps(keys(10));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step, { waves: { ...WAVES, halt: template('x', () => { throw new Error('cannot tell: no such step'); }) } })] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.yes(runId);
    await rig.clock.advance(120_000);
    expect(lamps.applied).toHaveLength(1);
    expect((await rig.approvalOf(runId)).status).toBe('redeemed');
    expect((await rig.offerOf(runId)).because).toBe('stopped after wave 1');
  });
});

describe('one writer an item', () => {
  test('also between runs, also after a restart in the pause between two waves', async () => {
    const lamps = createLamps(keys(10));
    const step = lampStep(lamps);
    const books = ['a', 'b'].map((name) => runbook({ name, offers: [offer(step, { waves: { ...WAVES, pauseMs: 600_000 } })] }));
    const rig = await createOperationsRig(books, [step]);
    const [first, second] = [await rig.start(books[0] ?? runbook()), await rig.start(books[1] ?? runbook())];
    await rig.yes(first);
    await rig.clock.advance(1_000);
    await rig.engine.stop();
    const again = await rig.restarted();
    // The second plan is made anew, so it differs from the first run's only by what is done.
    await again.yes(second);
    await again.clock.advance(1_000);
    await again.yes(second);
    await again.clock.advance(1_000);
    expect((await again.approvalOf(second)).because).toContain(`run ${first} is changing some of the same items`);
    await again.clock.advance(1_500_000);
    expect(lamps.applied.toSorted()).toEqual(keys(10).toSorted());
  });

  test('is released when the run that held it has ended', async () => {
    const { rig, runId } = await applying({ prepare: (all) => { for (const lamp of all.all.values()) lamp.end = 'returned'; } });
    await rig.clock.advance(10_000);
    await rig.operations.cancelRun(ALICE, runId);
    await rig.clock.advance(0);
    const book = rig.runbooks.get('lamps') ?? runbook();
    const second = await rig.start(book);
    await rig.yes(second);
    expect((await rig.approvalOf(second)).status).toBe('redeemed');
  });
});

test('two processes on one journal: the one that was stopped in its append does not call when it wakes', async () => {
  const clock = createVirtualClock();
  const journal = createMemoryJournal({ clock });
  let wake = (): void => undefined;
  let held = 0;
  const sleepy = createFaultyJournal(journal, {
    hold(append) {
      if (!append.events.some((event) => event.type === 'EffectIntended') || held > 0) return undefined;
      held += 1;
      return new Promise((resolve) => (wake = resolve));
    },
  });
  const lamps = createLamps(keys(6));
  const calls: string[] = [];
  const stepOf = (who: string): ReturnType<typeof lampStep> => lampStep({ ...lamps, onApply: async (item, light) => (calls.push(`${who} ${item.key}`), light(), { ok: true, value: {} }) });
  const books = (step: ReturnType<typeof lampStep>): ReturnType<typeof runbook>[] => [runbook({ offers: [offer(step)] })];
  const old = await createOperationsRig(books(stepOf('old')), [stepOf('old')], { clock, journal: sleepy });
  const runId = await old.start(books(stepOf('old'))[0] ?? runbook());
  await old.yes(runId);
  expect(held).toBe(1);
  const fresh = await createOperationsRig(books(stepOf('new')), [stepOf('new')], { clock, journal, ids: old.ids });
  await clock.advance(5_000);
  expect(calls).toEqual(['new lamp-0']);
  wake();
  await clock.advance(0);
  expect(calls).toEqual(['new lamp-0']);
  await clock.advance(120_000);
  // Both go on from here on what is durable; each item still has one intent and one call.
  expect([...lamps.all.values()].map((lamp) => lamp.lit)).toEqual([1, 1, 1, 1, 1, 1]);
  const events = await journal.read(`run:${runId}`);
  expect(events.filter((event) => event.type === 'EffectIntended')).toHaveLength(6);
  expect((await fresh.offerOf(runId)).status).toBe('done');
});

describe('undo', () => {
  test('is offered after a verify that failed, planned and approved like any other, and applied', async () => {
    const lamps = createLamps(keys(1));
    for (const lamp of lamps.all.values()) lamp.end = 'failed';
    const dark = createLamps(['lamp-0']);
    const off = { ...lampStep(dark), name: 'test.lamp.darken' } as ReturnType<typeof lampStep>;
    const step = lampStep(lamps, { undo: { uses: off.name, with: {}, title: 'Put it out again' } });
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step, off]);
    const runId = await rig.start(book);
    await rig.yes(runId);
    await rig.clock.advance(10_000);
    expect((await rig.offerOf(runId)).status).toBe('failed');
    expect(await rig.offerOf(runId, 'light-undo')).toMatchObject({ status: 'pending', title: 'Put it out again', uses: 'test.lamp.darken' });
    expect((await rig.yes(runId, ALICE, 'light-undo')).ok).toBe(true);
    await rig.clock.advance(10_000);
    expect(dark.applied).toEqual(['lamp-0']);
    expect((await rig.offerOf(runId, 'light-undo')).status).toBe('done');
  });
});

describe('a step with a bug', () => {
  test('in its undo does not keep the change from its verdict', async () => {
    const lamps = createLamps(keys(1));
    for (const lamp of lamps.all.values()) lamp.end = 'failed';
    const step = {
      ...lampStep(lamps),
      undo: () => {
        throw new Error('bug');
      },
    };
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.yes(runId);
    await rig.clock.advance(1_000);
    expect((await rig.view(runId)).offers).toMatchObject([{ id: 'light', status: 'failed' }]);
  });

  test('that went with an upgrade does not make the engine spin', async () => {
    let errors = 0;
    const lamps = createLamps(keys(3));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.yes(runId);
    await rig.engine.stop();
    const log = { debug() {}, info() {}, warn() {}, error: () => void (errors += 1) };
    const without = await createOperationsRig([book], [], { clock: rig.clock, journal: rig.journal, ids: rig.ids, log });
    await without.clock.advance(120_000);
    expect(errors).toBeGreaterThan(0);
    expect(errors).toBeLessThan(20);
    expect((await without.offerOf(runId)).status).toBe('applying');
    // A cancel is still heard.
    expect((await without.operations.cancelRun(ALICE, runId)).ok).toBe(true);
  });
});

describe('a runbook that changes while its run is open', () => {
  test('does not touch the run; one that can no longer be read ends it without another effect', async () => {
    const { rig, runId, lamps } = await applying();
    await rig.engine.stop();
    const [book] = rig.runbooks.list();
    const edited = { ...runbook({ offers: [] }), revision: 'f'.repeat(64), source: 'edited' };
    const after = await createRig([edited, ...(book === undefined ? [] : [book])], [...rig.steps.values()], { clock: rig.clock, journal: rig.journal, ids: rig.ids });
    await after.clock.advance(30_000);
    expect(lamps.applied).toHaveLength(6);
    await after.engine.stop();
    const gone = await createRig([edited], [...rig.steps.values()], { clock: rig.clock, journal: rig.journal, ids: rig.ids });
    await gone.clock.advance(60_000);
    expect(lamps.applied).toHaveLength(6);
    const run = await gone.state(runId);
    expect(statusOf(run)).toBe('failed');
    expect(run.ended?.because).toContain('can no longer be loaded');
  });

  test('that can no longer be read withdraws what is pending', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.engine.stop();
    const gone = await createOperationsRig([book], [step], { clock: rig.clock, journal: rig.journal, ids: rig.ids, unreadable: new Set([book.source]) });
    await gone.clock.advance(1_000_000);
    expect((await gone.operations.approvals({ status: 'pending' })).items).toEqual([]);
    expect((await gone.view(runId)).status).toBe('failed');
  });
});

test('an alert that resolves after an effect failed ends the run as failed', async () => {
  const { rig, runId } = await applying({ lamps: 1, prepare: (all) => (all.onApply = async () => fail('forbidden', 'no', 'no')) });
  await rig.clock.advance(5_000);
  await rig.engine.change(runId, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] }));
  await rig.clock.advance(0);
  expect(await rig.view(runId)).toMatchObject({ status: 'failed', because: '1 effects failed' });
});
