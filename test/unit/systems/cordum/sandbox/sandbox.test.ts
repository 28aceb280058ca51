import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addDeadJob, seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from '../../../../kit/clock.ts';

let clock: VirtualClock;
let sandbox: Sandbox;
let url: string;

beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
  ({ url } = await sandbox.start());
});

afterEach(() => sandbox.stop());

/** What fetch says of a connection that was dropped, refused or given up. */
const GONE = /fetch failed|aborted/;

interface Said {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function say(method: string, path: string, headers: Record<string, string> = {}): Promise<Said> {
  const answer = await fetch(url + path, { method, headers: { 'X-API-Key': 'key', ...headers } });
  const text = await answer.text();
  return { status: answer.status, json: text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

async function retry(id: string): Promise<string> {
  const { json } = await say('POST', `/api/v1/dlq/${encodeURIComponent(id)}/retry`);
  return String(json['job_id']);
}

describe('a retried job', () => {
  test('is a new job under the trace of the retry, runs on a worker and succeeds', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    const dead = addDeadJob(sandbox, { labels: { team: 'risk' } });

    const id = await retry(dead.id);

    expect(id).toMatch(new RegExp(`^${dead.id}-retry-[0-9a-f]{8}$`));
    expect(sandbox.entryIds()).toEqual([]);
    expect(sandbox.job(id)).toMatchObject({ state: 'PENDING', traceId: `dlq-retry-${dead.id}`, labels: { team: 'risk', retry: 'true', dlq_entry: dead.id, retry_of_job: dead.id } });
    await clock.advance(100);
    expect(sandbox.job(id)?.state).toBe('RUNNING');
    expect((await say('GET', '/api/v1/workers/bank-1')).json['active_jobs']).toBe(1);
    await clock.advance(1_000);
    expect(sandbox.job(id)).toMatchObject({ state: 'SUCCEEDED', workerId: 'bank-1' });
  });

  test.each([
    ['fail', 'FAILED', 'worker_error'],
    ['failFatal', 'FAILED', 'invalid_input'],
    ['deny', 'DENIED', 'safety_denied'],
    ['failRetryable', 'FAILED', undefined],
    ['hang', 'TIMEOUT', undefined],
    ['noWorker', 'FAILED', 'max_scheduling_retries'],
  ] as const)('told to %s ends as %s, in the queue with the reason %s', async (outcome, state, reason) => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    const dead = addDeadJob(sandbox);
    sandbox.setOutcome(dead.id, outcome, 2_000);

    const id = await retry(dead.id);
    await clock.advance(16 * 60_000);

    expect(sandbox.job(id)?.state).toBe(state);
    expect([...sandbox.world.dlq.values()].map((entry) => [entry.job_id, entry.reason_code])).toEqual(reason === undefined ? [] : [[id, reason]]);
  });

  test('waits for a worker of its pool and is given up after fifty looks', async () => {
    const [first, second] = [await retry(addDeadJob(sandbox).id), await retry(addDeadJob(sandbox, { topic: 'job.default' }).id)];
    await clock.advance(60_000);
    expect(sandbox.job(first)?.state).toBe('PENDING');
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    await clock.advance(26 * 60_000);
    expect([sandbox.job(first)?.state, sandbox.job(second)?.state]).toEqual(['SUCCEEDED', 'FAILED']);
    expect(sandbox.entryIds()).toEqual([second]);
  });

  test('whose worker dies ends by timeout, outside the queue', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    const id = await retry(addDeadJob(sandbox).id);
    await clock.advance(100);
    sandbox.removeWorker('bank-1');
    await clock.advance(16 * 60_000);
    expect(sandbox.job(id)?.state).toBe('TIMEOUT');
    expect(sandbox.entryIds()).toEqual([]);
  });

  test('meets the policy again: what was denied is denied, what needed an approval needs one', async () => {
    const { others } = seedDlq(sandbox);
    const of = (code: string): string => others.find((id) => sandbox.world.dlq.get(id)?.reason_code === code) ?? '';
    const [denied, rejected] = [await retry(of('safety_denied')), await retry(of('approval_rejected'))];
    await clock.advance(1_000);
    expect([sandbox.job(denied)?.state, sandbox.job(rejected)?.state]).toEqual(['DENIED', 'APPROVAL_REQUIRED']);
  });

  test('can be made twice of one entry when a late redelivery brings that back', async () => {
    const dead = addDeadJob(sandbox);
    const first = await retry(dead.id);
    expect((await say('POST', `/api/v1/dlq/${dead.id}/retry`)).status).toBe(404);
    await clock.advance(60_000);
    expect(sandbox.resurrect(dead.id)).toBe(true);
    expect(Date.parse(sandbox.world.dlq.get(dead.id)?.created_at ?? '')).toBe(clock.now());
    const second = await retry(dead.id);
    expect((await fetch(`${url}/api/v1/traces/dlq-retry-${dead.id}`, { headers: { 'X-API-Key': 'key' } }).then((answer) => answer.json() as Promise<{ id: string }[]>)).map((job) => job.id).toSorted()).toEqual([first, second].toSorted());
    expect(sandbox.resurrect('never-dead')).toBe(false);
  });

  test('has no input once that has expired, nor a tenant once the meta has', async () => {
    const [young, old] = [addDeadJob(sandbox), addDeadJob(sandbox, { topic: 'job.default' })];
    await clock.advance(24 * 3_600_000);
    const withoutInput = await retry(young.id);
    expect((await say('GET', `/api/v1/jobs/${withoutInput}`)).json).toMatchObject({ context: null, context_ptr: `redis://ctx:${withoutInput}` });
    await clock.advance(6 * 24 * 3_600_000);
    expect(sandbox.entryIds()).not.toContain(old.id);
    expect((await say('GET', `/api/v1/jobs/${await retry(old.id)}`)).status).toBe(403);
  });

  test('waits while the kernel or the scheduler is away', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    await sandbox.down('kernel');
    const id = await retry(addDeadJob(sandbox).id);
    await clock.advance(60_000);
    expect(sandbox.job(id)?.state).toBe('PENDING');
    await sandbox.up('kernel');
    await clock.advance(6_000);
    expect(sandbox.job(id)?.state).toBe('SUCCEEDED');
  });

  test('stays behind as PENDING, beside its entry, when NATS is away', async () => {
    const dead = addDeadJob(sandbox);
    await sandbox.down('nats');
    expect((await say('POST', `/api/v1/dlq/${dead.id}/retry`)).status).toBe(500);
    await sandbox.up('nats');
    await clock.advance(60_000);
    expect(sandbox.entryIds()).toEqual([dead.id]);
    expect([...sandbox.world.jobs.values()].filter((job) => job.traceId === `dlq-retry-${dead.id}`).map((job) => job.state)).toEqual(['PENDING']);
  });
});

describe('the knobs', () => {
  test('lose an answer before or after its effect, and the log of calls tells which', async () => {
    const [one, two] = [addDeadJob(sandbox), addDeadJob(sandbox)];
    sandbox.loseAnswer(`/dlq/${one.id}/retry`, 'beforeEffect');
    sandbox.loseAnswer(/^POST .*retry$/, 'afterEffect');

    await expect(retry(one.id)).rejects.toThrow(GONE);
    expect(sandbox.entryIds()).toHaveLength(2);
    await expect(retry(two.id)).rejects.toThrow(GONE);
    expect(sandbox.entryIds()).toEqual([one.id]);
    await retry(one.id);

    expect(sandbox.calls.map((call) => [call.method, call.path.split('/').at(-1), call.status])).toEqual([['POST', 'retry', undefined], ['POST', 'retry', 200], ['POST', 'retry', 200]]);
  });

  test('record who is said to have asked', async () => {
    await say('DELETE', '/api/v1/dlq/x?y=1', { 'X-Principal-Id': 'alice' });
    expect(sandbox.calls).toEqual([{ atMs: clock.now(), method: 'DELETE', path: '/api/v1/dlq/x', query: 'y=1', principal: 'alice', status: 204 }]);
  });

  test('delay a call, which takes effect although its caller has gone', async () => {
    const dead = addDeadJob(sandbox);
    sandbox.delay(5_000);
    const gone = new AbortController();
    const call = fetch(`${url}/api/v1/dlq/${dead.id}/retry`, { method: 'POST', headers: { 'X-API-Key': 'key' }, signal: gone.signal });
    while (sandbox.calls.length === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    gone.abort();
    await expect(call).rejects.toThrow(GONE);
    await clock.advance(4_999);
    expect(sandbox.entryIds()).toEqual([dead.id]);
    await clock.advance(1);
    expect(sandbox.entryIds()).toEqual([]);
  });

  test('take the gateway away and bring it back at the same address', async () => {
    await sandbox.down('gateway');
    await expect(say('GET', '/health')).rejects.toThrow(GONE);
    await sandbox.up('gateway');
    expect((await say('GET', '/health')).status).toBe(200);
  });

  test('Redis away is 429 everywhere but on the probes, which are not limited', async () => {
    await sandbox.down('redis');
    expect([(await say('GET', '/health')).status, (await say('GET', '/api/v1/dlq')).status]).toEqual([429, 429]);
    expect(await say('GET', '/readyz')).toEqual({ status: 503, json: { checks: { nats: 'ok', redis: 'error' }, status: 'degraded' } });
  });

  test('a key without a tenant must name one', async () => {
    const lost = createSandbox({ clock, apiKey: 'key', tenant: '' });
    const at = await lost.start();
    const answer = await fetch(`${at.url}/api/v1/jobs`, { headers: { 'X-API-Key': 'key' } });
    expect([answer.status, await answer.json()]).toEqual([403, { error: 'tenant id required', status: 403 }]);
    await lost.stop();
  });

  test('status is up to two seconds old', async () => {
    const pending = async (): Promise<unknown> => ((await say('GET', '/api/v1/status')).json['workers'] as { count: number }).count;
    expect(await pending()).toBe(0);
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    expect(await pending()).toBe(0);
    await clock.advance(2_000);
    expect(await pending()).toBe(1);
  });

  test.each(['//', '/%', '/api/v1/jobs/%ff', '/api/v1/dlq/page?cursor=9999999999999999999999&limit=-5', '/api/v1/jobs?cursor=%00'])('an odd address is answered, not fatal: %s', async (path) => {
    expect((await say('GET', path)).status).toBeLessThan(500);
  });
});

describe('the seed', () => {
  test('makes 240 entries of mixed reasons, most of them safe, and the same ones every time', async () => {
    const { safe, others, byReason } = seedDlq(sandbox);
    const again = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
    seedDlq(again);

    expect(sandbox.entryIds()).toHaveLength(240);
    expect(again.entryIds()).toEqual(sandbox.entryIds());
    expect([safe.length, others.length]).toEqual([172, 68]);
    expect(byReason).toEqual({
      max_scheduling_retries: 162, dispatch_failed: 18, schema_registry_unavailable: 2, safety_denied: 14, approval_rejected: 6, output_quarantined: 4,
      unknown_topic: 6, worker_error: 20, invalid_input: 5, redelivery_dlq_retry: 2, '': 1,
    });
    const seconds = [...sandbox.world.dlq.values()].map((entry) => entry.created_at.slice(0, 19));
    expect(new Set(seconds).size).toBeLessThan(seconds.length);
    expect((await say('GET', `/api/v1/jobs/${safe[0]}`)).json).toMatchObject({ state: 'FAILED', result: { processed_by: 'cordum-scheduler' } });
    expect((await say('GET', '/api/v1/dlq')).json['items']).toHaveLength(100);
  });

  test('makes any number, down to a few safe ones', () => {
    expect(seedDlq(sandbox, 8)).toMatchObject({ safe: { length: 8 }, others: [] });
    expect(sandbox.entryIds()).toHaveLength(8);
  });
});
