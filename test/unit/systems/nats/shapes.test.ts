import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { readAddresses } from '#systems/nats/address.ts';
import { closedRows, openRows, totalsByName } from '#systems/nats/connections.ts';
import { rowOfConsumer } from '#systems/nats/consumers.ts';
import { compareWithCordum } from '#systems/nats/cordum-facts.ts';
import { failureOfApi, failureOfError } from '#systems/nats/failure.ts';
import { merge } from '#systems/nats/jetstream.ts';
import { connzAnswer, consumerInfo, jszAnswer, routezAnswer, streamInfo, varzAnswer } from '#systems/nats/schema.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { healthFromMonitor, serverHealthRow } from '#systems/nats/server-health.ts';
import { rowOfStream, streamRow } from '#systems/nats/streams.ts';
import { ageSeconds, durationMs, instantMs, timeText } from '#systems/nats/values.ts';
import { readDeadLetter } from '#systems/nats/wire.ts';
import { deadLetterPacket } from '../../../kit/nats.ts';

const NOW = Date.parse('2026-11-20T19:23:07Z');

function recorded(name: string): Record<string, unknown> {
  return (JSON.parse(readFileSync(new URL(`../../../fixtures/nats/${name}.json`, import.meta.url), 'utf8')) as { body: Record<string, unknown> }).body;
}

describe('the recordings of nats-server 2.15.1', () => {
  it('are read: health, connections by who they are, streams and consumers', () => {
    expect(healthFromMonitor('nats:8222', { ok: true, value: varzAnswer.parse(recorded('nats_varz')) }, { ok: true, value: { status: 'ok', error: '' } })).toMatchObject({
      healthy: true,
      version: '2.15.1',
      uptimeSeconds: 408,
      connections: 7,
      storageBytes: 136_486,
      storageLimitBytes: 2_147_483_648,
      apiErrors: 4,
    });
    const rows = openRows('nats:8222', connzAnswer.parse(recorded('nats_connz')), NOW, 1);
    expect(rows.map((row) => row.role)).toEqual(['safety-kernel', 'scheduler', 'other', 'gateway', 'worker', 'worker', 'worker']);
    expect(rows[0]).toMatchObject({ rttMs: 1, slow: false, connectedSeconds: 408 });
    expect(totalsByName(rows).find((row) => row.role === 'worker')).toMatchObject({ connections: 3 });
    const { streams, consumers } = merge([{ name: 'cordum-local', jsz: jszAnswer.parse(recorded('nats_jsz')) }]);
    expect(streams.map((one) => rowOfStream(one, NOW).row)).toMatchObject([{ name: 'CORDUM_SYS', healthy: true, messages: 301, maxAgeSeconds: 604_800 }, { name: 'CORDUM_JOBS', healthy: true, subjects: [{ subject: 'job.>' }, { subject: 'worker.*.jobs' }] }]);
    expect(consumers.map((one) => rowOfConsumer(one, { nowMs: NOW, stalledAfterSeconds: 60 }).state)).toEqual(['idle', 'idle', 'idle', 'idle']);
  });

  it('are what Cordum sets up, so nothing differs; what is changed in them is a difference', () => {
    const { streams, consumers } = merge([{ name: 'cordum-local', jsz: jszAnswer.parse(recorded('nats_jsz')) }]);
    const view = { source: 'api', streams, consumers, missingStreams: [], missingConsumers: [], notes: [] } as const;
    expect(compareWithCordum(view, { replicas: 1, audit: false })).toEqual([]);
    expect(compareWithCordum({ ...view, consumers: consumers.slice(1) }, { replicas: 1, audit: false })).toMatchObject([{ name: 'dur_cordum-scheduler__sys_job_submit', code: 'missing', severity: 'critical' }]);
    expect(compareWithCordum({ ...view, streams: streams.slice(1), missingStreams: ['CORDUM_SYS'] }, { replicas: 1, audit: false })).toMatchObject([{ name: 'CORDUM_SYS', code: 'noLeader' }]);
    const [sys, ...others] = streams;
    if (sys === undefined) throw new Error('the recording has streams');
    const odd = { ...sys, info: { ...sys.info, config: { ...sys.info.config, subjects: ['sys.job.>'], retention: 'workqueue', storage: 'memory', max_age: 0 } } };
    expect(compareWithCordum({ ...view, streams: [odd, ...others] }, { replicas: 3, audit: true }).map(({ name, code }) => `${name} ${code}`)).toEqual([
      'CORDUM_SYS subjects',
      'CORDUM_SYS retention',
      'CORDUM_SYS storage',
      'CORDUM_SYS maxAge',
      'CORDUM_SYS replicas',
      'CORDUM_JOBS replicas',
      'dur_audit-exporters__sys_audit_export missing',
    ]);
  });

  it('of a follower never say who listens, and give way to those of the leader', () => {
    const jsz = jszAnswer.parse(recorded('nats_jsz'));
    const clustered = structuredClone(jsz) as unknown as { account_details: { stream_detail: { consumer_detail: { push_bound: boolean; cluster?: { leader: string; replicas: never[] } }[] }[] }[] };
    for (const detail of clustered.account_details[0]?.stream_detail[0]?.consumer_detail ?? []) detail.cluster = { leader: 'n1', replicas: [] };
    const follower = merge([{ name: 'n0', jsz: clustered as unknown as typeof jsz }]);
    expect(follower.consumers.map((one) => rowOfConsumer(one, { nowMs: NOW, stalledAfterSeconds: 60 }))).toMatchObject(Array.from({ length: 4 }, () => ({ state: 'unknown', bound: false, stalled: false })));
    const both = merge([{ name: 'n0', jsz: clustered as unknown as typeof jsz }, { name: 'n1', jsz: clustered as unknown as typeof jsz }]);
    expect(both.consumers.map((one) => one.fromLeader)).toEqual([true, true, true, true]);
  });
});

describe('whatever a server sends', () => {
  const anything = fc.dictionary(
    fc.constantFrom('name', 'config', 'state', 'cluster', 'leader', 'replicas', 'subjects', 'messages', 'created', 'first_ts', 'num_pending', 'active', 'stream_name', 'delivered', 'ack_floor', 'last_active', 'server_id', 'jetstream', 'connections', 'routes', 'rtt'),
    fc.anything(),
  );

  it('is refused or becomes rows that hold to the declared shapes', () => {
    const [stream] = (recorded('nats_jsz')['account_details'] as { stream_detail: Record<string, unknown>[] }[])[0]?.stream_detail ?? [];
    const [consumer] = (stream?.['consumer_detail'] ?? []) as Record<string, unknown>[];
    const consumerRows = consumersList.output.shape['items'];
    fc.assert(
      fc.property(anything, anything, fc.constantFrom('state', 'config', 'cluster', 'delivered', 'ack_floor'), fc.integer(), (top, inner, where, nowMs) => {
        const mixed = (base: Record<string, unknown> | undefined): unknown => ({ ...base, [where]: { ...(base?.[where] as object), ...inner }, ...(nowMs % 2 === 0 ? top : {}) });
        const oneStream = streamInfo.safeParse(mixed(stream));
        if (oneStream.success) streamRow.strict().parse(rowOfStream({ info: oneStream.data, fromLeader: true }, nowMs).row);
        const oneConsumer = consumerInfo.safeParse(mixed(consumer));
        if (oneConsumer.success) (consumerRows as { parse(value: unknown): unknown }).parse([rowOfConsumer({ info: oneConsumer.data, stream: 's', fromLeader: true }, { nowMs, stalledAfterSeconds: 60 })]);
        const varz = varzAnswer.safeParse({ ...recorded('nats_varz'), ...top, jetstream: { stats: inner, config: inner } });
        if (varz.success) serverHealthRow.strict().parse(healthFromMonitor('x', { ok: true, value: varz.data }, { ok: true, value: { status: 'ok', error: '' } }));
        for (const schema of [routezAnswer, connzAnswer, jszAnswer]) schema.safeParse(top);
      }),
      { numRuns: 400 },
    );
  });

  it('counts in safe integers, in times that exist, and in ages that are never negative', () => {
    fc.assert(
      fc.property(fc.double(), fc.string(), fc.integer(), (number, text, nowMs) => {
        const read = streamInfo.safeParse({ config: { name: 's', max_bytes: number, max_age: number }, created: text, state: { messages: number, bytes: number, first_ts: text, last_ts: text } });
        if (read.success) expect(Number.isSafeInteger(read.data.state.messages)).toBe(true);
        expect(timeText(instantMs(text))).toMatch(/^$|Z$/);
        expect(ageSeconds(instantMs(text), nowMs)).toBeGreaterThanOrEqual(0);
        expect(Number.isSafeInteger(durationMs(text))).toBe(true);
      }),
    );
    expect(['346µs', '1.5ms', '6m48s', '1y2d3h', '', 'x'].map(durationMs)).toEqual([1, 2, 408_000, 31_536_000_000 + 172_800_000 + 10_800_000, 0, 0]);
    expect(instantMs('0001-01-01T00:00:00Z')).toBe(0);
  });

  it('is shown as thrown out only where the server gives that reason', () => {
    const closed = connzAnswer.parse({ server_id: 'X', connections: [{ cid: 1, name: 'w', reason: 'Slow Consumer (Write Deadline)', stop: '2026-11-20T19:23:00Z' }, { cid: 2, reason: 'Client Closed' }] });
    expect(closedRows('nats', closed, NOW)).toEqual([{ server: 'nats', name: 'w', reason: 'Slow Consumer (Write Deadline)', at: '2026-11-20T19:23:00.000Z', secondsAgo: 7 }]);
  });
});

describe('a dead letter on the wire', () => {
  it('is read as Cordum sends it', () => {
    expect(readDeadLetter(deadLetterPacket({ jobId: 'job-1', code: 'max_scheduling_retries', reason: 'max scheduling retries exceeded (attempts=50)', status: 11, atMs: 1_795_202_678_864 }))).toEqual({
      jobId: 'job-1',
      status: 'JOB_STATUS_FAILED_FATAL',
      reasonCode: 'max_scheduling_retries',
      reason: 'max scheduling retries exceeded (attempts=50)',
      workerId: '',
      traceId: 'job-1',
      senderId: 'cordum-scheduler',
      createdAtMs: 1_795_202_678_864,
    });
  });

  it('is bounded, and no bytes whatever bring the reader down', () => {
    expect(readDeadLetter(deadLetterPacket({ jobId: 'j'.repeat(1_000), code: 'c', reason: 'r'.repeat(5_000) }))).toMatchObject({ jobId: expect.stringMatching(/^j{199}…$/), reason: expect.stringMatching(/^r{499}…$/) });
    const whole = deadLetterPacket({ jobId: 'job-1', code: 'c', reason: 'r' });
    for (let length = 0; length < whole.length - 2; length += 1) expect(readDeadLetter(whole.subarray(0, length))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (bytes, at, byte) => {
        const changed = new Uint8Array(whole);
        changed[at] = byte;
        for (const data of [bytes, changed, new Uint8Array([...whole, ...bytes])]) {
          const read = readDeadLetter(data);
          if (read !== undefined) expect([Number.isSafeInteger(read.createdAtMs), read.jobId.length <= 200, read.reason.length <= 500]).toEqual([true, true, true]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the addresses of nats.url', () => {
  it('may be several, hold credentials, and are shown without them', () => {
    const [first, second, third] = readAddresses(new Secret('nats://bot:12345@nats-0:4222, tls://tok@[::1]:4333,nats-2'));
    expect(first).toMatchObject({ host: 'nats-0', port: 4222, label: 'nats-0:4222', tls: false, username: 'bot' });
    expect(first?.password?.reveal()).toBe('12345');
    expect(second).toMatchObject({ host: '::1', port: 4333, label: '[::1]:4333', tls: true });
    expect(second?.token?.reveal()).toBe('tok');
    expect(third).toMatchObject({ label: 'nats-2:4222', tls: false });
  });

  it('that are wrong are refused without a word of what stands in them', () => {
    for (const url of ['', 'http://bot:hush@host', 'nats://bot:hush@', ',']) {
      expect(() => readAddresses(new Secret(url))).toThrow(/^(?!.*hush)/);
    }
  });
});

describe('failures', () => {
  it('say what is wrong and what to do, by the codes of the client, of TLS and of JetStream', () => {
    const reason = (code: string): string => failureOfError({ code }, 'nats:4222', 'answer').reason;
    expect(['AUTHORIZATION_VIOLATION', 'PERMISSIONS_VIOLATION', '503', 'TIMEOUT', 'ECONNREFUSED', 'CERT_HAS_EXPIRED', 'BAD_CREDS', 'WHATEVER'].map(reason)).toEqual(['unauthorised', 'forbidden', 'unavailable', 'timeout', 'unreachable', 'unreachable', 'invalid', 'unreachable']);
    expect(failureOfError({ code: 'UNKNOWN_ERROR', chainedError: { code: 'SELF_SIGNED_CERT_IN_CHAIN' } }, 'nats:4222', 'let us in').message).toMatch(/unknown authority: give nats.tls its CA/);
    expect([10_008, 10_059, 10_076, 1].map((code) => failureOfApi({ code: 400, err_code: code, description: 'x' }, 'nats', 'list').reason)).toEqual(['unavailable', 'notFound', 'unavailable', 'invalid']);
  });

  it('never hold a password, nor a line break of what was said', () => {
    const { message } = failureOfError(new Error('dial nats://bot:hush@nats:4222\nfailed'), 'nats:4222', 'answer');
    expect(message).not.toMatch(/hush|\n/);
  });
});
