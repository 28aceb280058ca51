/** The drill of Cordum's configuration and policy: every key restored as Redis dumped it, and read as Cordum reads it. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupSet } from '#backups/inventory.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { dumpVersion, lookAtDump } from '#backups/redis/dump.ts';
import { REQUIRED_KEYS } from '#backups/redis/facts.ts';
import { POLICY_FROM_FILE, POLICY_KEY } from '#backups/redis/policy-source.ts';
import { isoTime } from '#kernel/clock.ts';
import { checkAge, type Claim } from '../age.ts';
import { failed, passed, skipped, someOf, warning, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import { checkDocuments, readDocument, type Document } from '../documents-live.ts';
import { fetchFiles, type Fetched } from '../fetch.ts';
import { checkFiles, checkManifest } from '../files.ts';
import { checkIsolation } from '../isolation.ts';
import type { StoreDrill } from '../drilled.ts';
import { faultsOf } from './documents.ts';
import type { RedisLive } from '../redis/facts.ts';
import { checkSource, isOfLive } from '../redis/against-live.ts';
import { readConfig, type ConfigKey } from './read-config.ts';

/** Names tell seconds, the file milliseconds. */
const SAME_TIME_MS = 1_000;
/** An RDB without a record: a server that is to be filled key by key starts from it. */
const EMPTY_RDB = Buffer.concat([Buffer.from('REDIS0009', 'latin1'), Buffer.from([0xff]), Buffer.alloc(8)]);

export interface ConfigDrill {
  readonly directory: string;
  readonly set: BackupSet;
  readonly live: RedisLive | undefined;
}

export async function drillConfig({ directory, set, live }: ConfigDrill, ctx: DrillContext): Promise<StoreDrill> {
  const manifest = typeof set.manifest === 'object' && 'version' in set.manifest ? set.manifest : undefined;
  const checks: Check[] = [...checkManifest('config', set, ctx.clock.now())];
  const claims: Claim[] = [{ of: 'name', atMs: set.namedMs }, ...(manifest === undefined ? [] : [{ of: 'manifest' as const, atMs: Date.parse(manifest.takenAt) }]), ...set.files.map(({ modifiedMs }) => ({ of: 'mtime' as const, atMs: modifiedMs }))];
  let copies: readonly Fetched[] = [];
  const end = (more: Partial<StoreDrill> = {}): StoreDrill => ({ checks, takenMs: Math.min(...claims.map(({ atMs }) => atMs)), newestMs: undefined, servers: [], files: copies.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })), ...more });
  const fetched = await ctx.during('fetch', `copying ${set.files.length} file(s) of config-${set.stamp}`, () => fetchFiles(directory, set.files, ctx.sandbox.directory, ctx.signal));
  if (!fetched.ok) {
    checks.push(failed('config.files.readable', fetched.failure.message));
    return end();
  }
  copies = fetched.value;
  checks.push(...checkFiles('config', fetched.value, manifest));
  const read = await readConfig(fetched.value);
  if (read.ok && read.takenMs !== undefined) claims.push({ of: 'header', atMs: read.takenMs });
  checks.push(...checkAge('config', claims, { nowMs: ctx.clock.now(), maxAgeMs: ctx.limits.maxAgeMs }));
  if (read.ok && read.takenMs !== undefined && Math.abs(read.takenMs - set.namedMs) > SAME_TIME_MS) checks.push(failed('config.file.time', `It says that it was taken at ${isoTime(read.takenMs)}, which is not the time in its name.`));
  checks.push(read.ok ? passed('config.file.readable', `${read.keys.length} key(s).`) : failed('config.file.readable', `${read.because}.`));
  if (!read.ok) return end();
  checks.push(...checkComplete(read.keys, manifest), checkSource('config', manifest, live));

  const empty = join(ctx.sandbox.directory, 'empty.rdb');
  await writeFile(empty, EMPTY_RDB, { mode: 0o600 });
  const started = await ctx.during('restore', 'starting an empty Redis', () => ctx.sandbox.loadRedis([{ file: empty }], ctx.signal));
  const [server] = started.ok ? started.value : [];
  if (!started.ok || server === undefined) {
    checks.push(failed('config.restore.loads', started.ok ? 'No Redis was started.' : started.failure.message));
    return end();
  }
  const servers = [{ id: server.runId, version: server.version, address: `${server.host}:${server.port}` }];
  const isolation = checkIsolation('config', { ids: [server.runId], addresses: servers.map(({ address }) => address) }, live);
  checks.push(isolation);
  if (isolation.status === 'failed') return end({ servers });
  const opened = await ctx.connect(server);
  if (!opened.ok) {
    checks.push(failed('config.restore.loads', opened.failure.message));
    return end({ servers });
  }
  try {
    const restored = await ctx.during('restore', `restoring ${read.keys.length} key(s)`, () => restoreKeys(opened.value, read.keys, { dumpedBy: manifest === undefined ? 'a newer Redis' : `Redis ${manifest.source.serverVersion}`, restoredBy: server.version }));
    checks.push(...restored.checks);
    const verified = await ctx.during('verify', 'reading the documents', () => verifyKeys(opened.value, read.keys.filter(({ key }) => restored.keys.includes(key)), manifest));
    checks.push(...verified.checks, checkDocuments('config', verified.documents, live, { takenMs: Math.min(...claims.map(({ atMs }) => atMs)), ofLive: isOfLive(manifest, live) }));
    return end({ servers, newestMs: verified.newestMs });
  } finally {
    await opened.value.close();
  }
}

function checkComplete(keys: readonly ConfigKey[], manifest: Manifest | undefined): readonly Check[] {
  const there = new Set(keys.map(({ key }) => key));
  const missing = REQUIRED_KEYS.filter((key) => !there.has(key));
  const lost = (manifest?.config?.keys ?? []).filter(({ key }) => !there.has(key)).map(({ key }) => key);
  if (manifest !== undefined && !manifest.complete) return [failed('config.keys.required', `The backup itself says that it is not complete: ${manifest.missing.join(', ')}.`)];
  const more = manifest?.config === undefined ? [] : [...there].filter((key) => manifest.config?.keys.every((noted) => noted.key !== key));
  if (more.length > 0) return [failed('config.keys.required', `The manifest does not name ${someOf(more)}.`)];
  // A manifest that says so is of a Cordum that was looked at.
  const fromFile = manifest?.config?.policyFromFile === true && missing.length === 1 && missing[0] === POLICY_KEY;
  if (missing.length > 0 && !fromFile) return [failed('config.keys.required', `Missing: ${missing.join(', ')}.`)];
  if (fromFile && lost.length === 0) return [warning('config.keys.required', `${POLICY_FROM_FILE}. The file is not part of this backup.`)];
  return [lost.length > 0 ? failed('config.keys.required', `The manifest names ${someOf(lost)}, which are not there.`) : passed('config.keys.required', `${REQUIRED_KEYS.join(' and ')} are there.`)];
}

/** `redis-cli DUMP k > f` puts a newline behind the payload, and Redis then refuses it (reliability.md §C.4): told, and restored without. */
async function restoreKeys(connection: RedisConnection, keys: readonly ConfigKey[], who: { readonly dumpedBy: string; readonly restoredBy: string }): Promise<{ readonly keys: readonly string[]; readonly checks: readonly Check[] }> {
  const restored: string[] = [];
  const refused: string[] = [];
  const newlines: string[] = [];
  const different: string[] = [];
  for (const { key, value, dump } of keys) {
    const said = dump === undefined ? await attempt(connection, 'SET', key, value ?? '') : await attempt(connection, 'RESTORE', key, 0, dump);
    if (said === '') restored.push(key);
    else if (dump?.at(-1) === 0x0a && /DUMP payload/i.test(said) && (await attempt(connection, 'RESTORE', key, 0, dump.subarray(0, -1))) === '') {
      restored.push(key);
      newlines.push(key);
    } else refused.push(`${key}: ${dump === undefined ? said : whyRefused(said, dump, who)}`);
    if (restored.at(-1) === key && dump !== undefined && value !== undefined && (await connection.call('GET', key)) !== value) different.push(key);
  }
  const checks: Check[] = [refused.length > 0 ? failed('config.restore.loads', `Redis refuses ${someOf(refused)}.`) : keys.length === 0 ? failed('config.restore.loads', 'There is nothing to restore.') : passed('config.restore.loads', `${restored.length} key(s) restored.`)];
  if (newlines.length > 0) checks.push(warning('config.dump.newline', `A newline stands behind the payload of ${someOf(newlines)}, as redis-cli writes it into a file; Redis refuses it with the newline, and it was restored without.`));
  if (different.length > 0) checks.push(failed('config.dump.value', `Dump and text differ: ${someOf(different)}.`));
  return { keys: restored, checks };
}

/** A server says the same of a payload that is damaged and of one that a newer server has dumped. */
function whyRefused(said: string, dump: Buffer, { dumpedBy, restoredBy }: { readonly dumpedBy: string; readonly restoredBy: string }): string {
  if (!/DUMP payload version/i.test(said)) return said;
  const { because, newline } = lookAtDump(dump);
  if (because !== '') return because;
  return `it was dumped by ${dumpedBy} (RDB version ${dumpVersion(newline ? dump.subarray(0, -1) : dump)}), and the redis-server of this machine, ${restoredBy}, cannot read that: install one that is as new`;
}

async function attempt(connection: RedisConnection, command: string, ...args: readonly (string | number | Buffer)[]): Promise<string> {
  try {
    await connection.call(command, ...args);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^ERR /, '') : 'for no reason given';
  }
}

interface VerifiedKeys {
  readonly checks: readonly Check[];
  readonly newestMs: number | undefined;
  /** Those without which Cordum does not start. */
  readonly documents: readonly Document[];
}

async function verifyKeys(connection: RedisConnection, keys: readonly ConfigKey[], manifest: Manifest | undefined): Promise<VerifiedKeys> {
  const invalid: string[] = [];
  const changed: string[] = [];
  const texts: { key: string; text: string }[] = [];
  for (const { key, type: said, dump } of keys) {
    const type = String(await connection.call('TYPE', key));
    const noted = manifest?.config?.keys.find((one) => one.key === key);
    if ((said !== undefined && said !== type) || (noted !== undefined && noted.type !== type)) changed.push(`${key} (it is a ${type})`);
    const bytes = type === 'string' ? await connection.callBuffer('GET', key) : dump;
    const value = type === 'string' && Buffer.isBuffer(bytes) ? bytes.toString('utf8') : dump;
    if (noted !== undefined && value !== undefined && noted.sha256 !== createHash('sha256').update(value).digest('hex')) changed.push(key);
    if (typeof value === 'string' && key.startsWith('cfg:')) texts.push({ key, text: value });
    else if (REQUIRED_KEYS.some((one) => one === key)) invalid.push(`${key}: it is a ${type}`);
  }
  for (const { key, text } of texts) {
    const faults = faultsOf(key, text);
    if (faults.length > 0) invalid.push(`${key}: ${faults.join(', ')}`);
  }
  const newestMs = Math.max(0, ...texts.map(({ text }) => updatedMs(text)));
  return {
    checks: [
      invalid.length > 0 ? failed('config.documents.valid', `${someOf(invalid)}.`) : passed('config.documents.valid', `${texts.length} document(s) are what their keys say.`),
      changed.length > 0 ? failed('config.values.manifest', `Not as backed up: ${someOf(changed)}.`) : manifest?.config === undefined ? skipped('config.values.manifest', 'There is no manifest to compare with.') : passed('config.values.manifest', `${keys.length} value(s) as when they were backed up.`),
    ],
    newestMs: newestMs === 0 ? undefined : newestMs,
    documents: texts.filter(({ key }) => REQUIRED_KEYS.some((one) => one === key)).map(({ key, text }) => readDocument(key, text)),
  };
}

function updatedMs(text: string): number {
  const at = /"updated_at"\s*:\s*"([^"]{10,40})"/.exec(text)?.[1];
  const ms = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(ms) ? 0 : ms;
}
