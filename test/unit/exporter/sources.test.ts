import { describe, expect, test } from 'vitest';
import type { Look } from '#exporter/source.ts';
import { backupDirectorySource, type BackupDirectoryFacts } from '#exporter/sources/backup-directory.ts';
import { backupsSource, type BackupFacts } from '#exporter/sources/backups.ts';
import { certificatesSource } from '#exporter/sources/certificates.ts';
import { approvalsSource, licenseSource, poolsSource, statusSource, type StatusFacts, type StatusPort } from '#exporter/sources/cordum.ts';
import { grpcSource } from '#exporter/sources/grpc.ts';
import { staleJobsSource, type StaleQuestion } from '#exporter/sources/jobs.ts';
import { redisSource } from '#exporter/sources/redis.ts';
import { fail, type FailureReason, type Result, succeed } from '#kernel/failure.ts';
import { createVirtualClock } from '../../kit/clock.ts';

const CALL = { signal: new AbortController().signal };
const down = (reason: FailureReason = 'unreachable'): ReturnType<typeof fail> => fail(reason, `it is ${reason}`);

/** `series label=value`: its value. */
function seen({ samples }: Look): Record<string, number> {
  return Object.fromEntries(samples.map(({ series, labels, value }) => [[series, ...Object.entries(labels).map(([label, is]) => `${label}=${is}`)].join(' '), value]));
}

const STATUS: StatusFacts = {
  natsConnected: true,
  redisOk: true,
  adminFieldsSeen: true,
  inputBreaker: { state: 'CLOSED' },
  outputBreaker: { state: 'OPEN' },
  replicas: [{ service: 'scheduler' }, { service: 'scheduler' }, { service: 'api-gateway' }, { service: 'something-else' }],
};
const cordum = (status: Result<StatusFacts>, readyz: Awaited<ReturnType<StatusPort['readyz']>> = down()): StatusPort => ({ status: () => Promise.resolve(status), readyz: () => Promise.resolve(readyz) });

describe('the status of Cordum', () => {
  test('gives connections, breakers and how many of each service have registered: none is 0', async () => {
    expect(seen(await statusSource('prod', cordum(succeed(STATUS))).look(CALL))).toEqual({
      cordum_gateway_reachable: 1,
      cordum_nats_connected: 1,
      cordum_redis_ok: 1,
      'cordum_circuit_breaker_open breaker=input': 0,
      'cordum_circuit_breaker_open breaker=output': 1,
      'cordum_service_replicas component=api-gateway': 1,
      'cordum_service_replicas component=scheduler': 2,
      'cordum_service_replicas component=workflow-engine': 0,
    });
  });

  test('gives no series for a breaker whose state Cordum does not know', async () => {
    const look = await statusSource('prod', cordum(succeed({ ...STATUS, inputBreaker: { state: 'UNKNOWN' } }))).look(CALL);
    expect(Object.keys(seen(look))).not.toContain('cordum_circuit_breaker_open breaker=input');
  });

  test('without the fields for admins is not whole: nobody has seen that no scheduler runs', async () => {
    const look = await statusSource('prod', cordum(succeed({ ...STATUS, adminFieldsSeen: false, replicas: [] }))).look(CALL);
    expect(seen(look)).toEqual({ cordum_gateway_reachable: 1, cordum_nats_connected: 1, cordum_redis_ok: 1 });
    expect(look.failure?.reason).toBe('forbidden');
  });

  test.each(['unreachable', 'timeout'] as const)('that is %s makes the gateway unreachable', async (reason) => {
    const look = await statusSource('prod', cordum(down(reason))).look(CALL);
    expect(seen(look)).toEqual({ cordum_gateway_reachable: 0 });
    expect(look.failure?.reason).toBe(reason);
  });

  test('that is refused is an answer of the gateway, whose readiness then tells of Redis and NATS', async () => {
    const readyz = succeed({ checks: [{ name: 'redis', status: 'error: dial tcp' }, { name: 'nats', status: 'ok' }, { name: 'constructor', status: 'ok' }] });
    const look = await statusSource('prod', cordum(down('rateLimited'), readyz)).look(CALL);
    expect(seen(look)).toEqual({ cordum_gateway_reachable: 1, cordum_redis_ok: 0, cordum_nats_connected: 1 });
    expect(look.failure?.reason).toBe('rateLimited');
  });
});

describe('the licence', () => {
  test.each([
    ['active', undefined, { cordum_license_valid: 1 }],
    ['warning', 1_800_000_000_000, { cordum_license_valid: 1, cordum_license_expiry_timestamp_seconds: 1_800_000_000 }],
    ['grace', 1_700_000_000_000, { cordum_license_valid: 0, cordum_license_expiry_timestamp_seconds: 1_700_000_000 }],
    ['', undefined, { cordum_license_valid: 0 }],
  ])('in the state "%s" that expires at %s', async (state, expiresAtMs, samples) => {
    expect(seen(await licenseSource('prod', () => Promise.resolve(succeed({ state, expiresAtMs }))).look(CALL))).toEqual(samples);
  });
});

describe('stale jobs', () => {
  test('are counted beyond the time that Cordum lets a job stand in each state, with leeway for its reconciler', async () => {
    const clock = createVirtualClock();
    let asked: readonly StaleQuestion[] = [];
    const look = await staleJobsSource('prod', (questions) => ((asked = questions), Promise.resolve(succeed([4, 3, 2, 1]))), clock).look(CALL);
    expect(asked.map(({ state, untilMs }) => [state, (clock.now() - untilMs) / 60_000])).toEqual([['PENDING', 16], ['SCHEDULED', 2], ['DISPATCHED', 6], ['RUNNING', 16]]);
    expect(seen(look)).toEqual({ 'cordum_stale_jobs state=pending': 4, 'cordum_stale_jobs state=scheduled': 3, 'cordum_stale_jobs state=dispatched': 2, 'cordum_stale_jobs state=running': 1 });
  });

  test('that cannot be counted are not none', async () => {
    const look = await staleJobsSource('prod', () => Promise.resolve(down()), createVirtualClock()).look(CALL);
    expect(look).toMatchObject({ samples: [], failure: { reason: 'unreachable' } });
  });
});

describe('other sources', () => {
  test('count approvals, and workers by pool', async () => {
    expect(seen(await approvalsSource('prod', () => Promise.resolve(succeed(3))).look(CALL))).toEqual({ cordum_approvals_waiting: 3 });
    expect(await approvalsSource('prod', () => Promise.resolve(down('forbidden'))).look(CALL)).toMatchObject({ samples: [], failure: { reason: 'forbidden' } });
    expect(seen(await poolsSource('prod', () => Promise.resolve(succeed([{ name: 'default', workers: 2, activeJobs: 1 }]))).look(CALL))).toEqual({ 'cordum_pool_workers pool=default': 2, 'cordum_pool_active_jobs pool=default': 1 });
  });

  test('say of a Redis that does not answer, or refuses us, that it is not up', async () => {
    expect(seen(await redisSource('prod', () => Promise.resolve(undefined)).look(CALL))).toEqual({ cordum_redis_up: 1 });
    expect(await redisSource('prod', () => Promise.resolve(down('unauthorised').failure)).look(CALL)).toEqual({ samples: [{ series: 'cordum_redis_up', labels: {}, value: 0 }] });
    expect(await redisSource('prod', () => Promise.resolve(down('cancelled').failure)).look(CALL)).toMatchObject({ samples: [] });
  });

  test('keep a gRPC service that is not seen apart from one that says no', async () => {
    const look = await grpcSource('prod', ['safety-kernel', 'context-engine', 'other'], (service) => Promise.resolve(service === 'other' ? down('invalid') : succeed(service === 'safety-kernel'))).look(CALL);
    expect(seen(look)).toEqual({ 'cordum_grpc_serving component=safety-kernel': 1, 'cordum_grpc_serving component=context-engine': 0 });
    expect(look.failure?.reason).toBe('invalid');
  });

  test('say of backups when the last one succeeded, and that nobody makes them', async () => {
    const facts: Record<string, BackupFacts> = { redis: { scheduled: true, lastSuccessAtMs: 7_200_000, lastScheduleAtMs: 9_000_000 }, nats: { scheduled: false, lastSuccessAtMs: undefined, lastScheduleAtMs: undefined } };
    expect(seen(await backupsSource('prod', (store) => Promise.resolve(succeed(facts[store] as BackupFacts))).look(CALL))).toEqual({
      'cordum_backup_cronjob store=redis': 1,
      'cordum_backup_last_success_timestamp_seconds store=redis': 7_200,
      'cordum_backup_last_schedule_timestamp_seconds store=redis': 9_000,
      'cordum_backup_cronjob store=nats': 0,
    });
    const partly = await backupsSource('prod', (store) => Promise.resolve(store === 'nats' ? down('forbidden') : succeed(facts['redis'] as BackupFacts))).look(CALL);
    expect(Object.keys(seen(partly)).some((key) => key.includes('nats'))).toBe(false);
    expect(partly.failure?.reason).toBe('forbidden');
  });

  test('look at every endpoint for its certificate, and one that shows none keeps no other back', async () => {
    const endpoints = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name }));
    const look = await certificatesSource('prod', endpoints, ({ name }) => Promise.resolve(name === 'c' ? down() : succeed(1_000_900))).look(CALL);
    expect(Object.entries(seen(look)).filter(([key]) => key.startsWith('cordum_certificate_seen')).map(([key, value]) => `${key.at(-1)}${value}`).toSorted()).toEqual(['a1', 'b1', 'c0', 'd1', 'e1', 'f1']);
    expect(seen(look)['cordum_certificate_expiry_timestamp_seconds endpoint=a']).toBe(1_000);
    expect(look.failure?.message).toContain('c: ');
  });
});

describe('the directory of backups', () => {
  const facts: BackupDirectoryFacts = {
    stores: [
      { store: 'redis', sets: 3, newestMs: 7_200_000, oldestMs: 3_600_000, newest: { bytes: 900, sizeRatio: 0.5, complete: 'yes' } },
      { store: 'nats', sets: 1, newestMs: 3_600_000, oldestMs: 3_600_000, newest: { bytes: 5, sizeRatio: null, complete: 'unknown' } },
      { store: 'config', sets: 0, newestMs: undefined, oldestMs: undefined, newest: undefined },
    ],
    skewMs: 3_600_000,
    unfinished: 2,
    strangers: 1,
    room: { freeBytes: 10, totalBytes: 100 },
  };

  test('tells of each store what there is; what nobody can tell has no series', async () => {
    expect(seen(await backupDirectorySource('prod', 604_800_000, () => Promise.resolve(succeed(facts))).look(CALL))).toEqual({
      cordum_backup_retention_seconds: 604_800,
      'cordum_backup_sets store=redis': 3,
      'cordum_backup_set_newest_timestamp_seconds store=redis': 7_200,
      'cordum_backup_set_oldest_timestamp_seconds store=redis': 3_600,
      'cordum_backup_set_bytes store=redis': 900,
      'cordum_backup_set_size_ratio store=redis': 0.5,
      'cordum_backup_set_complete store=redis': 1,
      'cordum_backup_sets store=nats': 1,
      'cordum_backup_set_newest_timestamp_seconds store=nats': 3_600,
      'cordum_backup_set_oldest_timestamp_seconds store=nats': 3_600,
      'cordum_backup_set_bytes store=nats': 5,
      'cordum_backup_sets store=config': 0,
      'cordum_backup_directory_leftovers kind=unfinished': 2,
      'cordum_backup_directory_leftovers kind=foreign': 1,
      cordum_backup_skew_seconds: 3_600,
      cordum_backup_directory_free_bytes: 10,
      cordum_backup_directory_size_bytes: 100,
    });
  });

  test('that cannot be read is not one without backups', async () => {
    const look = await backupDirectorySource('prod', undefined, () => Promise.resolve(down('notFound'))).look(CALL);
    expect(look).toEqual({ samples: [], failure: { reason: 'notFound', message: 'it is notFound' } });
  });
});
