import { describe, expect, it } from 'vitest';
import type { AheadAsk, Journal } from '#engine/ports.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import type { AheadSubject } from '#operations/context.ts';
import type { ApproveAhead } from '#operations/operations.ts';
import { defineWrite, type GivenApproval, type Tier, type WriteStep } from '#step-kit/index.ts';
import { createVirtualClock } from '../kit/clock.ts';
import { createLamps, lampStep, offer, RESOLVED, runbook, testPolicy, type Lamps } from '../kit/engine.ts';
import { ALICE, BOB, createOperationsRig, DORA, person, ROBOT, type OperationsRig } from '../kit/operations-rig.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BY_SCHEDULE = { trigger: { kind: 'schedule', requester: 'schedule' }, alert: RESOLVED } as const;
const STREAM = 'ahead:test.lamp.light/quarterly';

interface World {
  readonly rig: OperationsRig;
  readonly lamps: Lamps;
  readonly given: (readonly GivenApproval[])[];
  /** Starts the drill as its schedule does; the id of its run. */
  run(): Promise<string>;
  approve(request?: ApproveAhead, by?: typeof ALICE): Promise<string>;
  /** `ms` from now, as people write it. */
  at(ms: number): string;
}

/** A drill that lights two lamps: its items hold what is configured. */
function drillStep(lamps: Lamps, given: (readonly GivenApproval[])[], name = 'quarterly'): WriteStep {
  const plain = lampStep(lamps, { tier: 'R1' });
  return defineWrite({
    ...plain,
    aside: true,
    ahead: () => name,
    async apply(item, input, ctx) {
      given.push(ctx.approvals);
      return plain.apply(item, input, ctx);
    },
  });
}

const subjectOf = (more: Partial<AheadSubject> = {}): AheadSubject => ({ uses: 'test.lamp.light', input: {}, target: 'prod', nextAt: null, closedAt: () => undefined, ...more });

async function world(how: { readonly name?: string; readonly tier?: Tier; readonly journal?: Journal; readonly clock?: ReturnType<typeof createVirtualClock> } = {}): Promise<World> {
  const lamps = createLamps(['a', 'b']);
  const given: (readonly GivenApproval[])[] = [];
  const step = drillStep(lamps, given, how.name);
  const book = runbook({ offers: [offer(step, { waves: { sizes: [1], pauseMs: 0, deadlineMs: 1_000 }, ...(how.tier === undefined ? {} : { tier: how.tier }) })] });
  const rig = await createOperationsRig([book], [step], how);
  rig.drills.subjects.set('quarterly', subjectOf());
  const at = (ms: number): string => new Date(rig.clock.now() + ms).toISOString();
  return {
    rig,
    lamps,
    given,
    at,
    async run() {
      const id = await rig.start(book, BY_SCHEDULE);
      await rig.clock.advance(5_000);
      return id;
    },
    async approve(request = {}, by = ALICE) {
      const answer = await rig.operations.approveDrill(by, 'quarterly', { from: at(0), to: at(HOUR_MS), reason: 'agreed with the team', ...request });
      if (!answer.ok) throw new Error(answer.problem.message);
      return answer.value.id;
    },
  };
}

const lit = ({ lamps }: World): number => [...lamps.all.values()].reduce((sum, lamp) => sum + lamp.lit, 0);

describe('a drill that was approved ahead', () => {
  it('is applied when its run plans within the window, by the person who approved, and nobody is asked', async () => {
    const one = await world();
    const from = one.at(HOUR_MS);
    const id = await one.approve({ from, to: one.at(3 * HOUR_MS) });
    const approvedAt = one.at(0);
    await one.rig.clock.advance(2 * HOUR_MS);
    const runId = await one.run();
    expect(await one.rig.view(runId)).toMatchObject({ status: 'succeeded', offers: [{ status: 'done' }] });
    const ahead = { id, at: approvedAt, from };
    expect(await one.rig.approvalOf(runId)).toMatchObject({ status: 'redeemed', decisions: [{ principal: 'alice', decision: 'approve', reason: 'agreed with the team', via: 'api', ahead }] });
    expect(one.given[0]).toMatchObject([{ by: 'alice', at: approvedAt, reason: 'agreed with the team', window: { from } }]);
    expect(await one.rig.operations.drillApprovals('quarterly')).toMatchObject([{ id, status: 'used', runId, by: 'alice' }]);
    expect((await one.rig.operations.audit({ limit: 200 })).items.filter(({ action }) => action.startsWith('approval.')).map(({ actor, action }) => [actor, action])).toEqual([
      ['alice', 'approval.ahead.given'],
      ['bot', 'approval.requested'],
      ['bot', 'approval.ahead.used'],
      ['alice', 'approval.decided'],
      ['bot', 'approval.redeemed'],
    ]);
  });

  it('counts once: the next run within the same window asks, and says who has used it', async () => {
    const one = await world();
    await one.approve();
    const first = await one.run();
    one.lamps.all.set('c', { lit: 0, end: 'done', current: 'dark' });
    const second = await one.run();
    expect(await one.rig.approvalOf(second)).toMatchObject({ status: 'pending', decisions: [], because: expect.stringContaining(`used, by run ${first}`) as string });
    expect(lit(one)).toBe(2);
  });

  it('asks as today where nobody has approved, and a person then decides on the card', async () => {
    const one = await world();
    const runId = await one.run();
    expect(await one.rig.approvalOf(runId)).toMatchObject({ status: 'pending', because: null });
    expect(await one.rig.yes(runId)).toMatchObject({ ok: true });
    await one.rig.clock.advance(5_000);
    expect([await one.rig.view(runId), lit(one)]).toMatchObject([{ status: 'succeeded' }, 2]);
  });
});

describe('what was approved ahead does not count', () => {
  /** What became of a plan, of a new run where none is named. */
  const planned = async (one: World, runId?: string) => {
    const { status, decisions, because } = await one.rig.approvalOf(runId ?? (await one.run()));
    return { status, decisions, because, lit: lit(one), used: (await one.rig.journal.read(STREAM)).some(({ type }) => type === 'AheadUsed') };
  };
  const asks = (because: string) => ({ status: 'pending', decisions: [], because: expect.stringContaining(because) as string, lit: 0, used: false });

  it('before its window and after it', async () => {
    const one = await world();
    await one.approve({ from: one.at(HOUR_MS), to: one.at(2 * HOUR_MS) });
    expect(await planned(one)).toEqual(asks('it is for '));
    await one.rig.clock.advance(2 * HOUR_MS);
    expect(await planned(one)).toEqual(asks('it is for '));
  });

  it('when the configuration has changed since', async () => {
    const one = await world();
    await one.approve();
    one.lamps.all.get('a')!.current = 'in another directory';
    expect(await planned(one)).toEqual(asks('what is configured has changed since'));
  });

  it('for another drill', async () => {
    const one = await world({ name: 'yearly' });
    await one.approve();
    const runId = await one.run();
    expect(await one.rig.approvalOf(runId)).toMatchObject({ status: 'pending', because: null });
    expect(lit(one)).toBe(0);
  });

  it('for another target', async () => {
    const one = await world();
    one.rig.drills.subjects.set('quarterly', subjectOf({ target: 'staging' }));
    await one.approve();
    expect(await planned(one)).toEqual(asks('it is for staging'));
  });

  it('once it was revoked', async () => {
    const one = await world();
    const id = await one.approve();
    expect(await one.rig.operations.revokeDrillApproval(BOB, 'quarterly', id, 'the disk is full')).toMatchObject({ ok: true, value: { status: 'revoked', revokedBy: 'bob', revokedReason: 'the disk is full' } });
    expect(await planned(one)).toEqual(asks('it was revoked by bob'));
  });

  it('when who approved may not any more: out of the role, without a credential, or the one who asked for the run', async () => {
    const one = await world();
    await one.approve();
    one.rig.policy = { ...testPolicy, roles: { ...testPolicy.roles, oncall: { ...testPolicy.roles['oncall']!, principals: ['bob'] } } };
    expect(await planned(one)).toEqual(asks('alice is not in oncall'));
    one.rig.policy = testPolicy;
    one.rig.drills.credentials.set('alice', undefined);
    expect(await planned(one)).toEqual(asks('alice has no API key any more'));
    one.rig.drills.credentials.clear();
    one.rig.policy = { ...testPolicy, tiers: { ...testPolicy.tiers, R1: { ...testPolicy.tiers.R1!, excludeRequester: true } } };
    const started = await one.rig.operations.startRun(ALICE, { runbook: 'lamps' });
    await one.rig.clock.advance(5_000);
    expect(await planned(one, started.ok ? started.value.id : '')).toEqual(asks('alice asked for this'));
  });

  it('by a role that a key carried then, and not now', async () => {
    const one = await world();
    one.rig.policy = { ...testPolicy, tiers: { ...testPolicy.tiers, R1: { ...testPolicy.tiers.R1!, roles: ['oncall'] } } };
    await one.approve({}, person('zoe', { roles: ['oncall'] }));
    expect(await planned(one)).toEqual(asks('zoe is not in oncall'));
    one.rig.drills.credentials.set('zoe', ['oncall']);
    expect(await one.rig.approvalOf(await one.run())).toMatchObject({ status: 'redeemed', decisions: [{ principal: 'zoe' }] });
  });

  it('while a Slack group that gave the role cannot be read', async () => {
    const one = await world();
    one.rig.policy = { ...testPolicy, roles: { ...testPolicy.roles, oncall: { ...testPolicy.roles['oncall']!, principals: [], slackGroups: ['S1'] } } };
    one.rig.slackGroups = new Map([['S1', new Set(['U1'])]]);
    await one.approve({}, person('slack:U1', { slackUser: 'U1', via: 'slack' }));
    one.rig.slackGroups = new Map([['S1', 'unreachable']]);
    expect(await planned(one)).toEqual(asks('cannot be read now'));
  });

  it('while the kill switch is on, nor in a freeze, nor on a day of the blackout', async () => {
    const one = await world();
    await one.approve();
    await one.rig.operations.setKillSwitch(DORA, true, 'stop');
    expect(await planned(one)).toEqual(asks('the kill switch is on'));
    await one.rig.operations.setKillSwitch(DORA, false, 'go on');
    one.rig.drills.subjects.set('quarterly', subjectOf({ closedAt: () => 'schedule quarterly has a blackout on that day' }));
    expect(await planned(one)).toEqual(asks('blackout'));
    one.rig.drills.subjects.set('quarterly', subjectOf());
    const now = one.rig.clock.now();
    one.rig.policy = { ...testPolicy, freeze: [{ fromMs: now, untilMs: now + DAY_MS, reason: 'launch' }] };
    const frozen = await one.run();
    expect(await one.rig.approvalOf(frozen)).toMatchObject({ status: 'withdrawn', because: expect.stringContaining('launch') as string });
    expect(lit(one)).toBe(0);
  });

  it('where a runbook has raised the tier of the step', async () => {
    const one = await world({ tier: 'R2' });
    await one.approve();
    const runId = await one.run();
    expect(await one.rig.approvalOf(runId)).toMatchObject({ tier: 'R2', status: 'pending', because: null });
    expect(lit(one)).toBe(0);
  });

  it('alone where two people must approve; with both it does', async () => {
    const one = await world();
    one.rig.policy = { ...testPolicy, tiers: { ...testPolicy.tiers, R1: { ...testPolicy.tiers.R1!, approvers: 2 } } };
    await one.approve();
    await one.approve({ to: one.at(2 * HOUR_MS) });
    expect(await planned(one)).toEqual(asks('1 approved it ahead, and 2 must'));
    await one.approve({}, BOB);
    expect((await one.rig.approvalOf(await one.run())).decisions.map(({ principal }) => principal).toSorted()).toEqual(['alice', 'bob']);
  });

  it('when the clock is behind what the journal has, or the approval is from the future', async () => {
    const journalClock = createVirtualClock();
    const journal = createMemoryJournal({ clock: journalClock });
    const later = await world({ journal, clock: createVirtualClock(journalClock.now() + DAY_MS) });
    await later.approve({ from: later.at(-2 * DAY_MS) });
    const back = await world({ journal, clock: createVirtualClock(journalClock.now()) });
    expect(await planned(back)).toEqual(asks('the clock of the bot is behind'));
  });
});

describe('after a crash', () => {
  it('between the approval and the run it is still there, and used once', async () => {
    const one = await world();
    await one.approve();
    const again = await one.rig.restarted();
    const runId = await again.start(again.runbooks.list()[0]!, BY_SCHEDULE);
    await again.clock.advance(5_000);
    expect(await again.approvalOf(runId)).toMatchObject({ status: 'redeemed', decisions: [{ principal: 'alice' }] });
    expect((await again.journal.read(STREAM)).filter(({ type }) => type === 'AheadUsed')).toHaveLength(1);
  });

  it('between its use and the decision the same plan gets it, and is applied once', async () => {
    const clock = createVirtualClock();
    const inner = createMemoryJournal({ clock });
    let dead = false;
    const journal: Journal = {
      ...inner,
      async append(append) {
        // The disk goes with the process, in the moment after the approval was used.
        if (dead) throw new Error('killed');
        dead = append.events.some(({ type }) => type === 'AheadUsed');
        return inner.append(append);
      },
    };
    const one = await world({ clock, journal });
    await one.approve();
    const runId = await one.run();
    expect(await one.rig.approvalOf(runId)).toMatchObject({ status: 'pending', decisions: [] });
    await one.rig.engine.stop();
    dead = false;
    const again = await one.rig.restarted();
    await again.clock.advance(15_000);
    expect(await again.approvalOf(runId)).toMatchObject({ status: 'redeemed', decisions: [{ principal: 'alice' }] });
    expect([lit(one), one.lamps.applied.length, (await inner.read(STREAM)).filter(({ type }) => type === 'AheadUsed').length]).toEqual([2, 2, 1]);
  });

  it('of one of two bots: of two plans at the same moment one gets it', async () => {
    const one = await world();
    await one.approve();
    const { digest } = (await one.rig.operations.drillApprovals('quarterly'))![0]!;
    const other = await one.rig.restarted();
    const ask = (approval: string): AheadAsk => ({ runId: `run-of-${approval}`, approval, target: 'prod', uses: 'test.lamp.light', subject: 'quarterly', digest, tier: 'R1', needs: { approvers: 1, roles: ['oncall'], excluded: [] } });
    const answers = await Promise.all([one.rig.aheadDesk!.take(ask('apr_1')), other.aheadDesk!.take(ask('apr_2'))]);
    expect(answers.filter((answer) => 'decisions' in answer)).toHaveLength(1);
    const winner = 'decisions' in answers[0]! ? 'apr_1' : 'apr_2';
    // Another approval that stands does not take the place of the one that is used.
    await one.approve({ to: one.at(2 * HOUR_MS) }, BOB);
    expect(await other.aheadDesk!.take(ask(winner))).toMatchObject({ decisions: [{ principal: 'alice' }] });
    expect(await other.aheadDesk!.take(ask('apr_3'))).toMatchObject({ decisions: [{ principal: 'bob' }] });
    expect(await other.aheadDesk!.take(ask('apr_4'))).toMatchObject({ because: expect.stringContaining('it is used') as string });
  });
});

describe('approving ahead', () => {
  it('takes the next slot of the schedule, an hour before and after it, where no window is named', async () => {
    const one = await world();
    one.rig.drills.subjects.set('quarterly', subjectOf({ nextAt: one.at(3 * DAY_MS) }));
    const [from, to] = [one.at(3 * DAY_MS - HOUR_MS), one.at(3 * DAY_MS + HOUR_MS)];
    expect(await one.rig.operations.approveDrill(ALICE, 'quarterly', {})).toMatchObject({ ok: true, value: { status: 'waiting', from, to, reason: null } });
    expect(await one.rig.operations.drills()).toMatchObject([{ name: 'quarterly', nextAt: one.at(3 * DAY_MS), approvals: [{ from, to, by: 'alice' }] }]);
  });

  it('takes times to the minute, as people write them', async () => {
    const one = await world();
    const day = one.at(DAY_MS).slice(0, 10);
    expect(await one.rig.operations.approveDrill(ALICE, 'quarterly', { from: `${day}T08:00Z`, to: `${day}T11:00+01:00`, reason: 'why' })).toMatchObject({ ok: true, value: { from: `${day}T08:00:00.000Z`, to: `${day}T10:00:00.000Z` } });
  });

  it('says of a window whose approval is used that it is, and does not answer as if another run were approved', async () => {
    const one = await world();
    const request = { from: one.at(0), to: one.at(HOUR_MS) };
    const id = await one.approve({ ...request, idempotencyKey: 'cli:1' });
    const run = await one.run();
    // As before: the same configuration, so the same plan.
    for (const key of ['a', 'b']) one.lamps.all.set(key, { lit: 0, end: 'done', current: 'dark' });
    await expect(one.approve({ ...request, idempotencyKey: 'cli:2' })).rejects.toThrow(`used, by run ${run}`);
    expect(await one.approve({ ...request, idempotencyKey: 'cli:1' })).toBe(id);
  });

  it.each<[string, Partial<ApproveAhead> & { readonly fromMs?: number; readonly toMs?: number }, string]>([
    ['a window that ends more than 14 days ahead', { fromMs: DAY_MS, toMs: 14 * DAY_MS + 1 }, '14d ahead at most'],
    ['a window that is over', { fromMs: -2 * HOUR_MS, toMs: -HOUR_MS }, 'the window is over'],
    ['a window that ends before it begins', { fromMs: 2 * HOUR_MS, toMs: HOUR_MS }, 'ends before it begins'],
    ['a time without a zone', { from: '2026-12-01T09:00:00', toMs: HOUR_MS }, 'with its zone'],
    ['a day that there is not', { from: '2026-02-30T09:00Z', toMs: HOUR_MS }, 'with its zone'],
    ['a window without an end', { fromMs: 0 }, 'name the end'],
    ['no window where no schedule has one', {}, 'name the window'],
  ])('refuses %s', async (_what, { fromMs, toMs, ...request }, message) => {
    const one = await world();
    const window = { ...(fromMs === undefined ? {} : { from: one.at(fromMs) }), ...(toMs === undefined ? {} : { to: one.at(toMs) }) };
    expect(await one.rig.operations.approveDrill(ALICE, 'quarterly', { reason: 'why', ...window, ...request })).toMatchObject({ ok: false, problem: { code: 'invalid', message: expect.stringContaining(message) as string } });
    expect(await one.rig.journal.read(STREAM)).toEqual([]);
  });

  it('is for people of the role only, and says so before anything else', async () => {
    const one = await world();
    for (const [by, rule] of [[DORA, 'not-in-role'], [ROBOT, 'not-human'], [person('mallory'), 'not-in-role']] as const) {
      expect(await one.rig.operations.approveDrill(by, 'quarterly', { from: 'nonsense' })).toMatchObject({ ok: false, problem: { code: 'forbidden', rule } });
    }
    expect(await one.rig.operations.approveDrill(ALICE, 'yearly', {})).toMatchObject({ ok: false, problem: { code: 'not-found', message: expect.stringContaining('there are: ') } });
    await one.rig.audit.flush();
    expect((await one.rig.operations.audit({})).items.filter(({ action }) => action === 'refused')).toHaveLength(3);
  });

  it('is refused while the kill switch is on, and for a window that a freeze covers', async () => {
    const one = await world();
    const window = { from: one.at(0), to: one.at(HOUR_MS) };
    one.rig.policy = { ...testPolicy, freeze: [{ fromMs: 0, untilMs: one.rig.clock.now() + DAY_MS, reason: 'launch' }] };
    expect(await one.rig.operations.approveDrill(ALICE, 'quarterly', window)).toMatchObject({ ok: false, problem: { code: 'frozen' } });
    await one.rig.operations.setKillSwitch(DORA, true, 'stop');
    expect(await one.rig.operations.approveDrill(ALICE, 'quarterly', window)).toMatchObject({ ok: false, problem: { code: 'kill-switch' } });
  });

  it('adds nothing the second time, and a request that comes again does not bring back what was revoked', async () => {
    const one = await world();
    const request = { from: one.at(0), to: one.at(HOUR_MS), idempotencyKey: 'slack:t1' };
    const id = await one.approve(request);
    expect(await one.approve(request)).toBe(id);
    expect(await one.approve({ ...request, idempotencyKey: 'slack:t2' })).toBe(id);
    await one.rig.operations.revokeDrillApproval(ALICE, 'quarterly', id);
    await expect(one.approve(request)).rejects.toThrow('revoked by alice');
    expect(await one.approve({ ...request, idempotencyKey: 'slack:t3' })).not.toBe(id);
  });

  it('is not to be had of a step that does not allow it', () => {
    expect(() => defineWrite({ ...lampStep(createLamps([]), { tier: 'R2' }), aside: true, ahead: () => 'x' })).toThrow('may not be approved ahead');
    expect(() => defineWrite({ ...lampStep(createLamps([]), { tier: 'R1' }), ahead: () => 'x' })).toThrow('may not be approved ahead');
  });

  it('is taken back by who gave it or by who could stop the run, but not once it is used', async () => {
    const one = await world();
    const id = await one.approve();
    expect(await one.rig.operations.revokeDrillApproval(person('mallory'), 'quarterly', id)).toMatchObject({ ok: false, problem: { code: 'forbidden' } });
    const runId = await one.run();
    expect(await one.rig.operations.revokeDrillApproval(ALICE, 'quarterly', id)).toMatchObject({ ok: false, problem: { code: 'conflict', message: expect.stringContaining(runId) as string } });
  });
});
