import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import { dlqRetry } from '#systems/cordum/steps/dlq-retry.ts';
import { rawEntry } from '../../../../kit/cordum-dlq.ts';
import { addDeadJob, addSurroundings, jobRowOf, setRetries } from '../../../../kit/cordum-job.ts';
import { type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
  addSurroundings(cordum);
});
afterEach(() => cordum.close());

const inputOf = (...ids: string[]) => dlqRetry.input.parse({ entries: ids.map((jobId) => ({ jobId, topic: 't', why: 'extra', createdAt: '2026-11-20T19:24:38.864Z', createdAtMs: Date.parse('2026-11-20T19:24:38.864Z') })) });

async function plan(only: string | undefined, ...ids: string[]): Promise<Plan> {
  const answer = await dlqRetry.plan(inputOf(...ids), cordum.context(only === undefined ? {} : { only }));
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value;
}

async function itemOf(id: string): Promise<Item> {
  const [item] = (await plan(undefined, id)).items;
  if (item === undefined) throw new Error(`${id} is not planned`);
  return item;
}

const posts = (): string[] => cordum.seen.filter((one) => one.method !== 'GET').map((one) => `${one.method} ${one.path}`);

describe('the input of cordum.dlq.retry', () => {
  it('refuses an empty list, and takes what triage calls safe as it is', () => {
    expect(dlqRetry.input.safeParse({ entries: [] }).success).toBe(false);
    expect(inputOf('a')).toMatchObject({ entries: [{ jobId: 'a' }] });
    expect(dlqRetry.input.parse({ entries: [{ jobId: 'a' }] })).toBeDefined();
  });
});

describe('the plan of a retry', () => {
  it('holds only what is still safe, and says of the others why not', async () => {
    addDeadJob(cordum, 'good');
    addDeadJob(cordum, 'ran', { workerId: 'bank-1' });
    addDeadJob(cordum, 'retried');
    setRetries(cordum, 'retried', [['retried-retry-1', 'PENDING']]);
    const { items, notes } = await plan(undefined, 'good', 'good', 'ran', 'retried', 'left');
    expect(items).toEqual([
      {
        key: 'good',
        title: 'Retry good (job.default, max_scheduling_retries)',
        current: { topic: 'job.default', reasonCode: 'max_scheduling_retries', reason: 'max scheduling retries exceeded (attempts=50)', attempts: 50, createdAt: '2026-11-20T19:24:38.864Z', state: 'FAILED' },
        next: { action: expect.stringMatching(/new job/) },
      },
    ]);
    expect(notes).toEqual([
      expect.stringMatching(/^ran: Worker bank-1/),
      expect.stringMatching(/^retried: It was already retried/),
      expect.stringMatching(/^left: It is not in the DLQ/),
      'No worker is online for job.default (pool default): 1 entry would come back.',
    ]);
    expect(posts()).toEqual([]);
  });

  it('is the same when nothing moved, so that its digest stays', async () => {
    for (const id of ['b', 'a']) addDeadJob(cordum, id);
    const first = await plan(undefined, 'a', 'b');
    await cordum.clock.advance(60_000);
    expect((await plan(undefined, 'a', 'b')).items).toEqual(first.items);
  });

  it('checks one item again with four calls, and finds it as it was planned', async () => {
    addDeadJob(cordum, 'a');
    const planned = await itemOf('a');
    const before = cordum.seen.length;
    expect((await plan('a', 'a', 'b')).items).toEqual([planned]);
    expect(cordum.seen.length - before).toBe(4);
  });

  it.each([
    ['left the DLQ', () => void (cordum.dlq = [])],
    ['was retried', () => setRetries(cordum, 'a', [['a-retry-1', 'PENDING']])],
    ['lost its input', () => void addDeadJob(cordum, 'a', { job: { context: null } })],
    ['runs again', () => void addDeadJob(cordum, 'a', { job: { state: 'RUNNING' } })],
    ['was dead-lettered for another reason', () => void (cordum.dlq = [rawEntry('a', '2026-11-20T19:25:00Z', { reason_code: 'safety_denied' })])],
  ])('leaves an item out that %s since it was approved', async (_title, move) => {
    addDeadJob(cordum, 'a');
    await itemOf('a');
    move();
    expect((await plan('a', 'a')).items).toEqual([]);
  });

  it('shows an item with its new time when the gateway wrote the entry again', async () => {
    addDeadJob(cordum, 'a');
    const planned = await itemOf('a');
    cordum.dlq = [rawEntry('a', '2026-11-20T19:26:00Z')];
    expect((await plan('a', 'a')).items[0]?.current).toEqual({ ...(planned.current as object), createdAt: '2026-11-20T19:26:00.000Z' });
  });

  it('is a failure, not an empty plan, when Cordum cannot be seen', async () => {
    cordum.on('GET', '/api/v1/dlq/page?limit=500', 'redis_down_dlq');
    expect(await dlqRetry.plan(inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'rateLimited' } });
  });
});

describe('a retry', () => {
  it('looks for an earlier one, submits one, and names the approver', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    cordum.on('POST', '/api/v1/dlq/a/retry', { body: { job_id: 'a-retry-70e99309' } });
    const applied = await dlqRetry.apply(item, inputOf('a'), cordum.context({ approvedBy: 'slack:U999' }));
    expect(applied).toEqual({ ok: true, value: { newJobId: 'a-retry-70e99309', retriedAt: '2026-11-20T19:30:00.000Z' } });
    expect(cordum.seen.slice(-2).map((one) => one.path)).toEqual(['/api/v1/traces/dlq-retry-a', '/api/v1/dlq/a/retry']);
    expect(cordum.seen.at(-1)?.headers['x-principal-id']).toBe('slack:U999');
    expect(dlqRetry.output.parse((applied as { value: object }).value)).toBeDefined();
  });

  it('is not sent when there is an earlier one, or when that cannot be seen', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    setRetries(cordum, 'a', [['a-retry-1', 'PENDING']]);
    expect(await dlqRetry.apply(item, inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    for (const play of ['redis_down_jobs', 'drop'] as const) {
      cordum.on('GET', '/api/v1/traces/dlq-retry-a', play);
      expect(await dlqRetry.apply(item, inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure: { landed: 'no' } });
    }
    expect(posts()).toEqual([]);
  });

  it.each([
    ['dlq_retry_404', { reason: 'notFound', landed: 'no' }],
    ['rate_limited_429_dlq_retry', { reason: 'rateLimited', landed: 'no' }],
    ['dlq_retry_other_tenant', { reason: 'forbidden', landed: 'no' }],
    ['drop', { reason: 'unreachable', landed: 'maybe' }],
  ] as const)('answered by %s is called once and says whether it can have landed', async (play, failure) => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    cordum.on('POST', '/api/v1/dlq/a/retry', play);
    expect(await dlqRetry.apply(item, inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure });
    expect(posts()).toHaveLength(1);
  });
});

describe('the probe of a lost retry', () => {
  const probe = async (item: Item) => dlqRetry.probe(item, inputOf('a'), cordum.context({ intendedAt: Date.parse('2026-11-20T19:29:00Z') }));

  it('finds the retry that landed', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    setRetries(cordum, 'a', [['a-retry-1', 'RUNNING']]);
    cordum.dlq = [];
    expect(await probe(item)).toMatchObject({ landed: 'applied', result: { newJobId: 'a-retry-1', retriedAt: '2026-11-20T19:29:00.000Z' }, evidence: expect.stringMatching(/a-retry-1/) });
  });

  it('says when there is more than one', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    setRetries(cordum, 'a', [['a-retry-1', 'RUNNING'], ['a-retry-2', 'PENDING']]);
    expect(await probe(item)).toMatchObject({ landed: 'applied', evidence: expect.stringMatching(/somebody else.*a-retry-2/) });
  });

  it('finds that nothing landed while the entry is still listed, also with a new time', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    expect(await probe(item)).toMatchObject({ landed: 'notApplied' });
    cordum.dlq = [rawEntry('a', '2026-11-20T19:29:30Z')];
    expect(await probe(item)).toMatchObject({ landed: 'notApplied' });
  });

  it('knows nothing when neither retry nor entry is there, or when Cordum cannot be seen', async () => {
    addDeadJob(cordum, 'a');
    const item = await itemOf('a');
    cordum.dlq = [];
    expect(await probe(item)).toMatchObject({ landed: 'unknown', evidence: expect.stringMatching(/not in the DLQ either/) });
    cordum.on('GET', '/api/v1/traces/dlq-retry-a', 'redis_down_jobs');
    expect(await probe(item)).toMatchObject({ landed: 'unknown', failure: { reason: 'rateLimited' } });
    expect(posts()).toEqual([]);
  });
});

describe('the verification of retries', () => {
  const retriedAt = '2026-11-20T19:29:00.000Z';
  const applied = (id: string, result: AppliedItem['result'] = { newJobId: `${id}-retry-1`, retriedAt }): AppliedItem => ({ item: { key: id, title: id, current: { reasonCode: 'max_scheduling_retries' }, next: {} }, result });
  const verify = async (...items: AppliedItem[]) => {
    const answer = await dlqRetry.verify(items, inputOf('a'), cordum.context());
    if (!answer.ok) throw new Error(answer.failure.message);
    return answer.value;
  };
  const jobs = (...rows: object[]) => cordum.on('GET', '/api/v1/jobs?limit=500', { body: { items: rows, next_cursor: null } });
  beforeEach(() => {
    cordum.dlq = [];
  });

  it.each([
    ['SUCCEEDED', 'done'], ['PENDING', 'pending'], ['SCHEDULED', 'pending'], ['DISPATCHED', 'pending'], ['RUNNING', 'pending'], ['APPROVAL_REQUIRED', 'pending'],
    ['FAILED', 'returned'], ['DENIED', 'returned'], ['TIMEOUT', 'failed'], ['CANCELLED', 'failed'], ['OUTPUT_QUARANTINED', 'failed'], ['NEW_STATE', 'unknown'],
  ])('takes a new job that is %s for %s', async (state, end) => {
    jobs(jobRowOf('a-retry-1', state));
    expect((await verify(applied('a'))).ends).toEqual({ a: end });
  });

  it('needs two calls for a wave whose jobs are among the newest, and one more for each that is not', async () => {
    jobs(...Array.from({ length: 25 }, (_, n) => jobRowOf(`j${n}-retry-1`, 'SUCCEEDED')));
    const wave = Array.from({ length: 25 }, (_, n) => applied(`j${n}`));
    expect(await verify(...wave)).toMatchObject({ say: 'Of 25 retried: 25 done.' });
    expect(cordum.seen).toHaveLength(2);
    cordum.on('GET', '/api/v1/jobs/old-retry-1', { body: { id: 'old-retry-1', state: 'RUNNING' } });
    expect((await verify(...wave, applied('old'))).ends['old']).toBe('pending');
    expect(cordum.seen).toHaveLength(5);
  });

  it('does not know the end of a job that Cordum does not show', async () => {
    jobs();
    cordum.on('GET', '/api/v1/jobs/a-retry-1', 'job_get_404');
    cordum.on('GET', '/api/v1/jobs/b-retry-1', 'job_get_dlq_retry_meta_expired');
    expect((await verify(applied('a'), applied('b'))).ends).toEqual({ a: 'unknown', b: 'unknown' });
  });

  it('fails as a whole when Cordum does not answer, so that it is asked again', async () => {
    cordum.on('GET', '/api/v1/jobs?limit=500', 'redis_down_jobs');
    expect(await dlqRetry.verify([applied('a')], inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'rateLimited' } });
    jobs();
    cordum.on('GET', '/api/v1/jobs/a-retry-1', 'drop');
    expect(await dlqRetry.verify([applied('a')], inputOf('a'), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
  });

  it('takes the old entry with its old reason for an echo, as a late redelivery wrote it', async () => {
    jobs(jobRowOf('a-retry-1', 'SUCCEEDED'));
    cordum.dlq = [rawEntry('a', '2026-11-20T19:38:59Z')];
    expect(await verify(applied('a'))).toEqual({ ends: { a: 'done' }, say: expect.stringMatching(/^Of 1 retried: 1 done\. 1 of the old entries.*echoes/) });
  });

  it('takes the old entry with another reason, or long after, for a return', async () => {
    jobs(jobRowOf('a-retry-1', 'SUCCEEDED'));
    cordum.dlq = [rawEntry('a', '2026-11-20T19:29:30Z', { reason_code: 'safety_denied' })];
    expect((await verify(applied('a'))).ends).toEqual({ a: 'returned' });
    cordum.dlq = [rawEntry('a', '2026-11-20T19:39:01Z')];
    expect((await verify(applied('a'))).ends).toEqual({ a: 'returned' });
  });

  it('follows a retry that a person settled as landed by the trace of its retries', async () => {
    jobs();
    setRetries(cordum, 'a', [['a-retry-9', 'SUCCEEDED']]);
    expect((await verify(applied('a', {}))).ends).toEqual({ a: 'done' });
  });
});
