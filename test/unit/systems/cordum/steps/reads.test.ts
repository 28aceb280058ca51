import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReadStep } from '#step-kit/index.ts';
import { dlqList } from '#systems/cordum/steps/dlq-list.ts';
import { healthGet } from '#systems/cordum/steps/health-get.ts';
import { jobsGet } from '#systems/cordum/steps/jobs-get.ts';
import { jobsList } from '#systems/cordum/steps/jobs-list.ts';
import { poolsList } from '#systems/cordum/steps/pools-list.ts';
import { statusGet } from '#systems/cordum/steps/status-get.ts';
import { topicsList } from '#systems/cordum/steps/topics-list.ts';
import { tracesGet } from '#systems/cordum/steps/traces-get.ts';
import { workersList } from '#systems/cordum/steps/workers-list.ts';
import { recordedBody, type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
});
afterEach(() => cordum.close());

/** Runs a step as the engine does: input and output through its own schemas. */
async function run(step: ReadStep, input: object = {}): Promise<unknown> {
  const answer = await step.run(step.input.parse(input), cordum.context());
  if (!answer.ok) throw new Error(answer.failure.message);
  return step.output.strict().parse(answer.value);
}

describe('the reading steps', () => {
  it('show health as it is, also where there is no /readyz', async () => {
    cordum.on('GET', '/health', 'health');
    cordum.on('GET', '/readyz', { status: 404, body: '404 page not found\n' }, { body: { status: 'ok', checks: { redis: 'ok' } } }, { status: 503, body: { status: 'degraded', checks: { redis: 'error' } } });
    expect(await run(healthGet)).toMatchObject({ healthy: true, reachable: true, ready: 'unknown' });
    expect(await run(healthGet)).toMatchObject({ healthy: true, ready: 'yes' });
    expect(await run(healthGet)).toMatchObject({ healthy: false, ready: 'no', say: 'Cordum answers "ok". It is not ready: redis error.' });
  });

  it('say what it can mean that health is rate limited, and that nobody answers', async () => {
    cordum.on('GET', '/health', 'redis_down_health', 'drop');
    cordum.on('GET', '/readyz', { status: 503, body: { status: 'degraded', checks: { redis: 'error' } } }, 'drop');
    expect(await run(healthGet)).toMatchObject({ healthy: false, reachable: true, ready: 'no', say: expect.stringMatching(/Redis is down.*not ready: redis error/) });
    expect(await run(healthGet)).toMatchObject({ healthy: false, reachable: false, ready: 'unknown' });
  });

  it('say that a Cordum which calls itself unhealthy did not say that it is healthy, and why', async () => {
    // As V0.9.9.1 answers while NATS is away.
    cordum.on('GET', '/health', { status: 503, body: { status: 'unhealthy', nats: 'reconnecting', redis: 'ok', error: 'nats status=reconnecting' } });
    cordum.on('GET', '/readyz', { status: 404, body: '404 page not found\n' });
    expect(await run(healthGet)).toMatchObject({ healthy: false, reachable: true, say: expect.stringMatching(/^Cordum did not say that it is healthy: .*nats status=reconnecting/) });
  });

  it('show the status while NATS is down', async () => {
    cordum.on('GET', '/api/v1/status', 'nats_down_status');
    expect(await run(statusGet)).toMatchObject({ natsConnected: false, natsStatus: 'RECONNECTING', redisOk: true, workers: 3, pipeline: { failed: 17 } });
  });

  it('show a job, its trace, workers of a pool, pools and topics', async () => {
    cordum.on('GET', '/api/v1/jobs/c6cb1cf1-2854-4525-b7ff-7081dba3088a', 'job_get_outcome_fail');
    expect(await run(jobsGet, { jobId: 'c6cb1cf1-2854-4525-b7ff-7081dba3088a' })).toMatchObject({ state: 'FAILED', errorCode: 'worker_error', processedBy: 'cordum-scheduler' });
    cordum.on('GET', '/api/v1/traces/t', 'trace_after_dlq_retry');
    expect(await run(tracesGet, { traceId: 't' })).toMatchObject({ total: 1, items: [{ workerId: 'bank-2', updatedAt: '' }] });
    cordum.on('GET', '/api/v1/workers', 'workers_list');
    expect(await run(workersList, { pool: 'demo-mock-bank' })).toMatchObject({ total: 2 });
    expect(await run(workersList)).toMatchObject({ total: 3 });
    cordum.on('GET', '/api/v1/pools', 'pools_list_with_workers');
    expect(await run(poolsList)).toMatchObject({ total: 2, items: [{ name: 'demo-mock-bank', workers: 2, capacity: 8 }, {}] });
    cordum.on('GET', '/api/v1/topics', 'topics_list');
    expect(await run(topicsList)).toMatchObject({ registryEmpty: false });
    cordum.dlq = [];
    expect(await run(dlqList)).toMatchObject({ total: 0 });
  });

  it('filter jobs themselves, because Cordum would give no cursor, and stop when nothing new comes', async () => {
    const recorded = recordedBody<{ items: { updated_at: number }[] }>('jobs_page_1').items;
    const older = Array.from({ length: 3 }, (_, n) => ({ id: `older-${n}`, state: 'FAILED', updated_at: 1_795_200_000_000_000 }));
    const oldestMs = (jobs: readonly { updated_at: number }[]): number => Math.min(...jobs.map((job) => Math.trunc(job.updated_at / 1_000)));
    cordum.on('GET', '/api/v1/jobs?limit=500', 'jobs_page_1');
    cordum.on('GET', `/api/v1/jobs?limit=500&cursor=${oldestMs(recorded)}999`, { body: { items: [recorded.at(-1), ...older], next_cursor: null } });
    cordum.on('GET', `/api/v1/jobs?limit=500&cursor=${oldestMs(older)}999`, { body: { items: older, next_cursor: null } });
    expect(await run(jobsList, { state: 'FAILED' })).toMatchObject({ scanned: recorded.length + 3, truncated: false, items: expect.arrayContaining([expect.objectContaining({ jobId: 'older-2' }), expect.objectContaining({ jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7' })]) });
    expect(await run(jobsList, { limit: 1 })).toMatchObject({ total: 1, truncated: true });
  });
});
