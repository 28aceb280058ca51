/** What was restored against what was backed up, against what lives, and against what Cordum expects to find. */
import type { Manifest } from '#backups/manifest.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { lookAtRecords, type RecordsLook } from '#backups/redis/cordum-records.ts';
import { countDataset, countFieldTimes, digestKey, OTHER_PREFIX, type PrefixCount, type SampledKey } from '#backups/redis/dataset.ts';
import { addCounts, REQUIRED_KEYS } from '#backups/redis/facts.ts';
import { isPolicyFromFile, POLICY_FROM_FILE, POLICY_KEY, policyTrace } from '#backups/redis/policy-source.ts';
import type { RdbKeys } from '#backups/redis/rdb-scan.ts';
import { slotOf, suspiciousGap } from '#backups/redis/slots.ts';
import { isoTime } from '#kernel/clock.ts';
import { failed, passed, skipped, someOf, warning, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import { checkDocuments, readDocument } from '../documents-live.ts';
import { checkPrimaries, checkSource, isOfLive } from './against-live.ts';
import type { Canary, RedisLive } from './facts.ts';
import type { CheckedFile } from './rdb-checks.ts';
import { SLOT_SAMPLE } from './read-files.ts';

/** Of a prefix with fewer keys a share says nothing. */
const FEW_KEYS = 20;
/** A server keeps times of expiry to the millisecond; a manifest of an old one is computed from what was left. */
const EXPIRY_WITHIN_MS = 5_000;

export interface Restored {
  /** One for each shard. */
  readonly connections: readonly RedisConnection[];
  readonly manifest: Manifest | undefined;
  readonly live: RedisLive | undefined;
  readonly canary: Canary | undefined;
  readonly files: readonly CheckedFile[];
  /** What stands in the file of each of them, where it could be told from the file. */
  readonly keys: readonly (RdbKeys | undefined)[];
  /** Records that were left out when the files were loaded, since their time was over. */
  readonly expired: number;
  /** When the backup was taken. */
  readonly takenMs: number;
}

export async function verifyDataset(restored: Restored, ctx: DrillContext): Promise<{ readonly checks: readonly Check[]; readonly newestMs: number | undefined }> {
  const { connections, manifest, live, files, expired } = restored;
  const prefixes = new Map<string, PrefixCount>();
  const records: RecordsLook[] = [];
  const alone = connections.length === 1;
  let fieldTimes = 0;
  const sampled: string[] = [];
  for (const [i, connection] of connections.entries()) {
    const inFile = restored.keys[i];
    fieldTimes += inFile?.fieldTimes ?? (await countFieldTimes(connection)) + (await expiredSince([connection])).fields;
    const counted = inFile ?? (await countDataset(connection, { seed: 'slots', choose: SLOT_SAMPLE, signal: ctx.signal }));
    sampled.push(...counted.chosen);
    for (const one of counted.prefixes) prefixes.set(one.prefix, addCounts(prefixes.get(one.prefix), one));
    records.push(await lookAtRecords(connection, new Set(counted.prefixes.map(({ prefix }) => prefix)), ctx.signal, inFile?.collected));
  }
  const newestMs = Math.max(0, ...records.map((look) => look.newestMs ?? 0)) || undefined;
  return {
    checks: [
      ...(alone ? checkSlots(sampled) : []),
      await checkDatabases(connections, files),
      checkSource('redis', manifest, live),
      checkPrimaries(sampled, files.length, restored),
      againstManifest(prefixes, manifest, { alone, fieldTimes, over: expired + fieldTimes + (await expiredSince(connections)).keys }),
      againstLive(prefixes, { live, alone, tolerance: ctx.limits.tolerance, ofLive: isOfLive(manifest, live) }),
      await checkRequired(restored),
      checkDocuments('redis', await documentsOf(connections), live, { takenMs: restored.takenMs, ofLive: isOfLive(manifest, live) }),
      await checkSample(restored, ctx.clock.now()),
      checkRecords(records.flatMap(({ unreadable }) => unreadable), records, manifest),
      ...(await checkCanary(restored)),
    ],
    newestMs,
  };
}

/**
 * The seeds' CronJob copies the first node of a cluster and names the file like that of a single server (reliability.md §C.4): it
 * loads, and two thirds of the keys are not in it. Its keys give it away, since none falls into the slots of the others.
 */
function checkSlots(sampled: readonly string[]): readonly Check[] {
  const name = 'redis.shards.only';
  const gap = suspiciousGap(new Set(sampled.map(slotOf)), 1);
  if (gap === undefined) return [passed(name, `${sampled.length} keys, chosen by chance, do not look like one shard of a cluster.`)];
  return [failed(name, `None of ${sampled.length} keys, chosen by chance, falls into the slots ${gap.from} to ${gap.to}: it is one shard of a cluster, and the others are missing.`)];
}

/**
 * A server is asked for its first prefixes, in no certain order, and counts the others together: then those that only one side
 * names are among the others here as well. Shards choose each for itself, so of several of them only the sums can be compared.
 */
function comparable(before: ReadonlyMap<string, PrefixCount>, now: ReadonlyMap<string, PrefixCount>, alone: boolean): readonly { readonly prefix: string; readonly was: PrefixCount; readonly is: PrefixCount }[] {
  const cut = before.has(OTHER_PREFIX) || now.has(OTHER_PREFIX);
  const pairs = new Map<string, { prefix: string; was: PrefixCount; is: PrefixCount }>();
  for (const named of new Set([...before.keys(), ...now.keys()])) {
    const prefix = cut && !(alone && before.has(named) && now.has(named)) ? OTHER_PREFIX : named;
    const none = { prefix, count: 0, volatile: 0 };
    const sum = pairs.get(prefix) ?? { prefix, was: none, is: none };
    pairs.set(prefix, { prefix, was: addCounts(sum.was, before.get(named) ?? none), is: addCounts(sum.is, now.get(named) ?? none) });
  }
  return [...pairs.values()];
}

/** Keys that stay must be as many as they were; those with a time to live may have become fewer, and a hash ends with the last of its fields. */
function againstManifest(now: ReadonlyMap<string, PrefixCount>, manifest: Manifest | undefined, { alone, fieldTimes, over }: { readonly alone: boolean; readonly fieldTimes: number; readonly over: number }): Check {
  const name = 'redis.keys.manifest';
  if (manifest?.redis === undefined) return skipped(name, 'There is no manifest to compare with.');
  const wrong: string[] = [];
  const noted = new Map(manifest.redis.keysByPrefix.map((one) => [one.prefix, one]));
  for (const { prefix, was, is } of comparable(noted, now, alone)) {
    if (Math.abs(is.count - is.volatile - (was.count - was.volatile)) > fieldTimes) wrong.push(`${prefix}: ${is.count - is.volatile} keys that stay, there were ${was.count - was.volatile}`);
    else if (is.volatile > was.volatile) wrong.push(`${prefix}: ${is.volatile} keys with a time to live, there were ${was.volatile}`);
  }
  const volatile = (counts: Iterable<PrefixCount>): number => [...counts].reduce((sum, one) => sum + one.volatile, 0);
  const gone = volatile(noted.values()) - volatile(now.values());
  if (gone > over) wrong.push(`${gone} keys with a time to live are gone, and the time of ${over} is over`);
  return wrong.length > 0 ? failed(name, `${someOf(wrong)}.`) : passed(name, `Keys of ${noted.size} prefixes, as many as were backed up.`);
}

/** Keys that were deleted or written since are no fault of the backup. Of one that its manifest calls the live system's, the manifest says how many there were. */
function againstLive(now: ReadonlyMap<string, PrefixCount>, { live, alone, tolerance, ofLive }: { readonly live: RedisLive | undefined; readonly alone: boolean; readonly tolerance: number; readonly ofLive: boolean }): Check {
  const name = 'redis.keys.live';
  if (live === undefined) return skipped(name, 'No live Redis was given to compare with.');
  const lost: string[] = [];
  const moved: string[] = [];
  // What lives must be in the backup; what does not live any more may be.
  for (const { prefix, was, is } of comparable(new Map(live.prefixes.map((one) => [one.prefix, one])), now, alone)) {
    const lives = was.count - was.volatile;
    const restored = is.count - is.volatile;
    if (was.count === 0 || Math.max(lives, restored) < FEW_KEYS) continue;
    if (Math.abs(lives - restored) > Math.max(lives, restored) * tolerance) (ofLive || restored > lives ? moved : lost).push(`${prefix}: ${restored} restored, ${lives} live`);
  }
  const share = `${Math.round(tolerance * 100)} %`;
  if (lost.length > 0) return failed(name, `More than ${share} apart: ${someOf([...lost, ...moved])}.`);
  return moved.length > 0 ? warning(name, `More than ${share} apart, since the backup: ${someOf(moved)}.`) : passed(name, `Within ${share} of the ${live.keys} live keys, prefix by prefix.`);
}

async function checkRequired({ connections, manifest, live }: Restored): Promise<Check> {
  const missing: string[] = [];
  const changed: string[] = [];
  const noted = manifest?.redis?.required;
  for (const key of new Set([...REQUIRED_KEYS, ...(noted ?? []).map((one) => one.key)])) {
    const is = await digestOf(connections, key);
    const was = noted?.find((one) => one.key === key);
    if (is === undefined) missing.push(key);
    else if (noted !== undefined && was?.sha256 !== is.sha256) changed.push(key);
  }
  if (changed.length > 0) return failed('redis.keys.required', `Not as backed up: ${changed.join(', ')}.`);
  if (missing.length === 1 && missing[0] === POLICY_KEY && hadNoPolicy(manifest, live) && isPolicyFromFile(await Promise.all(connections.map(policyTrace)))) {
    return warning('redis.keys.required', `${POLICY_FROM_FILE}. The file is not part of this backup.`);
  }
  return missing.length > 0 ? failed('redis.keys.required', `Missing: ${missing.join(', ')}.`) : passed('redis.keys.required', `${REQUIRED_KEYS.join(' and ')} are there.`);
}

/** By who could know: the manifest, which noted what was there, else the live system. */
function hadNoPolicy(manifest: Manifest | undefined, live: RedisLive | undefined): boolean {
  if (manifest?.redis !== undefined) return manifest.redis.required.every(({ key }) => key !== POLICY_KEY);
  return live !== undefined && !live.unread.includes(POLICY_KEY) && live.documents.every(({ key }) => key !== POLICY_KEY);
}

/** Values and times to live of keys that were chosen by chance when the backup was taken. */
async function checkSample({ connections, manifest }: Restored, nowMs: number): Promise<Check> {
  const name = 'redis.keys.sample';
  const sample = manifest?.redis?.sample ?? [];
  if (manifest?.redis === undefined) return skipped(name, 'There is no manifest to compare with.');
  const wrong: string[] = [];
  let over = 0;
  for (const noted of sample) {
    const expiresMs = noted.expiresAt === null ? null : Date.parse(noted.expiresAt);
    const is = await digestOf(connections, noted.key);
    // It, or a field of it, may end while we look.
    if (noted.fieldsEndAt !== undefined && Date.parse(noted.fieldsEndAt) <= nowMs + EXPIRY_WITHIN_MS && (is === undefined || is.type === noted.type)) {
      over += 1;
      continue;
    }
    if (expiresMs !== null && expiresMs <= nowMs + EXPIRY_WITHIN_MS && (is === undefined || is.expiresAtMs !== null)) over += 1;
    else if (is === undefined) wrong.push(`${noted.key} is missing`);
    else if (is.type !== noted.type) wrong.push(`${noted.key} is a ${is.type}, it was a ${noted.type}`);
    else if (is.sha256 !== noted.sha256) wrong.push(`${noted.key} has another value`);
    else if (!sameExpiry(is.expiresAtMs, expiresMs)) wrong.push(`${noted.key} ends at another time`);
  }
  if (wrong.length > 0) return failed(name, `${someOf(wrong)}.`);
  if (sample.length === 0) return skipped(name, 'The manifest holds no sample.');
  return passed(name, `${sample.length - over} of ${sample.length} sampled keys have the value and the time to live that they had${over > 0 ? `; the time of ${over} is over` : ''}.`);
}

function sameExpiry(is: number | null, was: number | null): boolean {
  return is === null || was === null ? is === was : Math.abs(is - was) <= EXPIRY_WITHIN_MS;
}

/** A record that could not be read when the backup was taken is Cordum's trouble, not that of the backup. */
function checkRecords(unreadable: readonly { readonly key: string; readonly why: string }[], looks: readonly { readonly read: number; readonly truncated: boolean }[], manifest: Manifest | undefined): Check {
  const name = 'redis.records.parse';
  const read = looks.reduce((sum, look) => sum + look.read, 0);
  const known = new Set(manifest?.redis?.unreadable.map(({ key }) => key));
  const fresh = unreadable.filter(({ key }) => !known.has(key));
  if (fresh.length > 0) return failed(name, `${someOf(fresh.map(({ key, why }) => `${key}: ${why}`))}.`);
  if (unreadable.length > 0) return warning(name, `${someOf(unreadable.map(({ key, why }) => `${key}: ${why}`))}: so they were already when the backup was taken.`);
  return passed(name, `${read} records of Cordum parse${looks.some(({ truncated }) => truncated) ? ', the first of each kind' : ''}.`);
}

async function checkCanary({ connections, canary }: Restored): Promise<readonly Check[]> {
  if (canary === undefined) return [skipped('redis.canary.present', 'No canary was planted before the backup.'), skipped('redis.canary.later', 'No canary was planted after the backup.')];
  const before = await valueOf(connections, canary.before.key);
  const checks = [before === canary.before.value ? passed('redis.canary.present', `${canary.before.key}, written before the backup, is there.`) : failed('redis.canary.present', `${canary.before.key}, written before the backup, ${before === undefined ? 'is missing' : 'has another value'}.`)];
  if (canary.after === undefined) return [...checks, skipped('redis.canary.later', 'No canary was planted after the backup.')];
  const after = await valueOf(connections, canary.after.key);
  checks.push(after === undefined ? passed('redis.canary.later', `${canary.after.key}, written after the backup, is not there.`) : failed('redis.canary.later', `${canary.after.key}, written after the backup, is there: this is not that backup.`));
  return checks;
}

/** Redis counted the keys of each database when it began to write. None can hold more now; those whose time is over may be gone. */
async function checkDatabases(connections: readonly RedisConnection[], files: readonly CheckedFile[]): Promise<Check> {
  const name = 'redis.keys.databases';
  const wrong: string[] = [];
  let counted = 0;
  for (const [i, connection] of connections.entries()) {
    const said = files[i]?.databases;
    if (said === undefined) continue;
    counted += said.length;
    for (const [, id, keys] of String(await connection.call('INFO', 'keyspace')).matchAll(/^db(\d+):keys=(\d+)/gm)) {
      const was = said.find((one) => one.id === Number(id))?.keys ?? 0;
      if (Number(keys) > was) wrong.push(`database ${id} holds ${keys} keys, it held ${was}`);
    }
  }
  if (wrong.length > 0) return failed(name, `${someOf(wrong)}.`);
  return counted === 0 ? skipped(name, 'The files do not say how many keys their databases held.') : passed(name, `${counted} database(s), none with more keys than Redis counted when it wrote them.`);
}

/** While we looked: by the servers of the sandbox themselves. */
async function expiredSince(connections: readonly RedisConnection[]): Promise<{ readonly keys: number; readonly fields: number }> {
  const stats = await Promise.all(connections.map((connection) => connection.call('INFO', 'stats')));
  const sum = (of: RegExp): number => stats.reduce((all: number, text) => all + Number(of.exec(String(text))?.[1] ?? 0), 0);
  return { keys: sum(/^expired_keys:(\d+)/m), fields: sum(/^expired_(?:subkeys|fields):(\d+)/m) };
}

async function documentsOf(connections: readonly RedisConnection[]) {
  const texts = await Promise.all(REQUIRED_KEYS.map(async (key) => ({ key, text: await valueOf(connections, key) })));
  return texts.flatMap(({ key, text }) => (text === undefined ? [] : [readDocument(key, text)]));
}

/** A key stands in one shard; the others refuse it (MOVED) or do not have it. */
async function digestOf(connections: readonly RedisConnection[], key: string): Promise<SampledKey | undefined> {
  for (const connection of connections) {
    const found = await unlessMoved(() => digestKey(connection, key));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function valueOf(connections: readonly RedisConnection[], key: string): Promise<string | undefined> {
  for (const connection of connections) {
    const value = await unlessMoved(() => connection.call('GET', key));
    if (typeof value === 'string') return value;
  }
  return undefined;
}

async function unlessMoved<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && /^(?:MOVED|CLUSTERDOWN|WRONGTYPE) /.test(error.message)) return undefined;
    throw error;
  }
}

/** For the evidence: when the newest record was written, as a sentence. */
export function sayNewest(newestMs: number | undefined): string {
  return newestMs === undefined ? 'No record says when it was written.' : `The newest record is of ${isoTime(newestMs)}.`;
}
