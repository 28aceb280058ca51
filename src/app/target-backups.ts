/** Backups of a target's own systems, into its directory: of the steps that take one, and of restores, which take one first. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '#backups/names.ts';
import type { Taken } from '#backups/taking.ts';
import type { TargetConfig } from '#config/config.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { createRedisClient } from '#systems/redis/client.ts';
import { performBackup, type BackupToTake } from './backup-parts.ts';
import type { LiveSystem } from './live-system.ts';

export interface TargetBackup {
  readonly store: Store;
  readonly directory: string;
  /** Undefined: all of Cordum's. */
  readonly streams?: readonly string[];
  /** Written into the manifest, so that the backup of a run can be found again. */
  readonly effect?: string;
}

export interface TargetBackupRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function backUpTarget(target: TargetConfig, { store, directory, streams, effect }: TargetBackup, { clock, signal }: TargetBackupRun): Promise<Result<Taken>> {
  const live = store === 'nats' ? natsOfTarget(target) : await redisOfTarget(target, clock, signal);
  if (!live.ok) return live;
  return withTlsFiles(store === 'redis' ? live.value.tls : undefined, (tlsFiles) =>
    performBackup({ store, directory, live: live.value, tlsFiles, streams, temp: tmpdir(), ...(effect === undefined ? {} : { effect }) }, { clock, signal, onStep: () => undefined }),
  );
}

/** The time in the name of a set, by that of its manifest. */
export function stampIn(manifestPath: string): string {
  return /-(\d{8}T\d{6}Z)\./.exec(manifestPath)?.[1] ?? '';
}

/** The server that is configured, or the one that the Sentinels name now. */
export async function redisOfTarget({ redis }: Pick<TargetConfig, 'redis'>, clock: Clock, signal: AbortSignal): Promise<Result<LiveSystem>> {
  if (redis === undefined) return fail('invalid', 'The target has no redis configured.', 'no');
  const named = redisByUrl(redis);
  if (named !== undefined) return succeed(named);
  const client = createRedisClient(redis, { clock });
  try {
    const survey = await client.survey({ signal });
    if (!survey.ok) return survey;
    const scheme = redis.tls === undefined ? 'redis' : 'rediss';
    return succeed({ url: new Secret(`${scheme}://${survey.value.entry.address}`), ...accessOf(redis), ...(redis.tls === undefined ? {} : { tls: redis.tls }) });
  } finally {
    await client.close();
  }
}

/** Undefined behind Sentinels. */
export function redisByUrl(redis: NonNullable<TargetConfig['redis']>): LiveSystem | undefined {
  if (redis.url === undefined) return undefined;
  const tls = redis.tls ?? (redis.url.reveal().startsWith('rediss:') ? {} : undefined);
  return { url: redis.url, ...accessOf(redis), ...(tls === undefined ? {} : { tls }) };
}

function accessOf({ username, password }: NonNullable<TargetConfig['redis']>): Pick<LiveSystem, 'username' | 'password'> {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

export function natsOfTarget({ nats }: Pick<TargetConfig, 'nats'>): Result<LiveSystem> {
  if (nats === undefined) return fail('invalid', 'The target has no NATS configured.', 'no');
  const { url, username, password, token, credentials, tls } = nats;
  const secret = password ?? token;
  return succeed({ url, ...(username === undefined ? {} : { username }), ...(secret === undefined ? {} : { password: secret }), ...(credentials === undefined ? {} : { credentials }), ...(tls === undefined ? {} : { tls }) });
}

type TlsFiles = NonNullable<BackupToTake['tlsFiles']>;

/** `redis-cli` reads certificates from files alone; these can be read by the bot's user only, and are gone afterwards. */
async function withTlsFiles<T>(tls: TlsMaterial | undefined, use: (files: TlsFiles | undefined) => Promise<T>): Promise<T> {
  if (tls === undefined) return use(undefined);
  const folder = await mkdtemp(join(tmpdir(), 'runbook-bot-tls-'));
  try {
    const keep = async (name: string, text: string | undefined): Promise<string | undefined> => {
      if (text === undefined) return undefined;
      await writeFile(join(folder, name), text, { mode: 0o600, flag: 'wx' });
      return join(folder, name);
    };
    const [caFile, certFile, keyFile] = [await keep('ca.pem', tls.ca), await keep('cert.pem', tls.cert), await keep('key.pem', tls.key?.reveal())];
    return await use({ ...(caFile === undefined ? {} : { caFile }), ...(certFile === undefined ? {} : { certFile }), ...(keyFile === undefined ? {} : { keyFile }) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
