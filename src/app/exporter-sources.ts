/** The sources of one target: each is wired to the client that the target has. What it does not have gives no series. */
import { watchDirectory } from '#backups/watching.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, type Failure, type Result, succeed } from '#kernel/failure.ts';
import type { TargetConfig } from '#config/config.ts';
import type { Source } from '#exporter/source.ts';
import { backupDirectorySource, type ReadBackupDirectory } from '#exporter/sources/backup-directory.ts';
import { type BackupFacts, backupsSource, type ReadBackup } from '#exporter/sources/backups.ts';
import { certificatesSource } from '#exporter/sources/certificates.ts';
import { approvalsSource, licenseSource, poolsSource, statusSource } from '#exporter/sources/cordum.ts';
import { grpcSource } from '#exporter/sources/grpc.ts';
import { type CountOlder, staleJobsSource } from '#exporter/sources/jobs.ts';
import { redisSource } from '#exporter/sources/redis.ts';
import type { CordumClient } from '#systems/cordum/client.ts';
import type { GrpcHealthClient } from '#systems/grpc/client.ts';
import { GrpcHealth } from '#systems/grpc/system.ts';
import type { HttpClient, TlsEndpoint } from '#systems/http/client.ts';
import { Http } from '#systems/http/system.ts';
import type { KubernetesClient } from '#systems/kubernetes/client.ts';
import { cronJob } from '#systems/kubernetes/records.ts';
import { Kubernetes } from '#systems/kubernetes/system.ts';
import type { RedisClient } from '#systems/redis/client.ts';
import { Redis } from '#systems/redis/system.ts';
import type { Targets } from './targets.ts';

/** Cordum gives at most so many at once; of jobs it remembers the newest 1,000 alone. */
const PAGE = 500;
const GRPC_TIMEOUT_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;

export function sourcesOf(target: TargetConfig, targets: Targets, clock: Clock): readonly Source[] {
  const { name } = target;
  const sources: Source[] = [];
  const cordum = targets.cordum(name);
  const redis = targets.client(name, Redis);
  const grpc = targets.client(name, GrpcHealth);
  const http = targets.client(name, Http);
  const kubernetes = targets.client(name, Kubernetes);
  if (cordum !== undefined) sources.push(...cordumSources(name, cordum));
  if (redis !== undefined) sources.push(redisSource(name, (call) => troubleOf(redis, call)));
  // Redis knows every job; Cordum's API tells of the newest alone, and stale ones are old.
  const countOlder = redis === undefined ? cordum && countByApi(cordum) : countByRedis(redis);
  if (countOlder !== undefined) sources.push(staleJobsSource(name, countOlder, clock));
  if (grpc !== undefined && grpc.names.length > 0) sources.push(grpcSource(name, grpc.names, (service, call) => serving(grpc, service, call)));
  if (kubernetes !== undefined) sources.push(backupsSource(name, readBackup(kubernetes)));
  if (target.backups !== undefined) sources.push(backupDirectorySource(name, target.backupRetentionMs, watchOf(target.backups, clock)));
  if (http !== undefined && http.endpoints.length > 0) sources.push(certificatesSource(name, http.endpoints, expiryOf(http)));
  return sources;
}

function cordumSources(name: string, cordum: CordumClient): Source[] {
  return [
    statusSource(name, cordum),
    poolsSource(name, (call) => cordum.pools(call)),
    approvalsSource(name, async (call) => {
      const read = await cordum.approvals({ limit: PAGE, pendingOnly: true }, call);
      return read.ok ? succeed(read.value.items.filter(({ status }) => status === 'pending').length) : read;
    }),
    licenseSource(name, async (call) => {
      const read = await cordum.license(call);
      return read.ok ? succeed({ state: read.value.expiryStatus || read.value.status, expiresAtMs: instant(read.value.expiresAt) }) : read;
    }),
  ];
}

/** Empty, or what is no time: undefined. */
function instant(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}

function countByApi(client: CordumClient): CountOlder {
  return async (questions, call) => {
    const counts: number[] = [];
    for (const { state, untilMs } of questions) {
      const read = await client.jobs({ limit: PAGE, untilMicros: untilMs * 1_000 }, call);
      if (!read.ok) return read;
      counts.push(read.value.filter((job) => job.state === state && job.updatedAtMs <= untilMs).length);
    }
    return succeed(counts);
  };
}

function countByRedis(client: RedisClient): CountOlder {
  return async (questions, call) => {
    const survey = await client.survey(call);
    if (!survey.ok) return survey;
    const counts: number[] = [];
    for (const { state, untilMs } of questions) {
      const read = await survey.value.keys.zcountBelow(`job:index:${state.toLowerCase()}`, untilMs * 1_000, call);
      if (!read.ok) return read;
      counts.push(read.value);
    }
    return succeed(counts);
  };
}

async function troubleOf(client: RedisClient, call: { readonly signal: AbortSignal }): Promise<Failure | undefined> {
  const survey = await client.survey(call);
  return survey.ok ? undefined : survey.failure;
}

async function serving(client: GrpcHealthClient, service: string, { signal }: { readonly signal: AbortSignal }): Promise<Result<boolean>> {
  const read = await client.check(service, { service: '', timeoutMs: GRPC_TIMEOUT_MS, signal });
  return read.ok ? succeed(read.value.status === 'SERVING') : read;
}

function expiryOf(client: HttpClient): (endpoint: TlsEndpoint, call: { readonly signal: AbortSignal }) => Promise<Result<number>> {
  return async (endpoint, { signal }) => {
    const read = await client.endpointCertificate(endpoint, { timeoutMs: HANDSHAKE_TIMEOUT_MS, signal });
    if (!read.ok) return read;
    if (!read.value.reachable) return fail(read.value.cause === 'timeout' ? 'timeout' : 'unreachable', `No TLS handshake came about: ${read.value.why}.`);
    const endsAtMs = instant(read.value.value.facts.notAfter);
    return endsAtMs === undefined ? fail('unexpected', 'It showed no certificate that can be read.') : succeed(endsAtMs);
  };
}

function readBackup(client: KubernetesClient): ReadBackup {
  return async (store, call): Promise<Result<BackupFacts>> => {
    const read = await client.get('cronjobs', client.names.backups[store], cronJob, call);
    if (!read.ok) return read.failure.reason === 'notFound' ? succeed({ scheduled: false, lastSuccessAtMs: undefined, lastScheduleAtMs: undefined }) : read;
    const { spec, status } = read.value;
    return succeed({ scheduled: !spec.suspend, lastSuccessAtMs: instant(status.lastSuccessfulTime), lastScheduleAtMs: instant(status.lastScheduleTime) });
  };
}

/** A file system that hangs (NFS) keeps its threads: one look waits there, and never a second one beside it. */
function watchOf(directory: string, clock: Clock): ReadBackupDirectory {
  let looking: ReturnType<typeof watchDirectory> | undefined;
  return () => {
    looking ??= watchDirectory(directory, clock.now()).finally(() => {
      looking = undefined;
    });
    return looking;
  };
}
