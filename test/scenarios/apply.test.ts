import { describe, expect, test } from 'vitest';
import { statusOf } from '#engine/model/decide-end.ts';
import { succeed } from '#step-kit/index.ts';
import { createLamps, createRig, lampStep, node, offer, output, readStep, RESOLVED, runbook, template } from '../kit/engine.ts';

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `lamp-${i}`);

describe('an approved plan', () => {
  test('is applied in waves of 1, 5, 25 and the rest, each item once, and verified', async () => {
    const lamps = createLamps(keys(40));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    expect((await rig.state(runId)).offers.get('light')?.status).toBe('pending');
    expect(lamps.applied).toEqual([]);

    await rig.approve(runId);
    expect(lamps.applied).toHaveLength(1);
    await rig.clock.advance(30_000);
    expect(lamps.applied).toHaveLength(6);
    await rig.clock.advance(30_000);
    expect(lamps.applied).toHaveLength(31);
    await rig.clock.advance(30_000);
    expect(lamps.applied.toSorted()).toEqual(keys(40).toSorted());

    const run = await rig.state(runId);
    expect(run.offers.get('light')?.status).toBe('done');
    expect([...run.approvals.values()].map((approval) => approval.status)).toEqual(['redeemed']);
    expect(statusOf(run)).toBe('waiting');
    await rig.engine.change(runId, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] }));
    await rig.clock.advance(0);
    expect(statusOf(await rig.state(runId))).toBe('succeeded');
  });

  test('stops after the wave in which more than a tenth come back', async () => {
    const lamps = createLamps(keys(40));
    for (const key of ['lamp-2', 'lamp-3']) Object.assign(lamps.all.get(key) ?? {}, { end: 'returned' });
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    await rig.clock.advance(600_000);
    expect(lamps.applied).toHaveLength(6);
    const run = await rig.state(runId);
    expect(run.offers.get('light')?.status).toBe('failed');
    expect([...run.approvals.values()][0]?.halted).toBe('stopped after wave 2');
  });

  test('asks again, saying what moved, when the plan differs at redemption', async () => {
    const lamps = createLamps(keys(3));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    Object.assign(lamps.all.get('lamp-1') ?? {}, { current: 'broken' });
    await rig.approve(runId);
    expect(lamps.applied).toEqual([]);
    const [first, second] = [...(await rig.state(runId)).approvals.values()];
    expect(first).toMatchObject({ status: 'withdrawn' });
    expect(second).toMatchObject({ status: 'pending', moved: ['lamp lamp-1 has changed'] });
  });

  test('leaves an item alone that moves after redemption, and goes on with the others', async () => {
    const lamps = createLamps(keys(4));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    Object.assign(lamps.all.get('lamp-2') ?? {}, { current: 'broken' });
    await rig.clock.advance(60_000);
    expect(lamps.applied.toSorted()).toEqual(['lamp-0', 'lamp-1', 'lamp-3']);
    const [approval] = [...(await rig.state(runId)).approvals.values()];
    expect(approval?.skipped.get('lamp-2')?.because).toBe('it has changed since it was approved');
  });

  test('resumes the remaining items after a restart, under the same approval', async () => {
    const lamps = createLamps(keys(10));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    await rig.engine.stop();
    expect(lamps.applied).toHaveLength(1);
    const again = await rig.restart();
    await again.clock.advance(120_000);
    expect(lamps.applied.toSorted()).toEqual(keys(10).toSorted());
    expect((await again.state(runId)).offers.get('light')?.status).toBe('done');
  });

  test('finds by a probe that a call with a lost answer had landed, and does not repeat it', async () => {
    const lamps = createLamps(keys(1));
    lamps.onApply = async (_item, light) => {
      light();
      return { ok: false, failure: { reason: 'timeout', message: 'no answer', landed: 'maybe' } };
    };
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    await rig.clock.advance(10_000);
    expect(lamps.applied).toEqual(['lamp-0']);
    expect((await rig.state(runId)).offers.get('light')?.status).toBe('done');
  });

  test('puts it to a person when nobody can tell, and goes on once that is settled', async () => {
    const lamps = createLamps(keys(2));
    lamps.onApply = async () => ({ ok: false, failure: { reason: 'timeout', message: 'no answer', landed: 'maybe' } });
    lamps.onProbe = async () => ({ landed: 'unknown', evidence: 'the lamp cannot be seen' });
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    await rig.clock.advance(3_700_000);
    const run = await rig.state(runId);
    expect(statusOf(run)).toBe('unknown');
    const [effect] = [...run.effects.values()];
    expect(effect).toMatchObject({ status: 'unknown', evidence: 'the lamp cannot be seen' });
    await rig.engine.change(runId, 'alice', () => ({ events: [{ type: 'EffectSettled', data: { key: effect?.key ?? '', outcome: 'notApplied', by: 'alice', reason: 'I looked' } }] }));
    await rig.clock.advance(0);
    expect(statusOf(await rig.state(runId))).toBe('failed');
  });

  test('stops before the next effect when the kill switch goes on', async () => {
    const lamps = createLamps(keys(10));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.approve(runId);
    await rig.killSwitch.set('alice', true, 'something is wrong');
    await rig.clock.advance(60_000);
    expect(lamps.applied).toHaveLength(1);
    expect((await rig.state(runId)).offers.get('light')).toMatchObject({ status: 'halted', because: 'the kill switch is on' });
  });

  test('expires when nobody decides in time', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book);
    await rig.clock.advance(900_000);
    expect((await rig.state(runId)).offers.get('light')?.status).toBe('expired');
  });
});

describe('a run that no alert started', () => {
  const form = { id: 'other', inputs: [{ name: 'why', type: 'string', title: 'Why', required: true }] } as const;
  const byHand = { trigger: { kind: 'api', requester: 'zoe' }, alert: RESOLVED } as const;

  test('ends once its change is verified, although a form is still open', async () => {
    const lamps = createLamps(keys(1));
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step), offer(step, form)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book, byHand);
    await rig.approve(runId);
    await rig.clock.advance(5_000);
    expect(statusOf(await rig.state(runId))).toBe('succeeded');
  });

  test('stays open for its form while nothing was carried out, until its time is over', async () => {
    const step = lampStep(createLamps(keys(1)));
    const book = runbook({ offers: [offer(step, form)] });
    const rig = await createRig([book], [step]);
    const runId = await rig.start(book, byHand);
    await rig.clock.advance(book.done.withinMs - 1);
    expect(statusOf(await rig.state(runId))).toBe('waiting');
    await rig.clock.advance(1);
    expect(statusOf(await rig.state(runId))).toBe('succeeded');
  });
});

describe('diagnosis', () => {
  test('goes on when a step hangs, and says what it could not see', async () => {
    const good = readStep('test.lamp.count', async () => succeed({ count: 3 }));
    const hangs = readStep('test.lamp.hang', () => new Promise(() => undefined));
    const book = runbook({
      steps: [node('count', good), node('hang', hangs)],
      findings: [
        { if: template('count > 2', (s) => Number(output(s, 'count')['count']) > 2), severity: 'warning', say: template('many', () => 'many lamps') },
        { if: template('hang', (s) => Boolean(output(s, 'hang')['x'])), severity: 'warning', say: template('x', () => 'x') },
      ],
    });
    const rig = await createRig([book], [good, hangs]);
    const runId = await rig.start(book);
    await rig.clock.advance(31_000);
    const run = await rig.state(runId);
    expect(run.findings).toEqual([{ severity: 'warning', say: 'many lamps' }]);
    expect(run.unknowns).toHaveLength(1);
    expect(run.unknowns[0]).toBe('cannot see hang: step hang failed (timeout: test.lamp.hang gave no answer within 30s); so nobody can tell whether "x"');
  });
});
