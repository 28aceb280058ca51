import { describe, expect, test } from 'vitest';
import { createMemoryJournal } from '#journal/memory.ts';
import { createVirtualClock } from '../kit/clock.ts';
import { createLamps, FIRING, lampStep, offer, runbook } from '../kit/engine.ts';
import { createFaultyJournal } from '../kit/faulty-journal.ts';
import { ALICE, BOB, createOperationsRig, person, ROBOT, type OperationsRig } from '../kit/operations-rig.ts';

async function rigOf(lampCount = 2): Promise<OperationsRig> {
  const step = lampStep(createLamps(Array.from({ length: lampCount }, (_, i) => `lamp-${i}`)));
  return createOperationsRig([runbook({ offers: [offer(step)] }), runbook({ name: 'other' })], [step]);
}

describe('starting a run', () => {
  test('with the same Idempotency-Key and body gives the run of the first time: one after another, at once, and after a restart', async () => {
    const rig = await rigOf();
    const request = { runbook: 'lamps', idempotencyKey: 'k1' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => rig.operations.startRun(ALICE, request)));
    const ids = new Set(answers.map((answer) => (answer.ok ? answer.value.id : answer.problem.code)));
    expect(ids.size).toBe(1);
    await rig.engine.stop();
    const again = await rig.restarted();
    expect(await again.operations.startRun(ALICE, request)).toMatchObject({ ok: true, value: { id: [...ids][0] } });
    expect((await again.operations.runs({})).items).toHaveLength(1);
  });

  test('with the same key and another body is a conflict; the key of another person is another key', async () => {
    const rig = await rigOf();
    await rig.operations.startRun(ALICE, { runbook: 'lamps', idempotencyKey: 'k1' });
    for (const other of [{ runbook: 'other' }, { runbook: 'lamps', dryRun: true }]) {
      expect(await rig.operations.startRun(ALICE, { ...other, idempotencyKey: 'k1' })).toMatchObject({ ok: false, problem: { code: 'conflict' } });
    }
    expect(await rig.operations.startRun(BOB, { runbook: 'other', idempotencyKey: 'k1' })).toMatchObject({ ok: true, value: { runbook: 'other' } });
  });

  test('takes a role of any tier, a runbook and a target that exist, and inputs that it knows', async () => {
    const rig = await rigOf();
    expect(await rig.operations.startRun(person('mallory'), { runbook: 'nothing' })).toMatchObject({ problem: { code: 'forbidden', rule: 'not-in-role' } });
    expect(await rig.operations.startRun(ALICE, { runbook: 'nothing' })).toMatchObject({ problem: { code: 'not-found' } });
    expect(await rig.operations.startRun(ALICE, { runbook: '__proto__' })).toMatchObject({ problem: { code: 'not-found' } });
    expect(await rig.operations.startRun(ALICE, { runbook: 'lamps', target: 'moon' })).toMatchObject({ problem: { code: 'invalid', field: 'target' } });
    expect(await rig.operations.startRun(ALICE, { runbook: 'lamps', inputs: { x: 1 } })).toMatchObject({ problem: { code: 'invalid', field: 'inputs.x' } });
    expect((await rig.operations.startRun(ROBOT, { runbook: 'lamps' })).ok).toBe(true);
  });

  test('by hand makes its starter the requester, so somebody else must approve R2', async () => {
    const rig = await rigOf();
    const started = await rig.operations.startRun(ALICE, { runbook: 'lamps' });
    const runId = started.ok ? started.value.id : '';
    await rig.clock.advance(0);
    expect(await rig.yes(runId, ALICE)).toMatchObject({ problem: { rule: 'is-requester' } });
    expect((await rig.yes(runId, BOB)).ok).toBe(true);
  });
});

describe('lists', () => {
  test('come in pages, newest first, without a gap or a repetition', async () => {
    const rig = await rigOf();
    for (let i = 0; i < 7; i += 1) {
      await rig.operations.startRun(ALICE, { runbook: i % 2 === 0 ? 'lamps' : 'other' });
      await rig.clock.advance(10);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof rig.operations.runs>> = await rig.operations.runs({ limit: 3, ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toHaveLength(7);
    expect(seen).toEqual(seen.toSorted().toReversed());
    expect((await rig.operations.runs({ status: 'waiting' })).items).toHaveLength(4);
    expect((await rig.operations.runs({ status: 'succeeded' })).items).toHaveLength(3);
    const first = await rig.operations.approvals({ status: 'pending', limit: 3 });
    const rest = await rig.operations.approvals({ status: 'pending', limit: 3, ...(first.nextCursor === null ? {} : { cursor: first.nextCursor }) });
    expect([...first.items, ...rest.items].map((item) => item.status)).toEqual(['pending', 'pending', 'pending', 'pending']);
    expect(rest.nextCursor).toBeNull();
  });
});

describe('while the journal cannot store', () => {
  test('a person gets an answer at once, and what the bot had to write comes when it can', async () => {
    let full = false;
    const clock = createVirtualClock();
    const journal = createFaultyJournal(createMemoryJournal({ clock }), {
      hold: async () => {
        if (full) throw new Error('no space left on device');
      },
    });
    const lamps = createLamps(['a', 'b']);
    const step = lampStep(lamps);
    const book = runbook({ offers: [offer(step)] });
    const rig = await createOperationsRig([book], [step], { clock, journal });
    const runId = await rig.start(book);
    lamps.onApply = async (item, light) => {
      light();
      full = true;
      return { ok: true, value: { lamp: item.key } };
    };
    await rig.yes(runId);
    await clock.advance(10_000);
    expect(lamps.applied).toEqual(['a']);
    await expect(rig.operations.cancelRun(ALICE, runId)).rejects.toThrow('no space left');
    expect((await rig.view(runId)).effects).toMatchObject([{ status: 'intended' }]);
    full = false;
    lamps.onApply = async (item, light) => (light(), { ok: true, value: { lamp: item.key } });
    await clock.advance(60_000);
    expect(lamps.applied).toEqual(['a', 'b']);
    expect((await rig.view(runId)).effects).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
  });
});

test('an engine that has not read the journal yet stores what people say, and acts on it only then', async () => {
  const rig = await rigOf();
  const book = rig.runbooks.get('lamps') ?? runbook();
  const runId = await rig.start(book, { alert: FIRING });
  await rig.engine.stop();
  const lamps = createLamps(['lamp-0', 'lamp-1']);
  const step = lampStep(lamps);
  const again = await createOperationsRig([...rig.runbooks.list()], [step], { clock: rig.clock, journal: rig.journal, ids: rig.ids, idle: true });
  await again.killSwitch.load();
  expect((await again.yes(runId)).ok).toBe(true);
  await again.clock.advance(5_000);
  expect((await again.approvalOf(runId)).status).toBe('approved');
  await again.engine.start();
  await again.clock.advance(1_000);
  expect((await again.approvalOf(runId)).status).toBe('redeemed');
});
