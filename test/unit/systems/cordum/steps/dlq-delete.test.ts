import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import { dlqDelete } from '#systems/cordum/steps/dlq-delete.ts';
import { rawEntry, type RawEntry } from '../../../../kit/cordum-dlq.ts';
import { recordedBody, type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
const world: RawEntry[] = recordedBody<{ items: RawEntry[] }>('resurrect_0_before').items;
const ID = '62c89bac-1f1c-4079-915b-227fdc89e970';
beforeEach(async () => {
  cordum = await startReplay({ startMs: Date.parse('2026-11-20T19:27:08Z') });
  cordum.dlq = world;
});
afterEach(() => cordum.close());

const inputOf = (...jobIds: string[]) => dlqDelete.input.parse({ jobIds });
async function plan(only: string | undefined, ...ids: string[]): Promise<Plan> {
  const answer = await dlqDelete.plan(inputOf(...ids), cordum.context(only === undefined ? {} : { only }));
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value;
}
const item = async (): Promise<Item> => {
  const [first] = (await plan(undefined, ID)).items;
  if (first === undefined) throw new Error('nothing is planned');
  return first;
};

describe('cordum.dlq.delete', () => {
  it('refuses an empty list', () => {
    expect(dlqDelete.input.safeParse({ jobIds: [] }).success).toBe(false);
  });

  it('plans what is in the DLQ, whatever its reason, and says what is not', async () => {
    const { items, notes } = await plan(undefined, ID, ID, 'nope');
    expect(items).toEqual([
      {
        key: ID,
        title: `Delete ${ID} (job.demo-mock-bank.transfer, invalid_input)`,
        current: { topic: 'job.demo-mock-bank.transfer', reasonCode: 'invalid_input', reason: 'account number failed checksum', attempts: 1, createdAt: '2026-11-20T19:24:59.145Z' },
        next: { action: 'the entry is deleted from the DLQ' },
      },
    ]);
    expect(notes).toEqual(['nope: It is not in the DLQ.']);
  });

  it('checks one item again and finds it as planned, moved, or gone', async () => {
    const planned = await item();
    expect((await plan(ID, ID)).items).toEqual([planned]);
    cordum.dlq = world.map((entry) => (entry.job_id === ID ? { ...entry, created_at: '2026-11-20T19:27:00Z' } : entry));
    expect((await plan(ID, ID)).items).not.toEqual([planned]);
    cordum.dlq = recordedBody<{ items: RawEntry[] }>('resurrect_1_after_delete').items;
    expect((await plan(ID, ID)).items).toEqual([]);
    expect((await plan('other', ID)).items).toEqual([]);
  });

  it('deletes with one call that names the approver', async () => {
    cordum.on('DELETE', `/api/v1/dlq/${ID}`, 'dlq_delete_ok');
    expect(await dlqDelete.apply(await item(), inputOf(ID), cordum.context())).toEqual({ ok: true, value: { deletedAt: '2026-11-20T19:27:08.000Z' } });
    expect(cordum.seen.filter((one) => one.method === 'DELETE').map((one) => one.headers['x-principal-id'])).toEqual(['slack:U123']);
  });

  it('says that a deletion whose answer was lost may have landed', async () => {
    cordum.on('DELETE', `/api/v1/dlq/${ID}`, 'drop');
    expect(await dlqDelete.apply(await item(), inputOf(ID), cordum.context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
  });

  it('probes by what the DLQ lists', async () => {
    const planned = await item();
    const probe = async () => dlqDelete.probe(planned, inputOf(ID), cordum.context());
    expect(await probe()).toMatchObject({ landed: 'notApplied' });
    cordum.dlq = recordedBody<{ items: RawEntry[] }>('resurrect_1_after_delete').items;
    expect(await probe()).toMatchObject({ landed: 'applied', result: { deletedAt: '2026-11-20T19:27:08.000Z' } });
    cordum.dlq = [rawEntry(ID, '2026-11-20T19:27:10Z', { reason_code: 'invalid_input' })];
    expect(await probe()).toMatchObject({ landed: 'unknown', evidence: expect.stringMatching(/new time/) });
    cordum.dlq = undefined;
    cordum.on('GET', '/api/v1/dlq/page?limit=100&cursor=1795202699000000', 'redis_down_dlq');
    expect(await probe()).toMatchObject({ landed: 'unknown', failure: { reason: 'rateLimited' } });
  });

  it.each([
    ['gone', undefined, 'done'],
    ['still there as it was', rawEntry(ID, '2026-11-20T19:24:59.145Z', { reason_code: 'invalid_input' }), 'failed'],
    ['back as an echo of a late redelivery', rawEntry(ID, '2026-11-20T19:32:00Z', { reason_code: 'invalid_input' }), 'done'],
    ['dead-lettered anew for another reason', rawEntry(ID, '2026-11-20T19:32:00Z', { reason_code: 'worker_error' }), 'returned'],
    ['back long after', rawEntry(ID, '2026-11-20T19:40:00Z', { reason_code: 'invalid_input' }), 'returned'],
  ])('verifies an entry that is %s', async (_title, back, end) => {
    const applied: AppliedItem = { item: await item(), result: { deletedAt: '2026-11-20T19:27:08.000Z' } };
    cordum.dlq = back === undefined ? [] : [back];
    const answer = await dlqDelete.verify([applied], inputOf(ID), cordum.context());
    expect(answer).toMatchObject({ ok: true, value: { ends: { [ID]: end } } });
    expect(answer.ok && answer.value.say.includes('echoes')).toBe(back !== undefined && end === 'done');
  });
});
