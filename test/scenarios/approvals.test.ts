import { describe, expect, test } from 'vitest';
import { statusOf } from '#engine/model/decide-end.ts';
import type { Tier } from '#step-kit/index.ts';
import { createLamps, FIRING, lampStep, offer, RESOLVED, runbook, type Lamps } from '../kit/engine.ts';
import { ALICE, BOB, createOperationsRig, DORA, ERIN, person, ROBOT, type OperationsRig } from '../kit/operations-rig.ts';

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `lamp-${i}`);

async function pending(options: { tier?: Tier; lamps?: number; requester?: string } = {}): Promise<{ rig: OperationsRig; runId: string; lamps: Lamps }> {
  const lamps = createLamps(keys(options.lamps ?? 2));
  const step = lampStep(lamps, { tier: options.tier ?? 'R2' });
  const book = runbook({ offers: [offer(step)] });
  const rig = await createOperationsRig([book], [step]);
  const runId = await rig.start(book, options.requester === undefined ? {} : { trigger: { kind: 'api', requester: options.requester }, alert: RESOLVED });
  return { rig, runId, lamps };
}

const approve = { decision: 'approve' } as const;

describe('a decision', () => {
  test('on an approval that does not exist is not found, whoever asks', async () => {
    const { rig } = await pending();
    expect(await rig.operations.decide(person('nobody'), 'apr_0', { ...approve, digest: 'x' })).toMatchObject({ ok: false, problem: { code: 'not-found' } });
  });

  test('is refused by the rule first, even with a wrong digest and although it is decided', async () => {
    const { rig, runId } = await pending();
    const { id } = await rig.approvalOf(runId);
    expect(await rig.operations.decide(person('mallory'), id, { ...approve, digest: 'wrong' })).toMatchObject({ ok: false, problem: { code: 'forbidden', rule: 'not-in-role' } });
    expect((await rig.yes(runId)).ok).toBe(true);
    expect(await rig.operations.decide(person('mallory'), id, { ...approve, digest: 'wrong' })).toMatchObject({ problem: { code: 'forbidden', rule: 'not-in-role' } });
  });

  test('with another digest than the shown one is stale, whatever it looks like', async () => {
    const { rig, runId, lamps } = await pending();
    const { id, plan } = await rig.approvalOf(runId);
    for (const digest of ['', 'x', plan.digest.slice(0, 8), plan.digest.toUpperCase(), `${plan.digest} `, '__proto__']) {
      expect(await rig.operations.decide(ALICE, id, { ...approve, digest })).toMatchObject({ ok: false, problem: { code: 'stale-digest' } });
    }
    await rig.clock.advance(1_000);
    expect(lamps.applied).toEqual([]);
  });

  test('that is repeated by the same person succeeds and changes nothing; by another it is too late', async () => {
    const { rig, runId } = await pending();
    const { id, plan } = await rig.approvalOf(runId);
    expect((await rig.yes(runId)).ok).toBe(true);
    const again = await rig.operations.decide(ALICE, id, { ...approve, digest: plan.digest });
    expect(again).toMatchObject({ ok: true, value: { decisions: [{ principal: 'alice', decision: 'approve' }] } });
    expect(await rig.operations.decide(BOB, id, { ...approve, digest: plan.digest })).toMatchObject({ ok: false, problem: { code: 'already-decided' } });
    expect(await rig.operations.decide(ALICE, id, { decision: 'deny', digest: plan.digest })).toMatchObject({ ok: false, problem: { code: 'already-decided' } });
  });

  test('of automation never counts, whatever roles its key has', async () => {
    const { rig, runId } = await pending();
    expect(await rig.yes(runId, ROBOT)).toMatchObject({ ok: false, problem: { code: 'forbidden', rule: 'not-human' } });
  });

  test('of the requester of R2 is refused, but the requester may deny', async () => {
    const { rig, runId } = await pending({ requester: 'alice' });
    const { id, plan } = await rig.approvalOf(runId);
    expect(await rig.yes(runId, ALICE)).toMatchObject({ problem: { code: 'forbidden', rule: 'is-requester' } });
    expect(await rig.operations.decide(ALICE, id, { decision: 'deny', digest: plan.digest, reason: 'changed my mind' })).toMatchObject({ ok: true, value: { status: 'denied', because: 'denied by alice: changed my mind' } });
  });

  test('of the requester of R1 is enough', async () => {
    const { rig, runId, lamps } = await pending({ tier: 'R1', requester: 'alice' });
    expect((await rig.yes(runId, ALICE)).ok).toBe(true);
    expect(lamps.applied).toHaveLength(1);
  });

  test('denies for good: nothing is applied and nobody can approve any more', async () => {
    const { rig, runId, lamps } = await pending();
    const { id, plan } = await rig.approvalOf(runId);
    expect((await rig.operations.decide(BOB, id, { decision: 'deny', digest: plan.digest })).ok).toBe(true);
    expect(await rig.operations.decide(ALICE, id, { ...approve, digest: plan.digest })).toMatchObject({ problem: { code: 'already-decided' } });
    await rig.clock.advance(60_000);
    expect(lamps.applied).toEqual([]);
    expect((await rig.offerOf(runId)).status).toBe('denied');
  });

  test('through a Slack group that cannot be read is refused as such', async () => {
    const { rig, runId } = await pending();
    rig.policy = { ...rig.policy, roles: { ...rig.policy.roles, oncall: { principals: ['alice'], slackUsers: [], slackGroups: ['S1'], emails: [], oidcGroups: [] } } };
    const frank = person('slack:U1', { slackUser: 'U1', via: 'slack' });
    rig.slackGroups = new Map([['S1', 'unreachable']]);
    expect(await rig.yes(runId, frank)).toMatchObject({ problem: { code: 'forbidden', rule: 'identity-unreachable' } });
    rig.slackGroups = new Map([['S1', new Set(['U1'])]]);
    expect((await rig.yes(runId, frank)).ok).toBe(true);
  });

  test('by a hundred clicks at once redeems once', async () => {
    const { rig, runId, lamps } = await pending({ lamps: 1 });
    const { id, plan } = await rig.approvalOf(runId);
    const clicks = Array.from({ length: 100 }, (_, i) => rig.operations.decide(i % 2 === 0 ? ALICE : BOB, id, { ...approve, digest: plan.digest }));
    const answers = await Promise.all(clicks);
    await rig.clock.advance(60_000);
    // The first to come is recorded; whoever repeats it is told so, the other is too late.
    expect(answers.filter((answer) => answer.ok)).toHaveLength(50);
    const events = await rig.journal.read(`run:${runId}`);
    expect(events.filter((event) => event.type === 'ApprovalRedeemed')).toHaveLength(1);
    expect(events.filter((event) => event.type === 'DecisionRecorded')).toHaveLength(1);
    expect(lamps.applied).toEqual(['lamp-0']);
  });
});

describe('R3', () => {
  const typed = { confirm: 'prod', reason: 'the disk is gone' };

  test('takes two distinct people, each with the typed name and a reason', async () => {
    const { rig, runId, lamps } = await pending({ tier: 'R3', lamps: 1 });
    const { id, plan } = await rig.approvalOf(runId);
    const say = (who: typeof DORA, more: object) => rig.operations.decide(who, id, { ...approve, digest: plan.digest, ...more });
    expect(await say(DORA, {})).toMatchObject({ problem: { rule: 'needs-confirmation', message: expect.stringContaining('type the name of the target, prod, and give a reason') } });
    expect(await say(DORA, { confirm: 'PROD', reason: 'x' })).toMatchObject({ problem: { rule: 'needs-confirmation' } });
    expect(await say(DORA, { confirm: 'prod', reason: '  ' })).toMatchObject({ problem: { rule: 'needs-reason' } });
    expect(await say(ALICE, typed)).toMatchObject({ problem: { rule: 'not-in-role' } });
    expect(await say(DORA, typed)).toMatchObject({ ok: true, value: { status: 'pending' } });
    expect(await say(DORA, typed)).toMatchObject({ ok: true, value: { status: 'pending' } });
    await rig.clock.advance(1_000);
    expect(lamps.applied).toEqual([]);
    expect(await say(ERIN, typed)).toMatchObject({ ok: true });
    await rig.clock.advance(1_000);
    expect(lamps.applied).toEqual(['lamp-0']);
  });

  test('may still be denied by who approved it first', async () => {
    const { rig, runId } = await pending({ tier: 'R3' });
    const { id, plan } = await rig.approvalOf(runId);
    await rig.operations.decide(DORA, id, { ...approve, digest: plan.digest, ...typed });
    expect(await rig.operations.decide(DORA, id, { decision: 'deny', digest: plan.digest })).toMatchObject({ ok: true, value: { status: 'denied' } });
  });

  test('is what an offer needs whose runbook raises the tier of its step', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps, { tier: 'R1' });
    const book = runbook({ offers: [offer(step, { tier: 'R3' })] });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    expect(await rig.approvalOf(runId)).toMatchObject({ tier: 'R3', confirm: 'prod', needs: { approvers: 2, roles: ['lead'] } });
  });
});

describe('an approval', () => {
  test('expires at exactly its moment, not a millisecond before', async () => {
    const { rig, runId, lamps } = await pending();
    const { id, plan, expiresAt } = await rig.approvalOf(runId);
    await rig.clock.advanceTo(Date.parse(expiresAt) - 1);
    expect((await rig.approvalOf(runId)).status).toBe('pending');
    await rig.clock.advance(1);
    expect(await rig.operations.decide(ALICE, id, { ...approve, digest: plan.digest })).toMatchObject({ ok: false, problem: { code: 'expired' } });
    expect(lamps.applied).toEqual([]);
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'expired', because: 'nobody decided in time' });
  });

  test('that was given but could not begin in time expires, and says so', async () => {
    const { rig, runId, lamps } = await pending();
    let free = (): void => undefined;
    lamps.onPlan = () => new Promise((resolve) => (free = resolve));
    const { expiresAt } = await rig.approvalOf(runId);
    await rig.clock.advanceTo(Date.parse(expiresAt) - 1_000);
    expect((await rig.yes(runId)).ok).toBe(true);
    await rig.clock.advance(1_000);
    free();
    await rig.clock.advance(1_000);
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'expired', because: 'it was approved, but could not begin in time' });
    expect(lamps.applied).toEqual([]);
  });

  test('that expired can be planned again, with a new approval', async () => {
    const { rig, runId, lamps } = await pending({ lamps: 1 });
    const before = await rig.approvalOf(runId);
    await rig.clock.advance(900_000);
    expect(await rig.operations.planOffer(BOB, runId, 'light', {})).toMatchObject({ ok: true });
    await rig.clock.advance(0);
    const after = await rig.approvalOf(runId);
    expect(after.id).not.toBe(before.id);
    expect(await rig.operations.decide(ALICE, before.id, { ...approve, digest: before.plan.digest })).toMatchObject({ problem: { code: 'expired' } });
    expect((await rig.yes(runId)).ok).toBe(true);
    expect(lamps.applied).toEqual(['lamp-0']);
  });

  test('is withdrawn when the alert resolves, and what has begun finishes', async () => {
    for (const begun of [false, true]) {
      const { rig, runId, lamps } = await pending({ lamps: 4 });
      if (begun) await rig.yes(runId);
      await rig.engine.change(runId, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] }));
      await rig.clock.advance(60_000);
      expect(lamps.applied).toHaveLength(begun ? 4 : 0);
      expect((await rig.offerOf(runId)).status).toBe(begun ? 'done' : 'withdrawn');
      expect((await rig.view(runId)).status).toBe('succeeded');
    }
  });

  test('cannot be redeemed once the alert has resolved, however close the two come', async () => {
    const { rig, runId, lamps } = await pending();
    let free = (): void => undefined;
    lamps.onPlan = () => new Promise((resolve) => (free = resolve));
    await rig.yes(runId);
    // The plan comes back in the same moment in which the alert resolves.
    const resolved = rig.engine.change(runId, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] }));
    free();
    await resolved;
    await rig.clock.advance(60_000);
    expect(lamps.applied).toEqual([]);
    expect((await rig.approvalOf(runId)).status).toBe('withdrawn');
  });

  test('is withdrawn when the time of the run is over, at that moment', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)], done: { ...runbook().done, withinMs: 60_000 } });
    const rig = await createOperationsRig([book], [step]);
    const runId = await rig.start(book);
    await rig.clock.advance(59_999);
    expect((await rig.approvalOf(runId)).status).toBe('pending');
    await rig.clock.advance(1);
    expect(await rig.approvalOf(runId)).toMatchObject({ status: 'withdrawn', because: 'the time of the run is over' });
    expect(statusOf(await rig.state(runId))).toBe('failed');
  });

  test('is valid for an hour at most, whatever the policy says', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    rig.policy = { ...rig.policy, tiers: { R2: { approvers: 1, roles: ['oncall'], excludeRequester: true, validForMs: 86_400_000 } } };
    const { requestedAt, expiresAt } = await rig.approvalOf(await rig.start(book));
    expect(Date.parse(expiresAt) - Date.parse(requestedAt)).toBe(3_600_000);
  });

  test('keeps what it needed when the policy is loosened later', async () => {
    const { rig, runId } = await pending({ tier: 'R3' });
    rig.policy = { ...rig.policy, tiers: { R3: { approvers: 1, roles: ['oncall'], excludeRequester: false, validForMs: 900_000 } } };
    expect((await rig.approvalOf(runId)).needs).toMatchObject({ approvers: 2, roles: ['lead'] });
    expect(await rig.yes(runId, ALICE)).toMatchObject({ problem: { rule: 'not-in-role' } });
  });

  test('is never asked for when nobody could give it', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step]);
    rig.policy = { ...rig.policy, tiers: {} };
    const runId = await rig.start(book);
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'planFailed', because: 'the policy does not name R2, so nobody can approve it' });
  });
});

describe('a change freeze', () => {
  const at = Date.parse(FIRING.startsAt);

  test('withdraws what is pending when it begins, and refuses while it lasts', async () => {
    const { rig, runId, lamps } = await pending();
    rig.policy = { ...rig.policy, freeze: [{ fromMs: at + 60_000, untilMs: at + 120_000, reason: 'quarter end' }] };
    // The engine learns of a new policy when it next looks.
    rig.engine.change(runId, 'bot', () => ({ events: [] })).catch(() => undefined);
    await rig.clock.advance(60_000);
    expect(await rig.approvalOf(runId)).toMatchObject({ status: 'withdrawn', because: 'a change freeze is on: quarter end' });
    await rig.operations.planOffer(ALICE, runId, 'light', {});
    await rig.clock.advance(0);
    expect((await rig.approvalOf(runId)).status).toBe('withdrawn');
    await rig.clock.advance(60_000);
    await rig.operations.planOffer(ALICE, runId, 'light', {});
    await rig.clock.advance(0);
    expect((await rig.yes(runId)).ok).toBe(true);
    expect(lamps.applied).toHaveLength(1);
  });

  test('refuses an approval that comes before the engine has looked', async () => {
    const { rig, runId } = await pending();
    rig.policy = { ...rig.policy, freeze: [{ fromMs: at, untilMs: at + 120_000, reason: 'quarter end' }] };
    expect(await rig.yes(runId)).toMatchObject({ ok: false, problem: { code: 'frozen' } });
  });
});

describe('the record', () => {
  test('names who decided, what was refused and why', async () => {
    const { rig, runId } = await pending({ lamps: 1 });
    const { id } = await rig.approvalOf(runId);
    await rig.operations.decide(person('mallory'), id, { ...approve, digest: 'x' });
    await rig.yes(runId);
    await rig.audit.flush();
    const { items } = await rig.operations.audit({ limit: 200 });
    expect(items.find((entry) => entry.action === 'refused')).toMatchObject({ actor: 'mallory', detail: { action: 'approval.approve', subject: id, code: 'forbidden', rule: 'not-in-role' } });
    expect(items.find((entry) => entry.action === 'approval.decided')).toMatchObject({ actor: 'alice', detail: { decision: 'approve' } });
    for (const action of ['run.started', 'approval.requested', 'approval.redeemed', 'effect.intended', 'effect.succeeded', 'change.verified']) expect(items.map((entry) => entry.action)).toContain(action);
  });

  test('can be read in pages without a gap', async () => {
    const { rig, runId } = await pending({ lamps: 4 });
    await rig.yes(runId);
    await rig.clock.advance(60_000);
    const all = (await rig.operations.audit({ limit: 200 })).items;
    const paged: unknown[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page: Awaited<ReturnType<typeof rig.operations.audit>> = await rig.operations.audit({ after, limit: 3 });
      paged.push(...page.items);
      after = page.next;
    }
    expect(paged).toEqual(all);
  });
});
