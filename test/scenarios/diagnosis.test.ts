import { describe, expect, test } from 'vitest';
import { redactJson } from '#kernel/redact.ts';
import type { JsonObject } from '#kernel/json.ts';
import { defineRead, fail, succeed, z, type Result } from '#step-kit/index.ts';
import { statusOf } from '#engine/model/decide-end.ts';
import { always, createLamps, createRig, lampStep, node, offer, output, readStep, RESOLVED, runbook, template } from '../kit/engine.ts';
import { ALICE, createOperationsRig } from '../kit/operations-rig.ts';

const never = (): Promise<Result<JsonObject>> => new Promise(() => undefined);

describe('steps', () => {
  test('run in order where one waits for another, and side by side where none does', async () => {
    const log: string[] = [];
    const slow = (name: string): ReturnType<typeof readStep> =>
      readStep(name, async (_input, ctx) => {
        log.push(`${name} begins`);
        await ctx.sleep(1_000);
        log.push(`${name} ends`);
        return succeed({});
      });
    const [a, b, c] = [slow('test.a.read'), slow('test.b.read'), slow('test.c.read')];
    const book = runbook({ steps: [node('a', a), node('b', b), node('c', c, { after: ['a', 'b'] })] });
    const rig = await createRig([book], [a, b, c]);
    const runId = await rig.start(book);
    expect(statusOf(await rig.state(runId))).toBe('running');
    await rig.clock.advance(2_000);
    expect(log).toEqual(['test.a.read begins', 'test.b.read begins', 'test.a.read ends', 'test.b.read ends', 'test.c.read begins', 'test.c.read ends']);
  });

  test('whose condition does not hold, or cannot be told, are skipped with the reason', async () => {
    const read = readStep('test.a.read', async () => succeed({}));
    const book = runbook({
      steps: [node('no', read, { if: template('false', () => false) }), node('unsure', read, { if: template('x', (scope) => Boolean(output(scope, 'no')['x'])), after: ['no'] }), node('yes', read, { if: always })],
    });
    const rig = await createRig([book], [read]);
    const run = await rig.state(await rig.start(book));
    expect(run.steps.get('no')).toMatchObject({ status: 'skipped', because: 'its condition does not hold' });
    expect(run.steps.get('unsure')).toMatchObject({ status: 'skipped', because: 'cannot tell: step no was skipped' });
    expect(run.steps.get('yes')?.status).toBe('succeeded');
  });

  test('are tried again after a passing failure, at the time that the journal says, also after a restart', async () => {
    const times: number[] = [];
    const read = readStep('test.a.read', async (_input, ctx) => {
      times.push(ctx.now());
      return times.length < 3 ? fail('unavailable', 'busy') : succeed({ ok: true });
    });
    const book = runbook({ steps: [node('a', read, { retry: { attempts: 3, delayMs: 5_000 } })] });
    const rig = await createRig([book], [read]);
    const runId = await rig.start(book);
    expect((await rig.state(runId)).steps.get('a')).toMatchObject({ status: 'retrying', attempt: 1 });
    expect(statusOf(await rig.state(runId))).toBe('waiting');
    await rig.clock.advance(5_000);
    await rig.engine.stop();
    const again = await rig.restart();
    await again.clock.advance(6_000);
    expect((await again.state(runId)).steps.get('a')).toMatchObject({ status: 'succeeded', attempt: 3 });
    expect(times).toHaveLength(3);
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(10_000);
  });

  test('are not tried again when trying again cannot help', async () => {
    let calls = 0;
    const read = readStep('test.a.read', async () => ((calls += 1), fail('forbidden', 'no')));
    const book = runbook({ steps: [node('a', read, { retry: { attempts: 5, delayMs: 100 } })] });
    const rig = await createRig([book], [read]);
    await rig.start(book);
    await rig.clock.advance(10_000);
    expect(calls).toBe(1);
  });

  test('that were under way at a shutdown have not failed: they run again in the next process', async () => {
    let calls = 0;
    const read = readStep('test.a.read', async () => ((calls += 1) === 1 ? never() : succeed({ ok: true })));
    const book = runbook({ steps: [node('a', read, { onFailure: 'stop' })] });
    const rig = await createRig([book], [read]);
    const runId = await rig.start(book);
    const stopped = rig.engine.stop();
    await rig.clock.advance(1_000);
    await stopped;
    expect((await rig.journal.read(`run:${runId}`)).map((event) => event.type)).not.toContain('StepFailed');
    const again = await rig.restart();
    await again.clock.advance(1_000);
    expect((await again.state(runId)).steps.get('a')?.status).toBe('succeeded');
  });

  test('with on-failure stop end the run as failed and offer nothing', async () => {
    const bad = readStep('test.a.read', async () => fail('forbidden', 'no'));
    const lamps = createLamps(['a']);
    const step = lampStep(lamps);
    const book = runbook({ steps: [node('a', bad, { onFailure: 'stop' }), node('b', bad, { after: ['a'] })], offers: [offer(step)] });
    const rig = await createRig([book], [bad, step]);
    const run = await rig.state(await rig.start(book));
    expect(run.ended).toMatchObject({ status: 'failed', because: 'step a failed' });
    expect(run.steps.get('b')).toMatchObject({ status: 'skipped', because: 'step a failed' });
    expect(run.offers.get('light')?.status).toBe('skipped');
  });

  test('over a list run for each of its elements, a few at a time; one that fails fails all', async () => {
    let [at, most] = [0, 0];
    const read = readStep('test.a.read', async (input, ctx) => {
      most = Math.max(most, (at += 1));
      await ctx.sleep(100);
      at -= 1;
      return (input as { n: number }).n === 99 ? fail('notFound', 'no 99') : succeed({ twice: (input as { n: number }).n * 2 });
    });
    const each = (id: string, list: number[]): ReturnType<typeof node> => node(id, read, { with: template('n', (scope) => ({ n: scope['item'] ?? 0 })), forEach: { over: template('list', () => list), as: 'item', concurrency: 2 } });
    const book = runbook({ steps: [each('good', [1, 2, 3, 4, 5]), each('bad', [1, 99, 3]), each('none', []), each('many', Array.from({ length: 201 }, (_, i) => i))] });
    const rig = await createRig([book], [read]);
    const runId = await rig.start(book);
    await rig.clock.advance(5_000);
    const run = await rig.state(runId);
    expect(run.steps.get('good')?.output).toEqual({ items: [2, 4, 6, 8, 10].map((twice) => ({ twice })) });
    expect(run.steps.get('bad')).toMatchObject({ status: 'failed', failure: { message: 'no 99' } });
    expect(run.steps.get('none')?.output).toEqual({ items: [] });
    expect(run.steps.get('many')).toMatchObject({ status: 'skipped', because: 'its for-each has 201 elements, at most 200 are allowed' });
    expect(most).toBeLessThanOrEqual(4);
  });

  test('answer by their schema, within their size, and without secrets, or not at all', async () => {
    // Nothing of it can be cut: no text is long, and it holds no list.
    const wide = (keys: number): JsonObject => Object.fromEntries(Array.from({ length: keys }, (_, i) => [`key${i}`, 'x'.repeat(15_000)]));
    const wrong = defineRead({ name: 'test.wrong.read', summary: '', input: z.object({}), output: z.object({ count: z.number() }), examples: [], run: async () => succeed({ count: 'many' } as never) });
    const large = readStep('test.large.read', async () => succeed(wide(300)));
    const part = readStep('test.part.read', async () => succeed(wide(100)));
    const secret = readStep('test.secret.read', async () => succeed({ url: 'redis://:hunter2@host', password: 'hunter3', note: 'fine' }));
    const leaky = readStep('test.leaky.read', async () => fail('unauthorised', 'wrong password=hunter4'));
    const endless = readStep('test.endless.read', async () => fail('unexpected', 'y'.repeat(20_000_000)));
    const throws = readStep('test.throws.read', async () => Promise.reject(new Error('token=hunter5')));
    const steps = [wrong, large, part, secret, leaky, endless, throws];
    const three = { forEach: { over: template('3', () => [1, 2, 3]), as: 'item', concurrency: 3 } };
    const book = runbook({ steps: steps.map((step) => node(step.name.split('.')[1] ?? '', step, step === part ? three : {})) });
    const rig = await createRig([book], steps, { redact: redactJson });
    const runId = await rig.start(book);
    await rig.clock.advance(1_000);
    const run = await rig.state(runId);
    expect(run.diagnosed).toBe(true);
    expect(run.steps.get('wrong')?.failure).toMatchObject({ reason: 'unexpected' });
    expect(run.steps.get('large')?.failure).toMatchObject({ reason: 'tooLarge' });
    // Each answer fits and together they do not: an event that cannot be stored would hold the run up for ever.
    expect(run.steps.get('part')?.failure).toMatchObject({ reason: 'tooLarge' });
    expect(run.steps.get('secret')?.output).toMatchObject({ note: 'fine' });
    expect(run.steps.get('endless')?.failure?.message.length).toBeLessThan(5_000);
    expect(run.steps.get('throws')?.failure?.message).toContain('this is a bug');
    expect(JSON.stringify(await rig.journal.read(`run:${runId}`))).not.toMatch(/hunter\d/);
  });

  test('that a cancel meets are cut short', async () => {
    const hangs = readStep('test.a.read', never);
    const book = runbook({ steps: [node('a', hangs), node('b', hangs, { after: ['a'] })] });
    const rig = await createOperationsRig([book], [hangs]);
    const runId = await rig.start(book);
    await rig.operations.cancelRun(ALICE, runId, 'enough');
    await rig.clock.advance(1_000);
    expect(await rig.view(runId)).toMatchObject({ status: 'cancelled', steps: [{ status: 'failed', failure: { reason: 'cancelled' } }, { status: 'skipped' }] });
  });
});

describe('offers', () => {
  const counted = readStep('test.lamp.count', async () => succeed({ dark: ['lamp-a', 'lamp-b'] }));

  test('whose condition or title cannot be told are not made', async () => {
    const lamps = createLamps(['lamp-a']);
    const step = lampStep(lamps);
    const broken = template('broken', () => {
      throw new Error('cannot tell: step count failed (timeout)');
    });
    const book = runbook({ offers: [offer(step, { id: 'one', if: broken }), offer(step, { id: 'two', title: broken }), offer(step, { id: 'three', if: template('no', () => false) }), offer(step, { id: 'four', if: template('null', () => null) })] });
    const rig = await createRig([book], [step]);
    const run = await rig.state(await rig.start(book));
    expect([...run.offers.values()].map((one) => one.status)).toEqual(['skipped', 'skipped', 'skipped', 'skipped']);
    expect(run.offers.get('one')?.because).toContain('step count failed');
    expect(run.approvals.size).toBe(0);
  });

  test('with inputs ask for them first, with choices from evidence, and plan only what was chosen', async () => {
    const lamps = createLamps(['lamp-a', 'lamp-b']);
    const step = lampStep(lamps);
    const options = template('dark', (scope) => output(scope, 'count')['dark'] ?? []);
    const inputs = [{ name: 'prefix', type: 'string' as const, title: 'Which lamp', required: true, options }];
    const book = runbook({ steps: [node('count', counted)], offers: [offer(step, { inputs, with: template('prefix', (scope) => ({ prefix: (scope['inputs'] as JsonObject)['prefix'] ?? '' })) })] });
    const rig = await createOperationsRig([book], [step, counted]);
    const runId = await rig.start(book);
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'form', approvalId: null, inputs: [{ name: 'prefix', options: ['lamp-a', 'lamp-b'] }] });
    const plan = (given: JsonObject): ReturnType<typeof rig.operations.planOffer> => rig.operations.planOffer(ALICE, runId, 'light', given);
    expect(await plan({})).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'inputs.prefix' } });
    expect(await plan({ prefix: 'lamp-z' })).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'inputs.prefix' } });
    expect(await plan({ prefix: 'lamp-b', other: 1 })).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'inputs.other' } });
    expect(await rig.operations.planOffer({ ...ALICE, id: 'mallory' }, runId, 'light', { prefix: 'lamp-b' })).toMatchObject({ ok: false, problem: { code: 'forbidden' } });
    expect((await plan({ prefix: 'lamp-b' })).ok).toBe(true);
    await rig.clock.advance(0);
    expect((await rig.approvalOf(runId)).plan.changes.map((change) => change.item)).toEqual(['lamp-b']);
    expect(await plan({ prefix: 'lamp-a' })).toMatchObject({ ok: false, problem: { code: 'conflict' } });
  });

  test('with nothing to do say so; with a plan that fails say why, and can be planned again', async () => {
    const none = lampStep(createLamps([]));
    let works = false;
    const lamps = createLamps(['a']);
    lamps.onPlan = async () => {
      if (!works) throw new Error('bug');
    };
    const shaky = { ...lampStep(lamps), name: 'test.lamp.shaky' } as typeof none;
    const book = runbook({ offers: [offer(none, { id: 'nothing' }), offer(shaky)] });
    const rig = await createOperationsRig([book], [none, shaky]);
    const runId = await rig.start(book);
    expect((await rig.offerOf(runId, 'nothing')).status).toBe('nothing');
    expect(await rig.offerOf(runId)).toMatchObject({ status: 'planFailed' });
    works = true;
    expect((await rig.operations.planOffer(ALICE, runId, 'light', {})).ok).toBe(true);
    await rig.clock.advance(0);
    expect((await rig.offerOf(runId)).status).toBe('pending');
  });

  test('whose plan is being computed at a shutdown, or whose yes is being checked, lose nothing by it', async () => {
    const lamps = createLamps(['a']);
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    let rig = await createOperationsRig([book], [step]);
    lamps.onPlan = () => new Promise(() => undefined);
    const runId = await rig.start(book);
    const restart = async (): Promise<void> => {
      const stopped = rig.engine.stop();
      await rig.clock.advance(1_000);
      await stopped;
      delete lamps.onPlan;
      rig = await rig.restarted();
      await rig.clock.advance(1_000);
    };
    await restart();
    expect((await rig.offerOf(runId)).status).toBe('pending');
    lamps.onPlan = () => new Promise(() => undefined);
    await rig.yes(runId);
    expect((await rig.approvalOf(runId)).status).toBe('approved');
    await restart();
    expect((await rig.approvalOf(runId)).status).toBe('redeemed');
    expect(lamps.applied).toEqual(['a']);
  });

  test('are only shown in a dry run, which then ends', async () => {
    const lamps = createLamps(['a']);
    const step = lampStep(lamps);
    const form = [{ name: 'x', type: 'string' as const, title: 'x', required: true }];
    const book = runbook({ offers: [offer(step), offer(step, { id: 'form', inputs: form })] });
    const rig = await createOperationsRig([book], [step]);
    const started = await rig.operations.startRun(ALICE, { runbook: 'lamps', dryRun: true });
    const runId = started.ok ? started.value.id : '';
    await rig.clock.advance(0);
    expect(await rig.view(runId)).toMatchObject({ status: 'succeeded', dryRun: true, offers: [{ status: 'planned', plan: { changes: [{ item: 'a' }] } }, { status: 'skipped' }] });
    expect((await rig.operations.approvals({})).items).toEqual([]);
    expect(lamps.applied).toEqual([]);
  });
});

describe('the end of a run', () => {
  test('is a failure when its time passes and the alert still fires, even between a step and its next try', async () => {
    const bad = readStep('test.a.read', async () => fail('unavailable', 'busy'));
    const book = runbook({ steps: [node('a', bad, { retry: { attempts: 3, delayMs: 40_000 } })], done: { ...runbook().done, withinMs: 60_000 } });
    const rig = await createRig([book], [bad]);
    const runId = await rig.start(book);
    await rig.clock.advance(120_000);
    expect((await rig.state(runId)).ended).toMatchObject({ status: 'failed', because: 'not done in time: alert.resolved does not hold' });
  });

  test('comes with the resolve, or at once for a run that no alert started', async () => {
    const book = runbook();
    const rig = await createRig([book], []);
    const byAlert = await rig.start(book);
    expect(statusOf(await rig.state(byAlert))).toBe('waiting');
    await rig.engine.change(byAlert, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] }));
    await rig.clock.advance(0);
    expect(statusOf(await rig.state(byAlert))).toBe('succeeded');
    const manual = await rig.start(book, { trigger: { kind: 'api', requester: 'alice' }, alert: RESOLVED });
    expect(statusOf(await rig.state(manual))).toBe('succeeded');
  });
});
