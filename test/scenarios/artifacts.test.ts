import { describe, expect, test } from 'vitest';
import { redactJson } from '#kernel/redact.ts';
import { fail, succeed } from '#step-kit/index.ts';
import { createMemoryArtifacts } from '../kit/artifacts.ts';
import { node, readStep, runbook, template } from '../kit/engine.ts';
import { createOperationsRig } from '../kit/operations-rig.ts';

const LOG = `begin\n${'a line of a log\n'.repeat(5_000)}Authorization: Bearer s3cr3t-t0ken-of-somebody\n${'another line\n'.repeat(5_000)}end`;
const READ = readStep('test.log.read', async () => succeed({ log: LOG, lines: 10_003, truncated: false }));
const BOOK = runbook({ steps: [node('log', READ)], findings: [{ if: template('long', () => true), severity: 'info', say: template('There is a log.', () => 'There is a log.') }] });

describe('an answer that is too large for its event', () => {
  test('is cut in the run, kept whole beside it without its secrets, and said to be a part', async () => {
    const artifacts = createMemoryArtifacts();
    const rig = await createOperationsRig([BOOK], [READ], { redact: redactJson, artifacts });
    const runId = await rig.start(BOOK);
    const { steps, findings, unknowns } = await rig.view(runId);
    const [step] = steps;
    expect(step).toMatchObject({ status: 'succeeded', output: { lines: 10_003, truncated: true }, artifact: { note: expect.stringMatching(/^left out: log: \d+ of \d+ characters, from its middle$/) } });
    expect(JSON.stringify(step?.output).length).toBeLessThan(20_000);
    expect(findings).toHaveLength(1);
    expect(unknowns).toEqual([`step log answered more than is looked at; ${step?.artifact?.note}`]);
    const whole = await rig.operations.artifact(step?.artifact?.id ?? '');
    expect(JSON.parse(whole ?? '')).toMatchObject({ log: expect.stringContaining('begin\na line of a log'), lines: 10_003, truncated: false });
    expect(new TextEncoder().encode(whole).length).toBe(step?.artifact?.bytes);
    expect(JSON.stringify([...artifacts.texts, await rig.journal.readAll(0, 1_000)])).not.toContain('s3cr3t');
  });

  test('is told the same after a restart', async () => {
    const rig = await createOperationsRig([BOOK], [READ]);
    const runId = await rig.start(BOOK);
    const before = await rig.view(runId);
    const again = await rig.restarted();
    expect((await again.view(runId)).steps).toEqual(before.steps);
    expect(await again.operations.artifact(before.steps[0]?.artifact?.id ?? '')).toContain('a line of a log');
  });

  test('is cut all the same when the whole cannot be kept, and the run says so', async () => {
    const full = { keep: async () => Promise.reject(new Error('ENOSPC: no space left on device')), read: async () => undefined };
    const rig = await createOperationsRig([BOOK], [READ], { artifacts: full });
    const { steps, status } = await rig.view(await rig.start(BOOK));
    expect(status).not.toBe('failed');
    expect(steps[0]).toMatchObject({ status: 'succeeded', artifact: { id: null, note: expect.stringContaining('the whole answer could not be kept: it could not be stored, the log says why') } });
  });

  test('over a list is one artifact for all elements', async () => {
    const book = runbook({ steps: [node('log', READ, { forEach: { over: template('2', () => [1, 2]), as: 'item', concurrency: 2 } })] });
    const rig = await createOperationsRig([book], [READ]);
    const runId = await rig.start(book);
    await rig.clock.advance(1_000);
    const { steps } = await rig.view(runId);
    expect(steps[0]?.output).toMatchObject({ items: [{ truncated: true }, { truncated: true }] });
    expect(JSON.parse((await rig.operations.artifact(steps[0]?.artifact?.id ?? '')) ?? '{}')).toEqual({ items: [{ log: LOG, lines: 10_003, truncated: false }, { log: LOG, lines: 10_003, truncated: false }] });
  });

  test('that is a failure has none', async () => {
    const failing = readStep('test.log.read', async () => fail('unexpected', LOG));
    const book = runbook({ steps: [node('log', failing)] });
    const rig = await createOperationsRig([book], [failing], { redact: redactJson });
    expect((await rig.view(await rig.start(book))).steps[0]).toMatchObject({ status: 'failed', artifact: null });
  });
});
