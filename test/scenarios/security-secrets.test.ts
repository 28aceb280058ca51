import { describe, expect, test } from 'vitest';
import { redactJson } from '#kernel/redact.ts';
import { defineWrite, fail, succeed, z } from '#step-kit/index.ts';
import { always, createLamps, lampStep, node, offer, output, readStep, runbook, template } from '../kit/engine.ts';
import { ALICE, createOperationsRig, DORA } from '../kit/operations-rig.ts';

const SECRET = 'xoxb-123456789012-abcdefABCDEF';
const PASTED = `as in the chat: ${SECRET} and password=hunter2pass`;
const LEAKED = /xoxb-1|hunter2/;

const note = { name: 'note', type: 'string', title: 'Note', required: false } as const;

async function rigOf(more: { readonly lamp?: string; readonly inputs?: boolean } = {}) {
  const lamps = createLamps([more.lamp ?? 'hall']);
  const step = lampStep(lamps);
  const book = { ...runbook({ offers: [offer(step)] }), ...(more.inputs === true ? { inputs: [note] } : {}) };
  const rig = await createOperationsRig([book], [step]);
  const kept = async (): Promise<string> => JSON.stringify(await rig.journal.readAll(0, 1_000));
  return { rig, book, lamps, kept };
}

describe('a secret that a person pastes', () => {
  test('into the reason of a decision, of a cancel or of the kill switch is not kept', async () => {
    const { rig, book, kept } = await rigOf();
    const runId = await rig.start(book);
    const { id, plan } = await rig.approvalOf(runId);
    const denied = await rig.operations.decide(ALICE, id, { decision: 'deny', digest: plan.digest, reason: PASTED });
    expect(denied).toMatchObject({ ok: true, value: { decisions: [{ reason: 'as in the chat: [redacted] and password=[redacted]' }] } });
    await rig.operations.cancelRun(ALICE, runId, PASTED);
    expect(await rig.operations.setKillSwitch(DORA, true, PASTED)).toMatchObject({ ok: true, value: { on: true, reason: 'as in the chat: [redacted] and password=[redacted]' } });
    expect(await kept()).not.toMatch(LEAKED);
  });

  test('into an input is refused with the name of the field, and no run starts', async () => {
    const { rig, book, kept } = await rigOf({ inputs: true });
    const refused = await rig.operations.startRun(ALICE, { runbook: book.name, inputs: { note: PASTED } });
    expect(refused).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'inputs.note' } });
    expect(JSON.stringify(refused)).not.toMatch(LEAKED);
    expect(await kept()).not.toMatch(LEAKED);
    expect(await rig.operations.startRun(ALICE, { runbook: book.name, inputs: { note: 'the token expired, see INC-7' } })).toMatchObject({ ok: true });
  });
});

describe('text that is no text', () => {
  test('in what a target answers keeps no plan from its approval', async () => {
    const { rig, book, lamps } = await rigOf({ lamp: 'hall \ud83d' });
    const runId = await rig.start(book);
    expect(await rig.yes(runId)).toMatchObject({ ok: true });
    await rig.clock.advance(60_000);
    expect(lamps.applied).toHaveLength(1);
  });

  test('in an input starts the run once, however often it is sent', async () => {
    const { rig, book } = await rigOf({ inputs: true });
    const once = { runbook: book.name, inputs: { note: 'half \udc00' }, idempotencyKey: 'k' };
    const [first, second] = [await rig.operations.startRun(ALICE, once), await rig.operations.startRun(ALICE, once)];
    expect(first).toMatchObject({ ok: true });
    expect(second).toMatchObject({ ok: true, value: { id: first.ok ? first.value.id : '' } });
  });
});

describe('a secret that a target says', () => {
  const SAID = ['Authorization: Bearer s3cr3t-t0ken-0123456789', 'redis://:hunter2pass@redis:6379/0', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0b2tlbiJ9.c2lnbmF0dXJlLW9mLXRoZS1qd3Q`, 'AKIAABCDEFGHIJKLMNOP', '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----'].join(' and ');
  const SECRET_PARTS = /s3cr3t|hunter2|c2lnbmF0|AKIA|MIIEvQ/;

  /** A write that says it wherever a step can say anything. */
  function chatty(fails: 'plan' | 'apply' | 'nothing', landed: 'applied' | 'unknown' = 'applied') {
    return defineWrite({
      name: 'test.chatty.write',
      summary: 'a step of a test',
      tier: 'R1',
      input: z.looseObject({}),
      output: z.looseObject({}),
      examples: [],
      landsWithinMs: 1_000,
      plan: async () => (fails === 'plan' ? fail('unavailable', SAID) : succeed({ summary: SAID, notes: [SAID], items: [{ key: 'one', title: SAID, current: { log: SAID, lines: [{ text: SAID }] }, next: SAID }] })),
      apply: async () => (fails === 'apply' ? fail('timeout', SAID, 'maybe') : succeed({ answer: SAID })),
      probe: async () => (landed === 'applied' ? { landed, result: { answer: SAID }, evidence: SAID } : { landed, evidence: SAID }),
      verify: async (applied) => succeed({ ends: Object.fromEntries(applied.map(({ item }) => [item.key, 'failed' as const])), say: SAID }),
      undo: () => ({ uses: 'test.chatty.write', with: {}, title: SAID }),
    });
  }

  test.each([
    ['in a plan, its notes, an effect, a check and an undo', chatty('nothing')],
    ['when a plan fails', chatty('plan')],
    ['when a call is lost and found again', chatty('apply')],
    ['when a call is lost and nobody can tell', chatty('apply', 'unknown')],
  ])('is neither kept nor shown: %s', async (_where, step) => {
    const told = readStep('test.chatty.read', async () => succeed({ log: SAID, lines: SAID.split('\n').map((text) => ({ text })) }));
    const book = runbook({ steps: [node('told', told)], offers: [offer(step)], findings: [{ if: always, severity: 'info', say: template('log', (scope) => output(scope, 'told')['log'] ?? null) }] });
    const rig = await createOperationsRig([book], [step, told], { redact: redactJson });
    const runId = await rig.start(book);
    const view = await rig.view(runId);
    if (view.offers[0]?.approvalId !== null) await rig.yes(runId);
    await rig.clock.advance(600_000);
    const after = await rig.view(runId);
    expect(after.findings[0]?.say).toContain('Bearer [redacted]');
    expect(after.offers[0]?.status).not.toBe('pending');
    const kept = JSON.stringify([await rig.journal.readAll(0, 1_000), after, await rig.operations.approvals({}), await rig.operations.runEvents(runId)]);
    expect(kept).toContain('[redacted]');
    expect(kept).not.toMatch(SECRET_PARTS);
  });

  test('is not kept in part where a long message is cut through it', async () => {
    const long = `${'x'.repeat(3_980)} Authorization: Bearer s3cr3t-t0ken-0123456789 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0b2tlbiJ9.c2lnbmF0dXJl`;
    const cutThrough = readStep('test.cut.read', async () => fail('unexpected', `${'y'.repeat(3_960)} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0b2tlbiJ9.c2lnbmF0dXJl`));
    const cutToo = readStep('test.cut.more', async () => fail('unexpected', long));
    const book = runbook({ steps: [node('a', cutThrough), node('b', cutToo)] });
    const rig = await createOperationsRig([book], [cutThrough, cutToo], { redact: redactJson });
    expect(JSON.stringify((await rig.view(await rig.start(book))).steps)).not.toMatch(/eyJ|s3cr3t/);
  });
});
