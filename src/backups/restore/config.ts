/**
 * Cordum's configuration and policy, from a backup back into Redis: key by key, each only while it is as it was approved, and never
 * over a value that no backup holds.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { ConfigAsked, ConfigChange, ConfigComparison, Side } from '#systems/restore/client.ts';
import { CONFIG_FILE_MAX_BYTES, configFileShape, isConfigKey } from '../config-file.ts';
import { readInventory, type BackupSet } from '../inventory.ts';
import { revisionOf, withoutRevision, withRevision } from './revision.ts';
import { openServers, type Connect, type RedisAt, type Servers } from './servers.ts';

export interface ConfigPlace {
  readonly directory: string;
  readonly addresses: readonly RedisAt[];
  readonly connect: Connect;
}

/** Nothing but what a config backup holds is written or removed. */
const LONGEST_KEY = 920;
/**
 * Cordum writes its audit trail into a document of the configuration, with each job that is submitted (seen on V0.9.9.1). To put an old
 * one back would take out what was done since, and a plan with it would never be the same twice.
 */
const AUDIT_TRAIL = 'cfg:system:policy_audit';
const NONE: Side = { present: false, sha256: '', bytes: 0, revision: -1 };
/** Sets in which a value is looked for. */
const SETS_LOOKED_AT = 20;
const NAMED = 5;

/** Compares and sets in one go: what a service has written in between is never lost. */
const SWAP = `local v = redis.call('GET', KEYS[1])
if ARGV[1] == '0' then if v then return 'changed' end elseif not v or v ~= ARGV[2] then return 'changed' end
if ARGV[3] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[4]) end
return 'done'`;

interface ReadSet {
  readonly takenAtMs: number;
  readonly missing: readonly string[];
  readonly texts: ReadonlyMap<string, string>;
  readonly others: readonly string[];
}

export async function compareConfig(place: ConfigPlace, asked: ConfigAsked, signal: AbortSignal): Promise<Result<ConfigComparison>> {
  const set = await readConfigSet(place.directory, asked.stamp);
  if (!set.ok) return set;
  const { texts, others, missing, takenAtMs } = set.value;
  const wanted = asked.keys ?? [...texts.keys()];
  const absent = wanted.filter((key) => !texts.has(key));
  if (absent.length > 0) return fail('notFound', `config-${asked.stamp} does not hold ${someOf(absent)}.`, 'no');
  const wrong = [...wanted, ...asked.remove].filter((key) => !isConfigKey(key) || key.length > LONGEST_KEY);
  if (wrong.length > 0) return fail('refused', `${someOf(wrong)} is no key of Cordum's configuration.`, 'no');
  const both = asked.remove.filter((key) => wanted.includes(key));
  if (both.length > 0) return fail('invalid', `${someOf(both)} cannot be restored and removed at once.`, 'no');
  return withServers(place, async (servers) => {
    const changes: ConfigChange[] = [];
    let same = 0;
    let trailStays = false;
    for (const key of [...wanted, ...asked.remove]) {
      signal.throwIfAborted();
      const now = await readText(servers, key);
      if (!now.ok) return now;
      const next = asked.remove.includes(key) ? undefined : nextText(texts.get(key) ?? '', now.value);
      if (next === now.value) same += 1;
      else if (key === AUDIT_TRAIL && asked.keys === undefined && now.value !== undefined) trailStays = true;
      else changes.push({ key, now: sideOf(now.value), next: sideOf(next) });
    }
    const notes = [
      ...(trailStays ? [`${AUDIT_TRAIL} stays as it is: it is the trail of who did what, and goes on with each job. Name it under keys to restore it all the same.`] : []),
      ...(others.length > 0 ? [`${someOf(others)}: not a text, which is what Cordum keeps its configuration in. Left alone.`] : []),
      ...(missing.length > 0 ? [`When the backup was taken this was missing: ${someOf(missing)}.`] : []),
    ];
    return succeed({ takenAtMs, changes, same, notes });
  });
}

/** What is to stand there: the text of the backup, counted on from the revision that is there. */
function nextText(backedUp: string, now: string | undefined): string {
  if (now === undefined || withoutRevision(now) === withoutRevision(backedUp)) return now ?? backedUp;
  return withRevision(backedUp, revisionOf(now) + 1);
}

export async function putConfig(place: ConfigPlace, change: ConfigChange, asked: ConfigAsked, signal: AbortSignal): Promise<Result<'done' | 'changed'>> {
  const { key } = change;
  const compared = await compareConfig(place, { stamp: asked.stamp, keys: change.next.present ? [key] : [], remove: change.next.present ? [] : [key] }, signal);
  if (!compared.ok) return { ok: false, failure: { ...compared.failure, landed: 'no' } };
  const [again] = compared.value.changes;
  if (again === undefined || again.now.sha256 !== change.now.sha256 || again.now.present !== change.now.present || again.next.sha256 !== change.next.sha256) return succeed('changed');
  if (change.now.present && (await findSaved(place.directory, 0, [{ key, sha256: change.now.sha256 }])) === undefined) {
    return fail('refused', `What stands under ${key} is in no backup in ${place.directory}: it would be lost. Back it up first.`, 'no');
  }
  const set = await readConfigSet(place.directory, asked.stamp);
  if (!set.ok) return { ok: false, failure: { ...set.failure, landed: 'no' } };
  return withServers(place, async (servers) => {
    const connection = await servers.of(key);
    const now = await readText(servers, key);
    if (!now.ok) return { ok: false, failure: { ...now.failure, landed: 'no' } };
    const next = change.next.present ? nextText(set.value.texts.get(key) ?? '', now.value) : undefined;
    if (connection === undefined || sideOf(now.value).sha256 !== change.now.sha256 || sideOf(next).sha256 !== change.next.sha256) return succeed('changed');
    try {
      const said = await connection.call('EVAL', SWAP, 1, key, now.value === undefined ? '0' : '1', now.value ?? '', next === undefined ? '0' : '1', next ?? '');
      return succeed(said === 'done' ? 'done' : 'changed');
    } catch (error) {
      return fail('unavailable', `Redis did not take ${key}: ${textOf(error)}.`, 'maybe');
    }
  });
}

export async function lookAtConfig(place: ConfigPlace, keys: readonly string[]): Promise<Result<readonly { readonly key: string; readonly side: Side }[]>> {
  return withServers(place, async (servers) => {
    const seen: { key: string; side: Side }[] = [];
    for (const key of keys) {
      const text = await readText(servers, key);
      if (!text.ok) return text;
      seen.push({ key, side: sideOf(text.value) });
    }
    return succeed(seen);
  });
}

/** The newest set, not older than that, that holds each of these values; the files are read, not only their manifest. */
export async function findSaved(directory: string, sinceMs: number, values: readonly { readonly key: string; readonly sha256: string }[]): Promise<string | undefined> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return undefined;
  const sets = inventory.value.sets.filter(({ store, namedMs }) => store === 'config' && namedMs >= Math.floor(sinceMs / 1_000) * 1_000).slice(0, SETS_LOOKED_AT);
  for (const { stamp } of sets) {
    const read = await readConfigSet(directory, stamp);
    if (read.ok && values.every(({ key, sha256 }) => sha256Of(read.value.texts.get(key) ?? '') === sha256)) return stamp;
  }
  return undefined;
}

/** Whole and unchanged since it was taken, by its manifest; a set without one is not restored over what is there. */
async function readConfigSet(directory: string, stamp: string): Promise<Result<ReadSet>> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return inventory;
  const name = `config-${stamp}`;
  const set = inventory.value.sets.find((one) => one.store === 'config' && one.stamp === stamp);
  if (set === undefined) return fail('notFound', `There is no backup ${name} in ${directory}.`);
  const because = whyNotRestorable(set);
  if (because !== '') return fail('refused', because);
  const manifest = set.manifest as Extract<BackupSet['manifest'], { readonly version: 1 }>;
  const [file] = set.files;
  if (file === undefined || file.bytes > CONFIG_FILE_MAX_BYTES) return fail('refused', `${name} cannot be read: its file is missing, or larger than any configuration.`);
  let bytes: Buffer;
  try {
    bytes = await readFile(join(directory, file.path));
  } catch (error) {
    return fail('unavailable', `${name} cannot be read: ${textOf(error)}.`);
  }
  if (sha256Of(bytes) !== manifest.files.find(({ path }) => path === file.path)?.sha256) return fail('refused', `${name} is damaged: its file is not the one that was written.`);
  const read = configFileShape.safeParse(parsed(bytes.toString('utf8')));
  if (!read.success) return fail('refused', `${name} is not the file of a configuration backup.`);
  const texts = new Map(read.data.keys.flatMap(({ key, type, value }) => (type === 'string' && value !== null ? [[key, value] as const] : [])));
  for (const noted of manifest.config?.keys ?? []) {
    if (noted.type === 'string' && sha256Of(texts.get(noted.key) ?? '') !== noted.sha256) return fail('refused', `${name} is damaged: ${noted.key} is not as its manifest says.`);
  }
  return succeed({ takenAtMs: Date.parse(manifest.takenAt), missing: manifest.missing, texts, others: read.data.keys.filter(({ key }) => !texts.has(key)).map(({ key }) => key) });
}

/** At first sight, by the manifest and the sizes of the files; empty when nothing speaks against it. */
export function whyNotRestorable(set: BackupSet): string {
  const name = `${set.store}-${set.stamp}`;
  if (set.manifest === 'none') return `${name} has no manifest, so whether it is what was backed up cannot be told.`;
  if ('unreadable' in set.manifest) return `The manifest of ${name} cannot be read: ${set.manifest.unreadable}.`;
  if (set.manifest.store !== set.store) return `The manifest of ${name} is that of a backup of ${set.manifest.store}.`;
  // Streams can be restored one by one; a part of the keys is no Redis.
  if (set.store === 'redis' && !set.manifest.complete) return `${name} is not complete: ${someOf(set.manifest.missing)}.`;
  const wrong = set.manifest.files.filter((noted) => set.files.find(({ path }) => path === noted.path)?.bytes !== noted.bytes);
  return wrong.length === 0 ? '' : `${name} is damaged: ${someOf(wrong.map(({ path }) => path))} is missing or of another size.`;
}

async function withServers<T>({ addresses, connect }: ConfigPlace, use: (servers: Servers) => Promise<Result<T>>): Promise<Result<T>> {
  const opened = await openServers(addresses, connect);
  if (!opened.ok) return opened;
  try {
    return await use(opened.value);
  } catch (error) {
    return fail('unavailable', `Redis does not give the configuration: ${textOf(error)}.`);
  } finally {
    await opened.value.close();
  }
}

async function readText(servers: Servers, key: string): Promise<Result<string | undefined>> {
  const connection = await servers.of(key);
  if (connection === undefined) return fail('unavailable', `No node of the cluster serves ${key}.`);
  const type = String(await connection.call('TYPE', key));
  if (type === 'none') return succeed(undefined);
  if (type !== 'string') return fail('refused', `${key} is a ${type} now, not a text as Cordum writes it: look at it by hand.`);
  const text = await connection.call('GET', key);
  return succeed(typeof text === 'string' ? text : undefined);
}

function sideOf(text: string | undefined): Side {
  return text === undefined ? NONE : { present: true, sha256: sha256Of(text), bytes: Buffer.byteLength(text), revision: revisionOf(text) };
}

function sha256Of(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).map((name) => name.slice(0, 120)).join(', ');
  return names.length > NAMED ? `${shown} and ${names.length - NAMED} more` : shown;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : 'for no reason given';
}
