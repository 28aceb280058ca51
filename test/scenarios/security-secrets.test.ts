import { describe, expect, test } from 'vitest';
import { createLamps, lampStep, offer, runbook } from '../kit/engine.ts';
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
