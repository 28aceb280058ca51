import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { segmentOf } from '#systems/cordum/calls.ts';
import { createCordumClient } from '#systems/cordum/client.ts';
import { MOST_ANSWER_BYTES } from '#systems/cordum/transport.ts';
import { API_KEY, type Replay, startReplay } from '../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
});
afterEach(() => cordum.close());

const JOB = '9b73b5cb-b545-4252-807c-1187631a3bd7';
const approver = { principal: 'slack:U123' };

describe('the Cordum client', () => {
  it('sends key and tenant with every call, and who approved only with writes', async () => {
    cordum.on('GET', '/api/v1/workers', 'workers_list');
    cordum.on('POST', `/api/v1/dlq/${JOB}/retry`, 'dlq_retry_ok');
    await cordum.client.workers();
    await cordum.client.retryDlqEntry(JOB, { principal: 'slack:U1\r\nX-Evil: 1 é' });
    const [read, write] = cordum.seen;
    expect(read?.headers).toMatchObject({ 'x-api-key': API_KEY, 'x-tenant-id': 'default' });
    expect(read?.headers).not.toHaveProperty('x-principal-id');
    expect(read?.headers).not.toHaveProperty('authorization');
    expect(write?.headers).toMatchObject({ 'x-api-key': API_KEY, 'x-principal-id': 'slack:U1__X-Evil:_1__' });
    expect(write?.headers).not.toHaveProperty('x-evil');
  });

  it('reads health as the plain text that it is', async () => {
    cordum.on('GET', '/health', 'health');
    expect(await cordum.client.health()).toEqual({ ok: true, value: 'ok' });
  });

  it('says the JSON in which v0.9.9 answers health in words', async () => {
    cordum.on('GET', '/health', { body: { nats: 'connected', redis: 'ok', status: 'healthy' } });
    expect(await cordum.client.health()).toEqual({ ok: true, value: 'healthy (nats connected, redis ok)' });
  });

  it('reads a status without the fields for admins', async () => {
    cordum.on('GET', '/api/v1/status', { body: { nats: { connected: false, status: 'RECONNECTING' }, redis: { ok: true } } });
    const status = await cordum.client.status();
    expect(status).toMatchObject({ ok: true, value: { adminFieldsSeen: false, natsConnected: false, redisOk: true, inputBreaker: { state: 'UNKNOWN' }, maxConcurrentJobs: -1, replicas: [] } });
  });

  it('reads nanoseconds that are named milliseconds', async () => {
    cordum.on('GET', '/api/v1/status', 'status_after');
    const status = await cordum.client.status();
    expect(status.ok && status.value.replicas.find((one) => one.service === 'scheduler')?.ttlRemainingMs).toBe(9805);
    expect(status.ok && status.value.adminFieldsSeen).toBe(true);
  });

  it('reads an unknown trace as empty', async () => {
    cordum.on('GET', '/api/v1/traces/nope', 'traces_404', { body: 'null' });
    expect(await cordum.client.trace('nope')).toEqual({ ok: true, value: [] });
    expect(await cordum.client.trace('nope')).toEqual({ ok: true, value: [] });
  });

  it('answers a deletion with success whether the entry was there or not', async () => {
    cordum.on('DELETE', '/api/v1/dlq/does-not-exist', 'dlq_delete_missing');
    expect(await cordum.client.deleteDlqEntry('does-not-exist', approver)).toEqual({ ok: true, value: null });
  });

  it('sends ids with odd characters as one segment of the path', async () => {
    cordum.on('GET', '/api/v1/jobs/run:t@1/../x?y#z', 'job_get_404');
    expect(await cordum.client.job('run:t@1/../x?y#z')).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(cordum.seen[0]?.rawPath).toBe('/api/v1/jobs/run%3At%401%2F..%2Fx%3Fy%23z');
  });

  it.each(['', '.', '..', 'a\nb', 'a\u0000', '\u007f', 'x'.repeat(513), '\ud800'])('refuses the id %j without a call', async (id) => {
    expect(segmentOf(id)).toBeUndefined();
    expect(await cordum.client.job(id)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(await cordum.client.trace(id)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(await cordum.client.retryDlqEntry(id, approver)).toMatchObject({ ok: false, failure: { reason: 'invalid', landed: 'no' } });
    expect(await cordum.client.deleteDlqEntry(id, approver)).toMatchObject({ ok: false, failure: { reason: 'invalid', landed: 'no' } });
    expect(cordum.seen).toEqual([]);
  });

  it('follows no redirect, so the key goes nowhere else', async () => {
    let visits = 0;
    const elsewhere = createServer((_request, response) => {
      visits += 1;
      response.end('[]');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/api/v1/workers`;
    cordum.on('GET', '/api/v1/workers', { status: 307, headers: { location } });
    expect(await cordum.client.workers()).toMatchObject({ ok: false, failure: { reason: 'unexpected' } });
    expect(visits).toBe(0);
    await new Promise((resolve) => elsewhere.close(resolve));
  });

  it('drops an answer that is too large', async () => {
    cordum.on('GET', '/api/v1/workers', { body: `{"items":[],"x":"${'x'.repeat(MOST_ANSWER_BYTES)}"}` });
    expect(await cordum.client.workers()).toMatchObject({ ok: false, failure: { reason: 'tooLarge' } });
  });

  it('says that a write may have landed when its answer cannot be read', async () => {
    cordum.on('POST', `/api/v1/dlq/${JOB}/retry`, { body: 'not json' }, { body: { id: 1 } }, 'drop');
    for (const reason of ['unexpected', 'unexpected', 'unreachable']) {
      expect(await cordum.client.retryDlqEntry(JOB, approver)).toMatchObject({ ok: false, failure: { reason, landed: 'maybe' } });
    }
  });

  it('gives up after its timeout, and a write may then have landed', async () => {
    cordum.on('POST', `/api/v1/dlq/${JOB}/retry`, 'hang');
    const retried = cordum.client.retryDlqEntry(JOB, approver);
    while (cordum.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await cordum.clock.advance(15_000);
    expect(await retried).toMatchObject({ ok: false, failure: { reason: 'timeout', landed: 'maybe' } });
    expect(cordum.clock.pending()).toBe(0);
  });

  it('ends a call with its run, and sends nothing for a run that has ended', async () => {
    cordum.on('GET', '/api/v1/workers', 'hang');
    const run = new AbortController();
    const asked = cordum.client.workers({ signal: run.signal });
    while (cordum.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    run.abort();
    expect(await asked).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
    expect(await cordum.client.retryDlqEntry(JOB, { ...approver, signal: run.signal })).toMatchObject({ ok: false, failure: { reason: 'cancelled', landed: 'no' } });
    expect(cordum.seen).toHaveLength(1);
  });

  it('has sent nothing when nobody listens', async () => {
    const nobody = createCordumClient({ url: 'http://127.0.0.1:1', apiKey: new Secret(API_KEY), tenant: 'default' });
    expect(await nobody.retryDlqEntry(JOB, approver)).toMatchObject({ ok: false, failure: { reason: 'unreachable', landed: 'no' } });
    await nobody.close();
  });

  it('paces its reads below the limit of a Cordum that nobody configured, and holds no write back', async () => {
    const paced = await startReplay({ readsPerSecond: 35 });
    paced.on('GET', '/api/v1/workers', 'workers_empty');
    paced.on('DELETE', '/api/v1/dlq/a', { status: 204 });
    const reads = Array.from({ length: 100 }, () => paced.client.workers());
    await paced.client.deleteDlqEntry('a', approver);
    await paced.clock.advance(999);
    await Promise.all(reads.slice(0, 40));
    expect(paced.seen.filter((one) => one.method === 'GET').length).toBeLessThanOrEqual(45);
    await paced.clock.advance(10_000);
    expect((await Promise.all(reads)).every((one) => one.ok)).toBe(true);
    await paced.close();
  });

  it('never shows its key, whatever Cordum says or whoever prints the client', async () => {
    cordum.on('GET', '/api/v1/workers', { status: 400, body: { error: `bad key ${API_KEY}` } }, { status: 403, body: { error: API_KEY } }, { body: { items: [{ worker_id: 1 }] } });
    for (let times = 0; times < 3; times += 1) expect(JSON.stringify(await cordum.client.workers())).not.toContain(API_KEY);
    expect(inspect(cordum.client, { depth: 9, showHidden: true })).not.toContain(API_KEY);
  });

  it.each([
    ['ftp://x', /http or https/],
    ['nonsense', /http or https/],
    ['http://user:pw@x', /must not hold credentials/],
    ['http://x/api', /without a path/],
  ])('is not built for the address %s', (url, because) => {
    expect(() => createCordumClient({ url, apiKey: new Secret('k'), tenant: 't' })).toThrow(because);
  });

  it('is not built with a key or tenant that no header can hold, and does not repeat them', () => {
    const build = (): unknown => createCordumClient({ url: 'http://x', apiKey: new Secret('top\nsecret'), tenant: 't' });
    expect(build).toThrow(/cordum\.apiKey must be printable/);
    expect(build).not.toThrow(/secret/);
    expect(() => createCordumClient({ url: 'http://x', apiKey: new Secret('k'), tenant: '' })).toThrow(/cordum\.tenant/);
  });
});
