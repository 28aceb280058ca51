/** The live Redis before and after a restore: what speaks against one, who else is connected, and whether it holds what it should. */
import { createHash } from 'node:crypto';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { RedisLook } from '#systems/restore/client.ts';
import type { Manifest } from '../manifest.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { countDataset, digestKey, OTHER_PREFIX, type PrefixCount } from '../redis/dataset.ts';
import { addCounts } from '../redis/facts.ts';
import { SLOTS } from '../redis/slots.ts';
import { openServers, type Connect, type PrimaryServer, type RedisAt, type Servers } from './servers.ts';

export interface Place {
  readonly directory: string;
  readonly addresses: readonly RedisAt[];
  readonly connect: Connect;
}

/** RESTORE takes an absolute time since version 5. */
const FIRST_VERSION = 5;
const OWN_NAME = 'cordum-runbook-bot';
const NAMED = 5;
const ENDS_WITHIN_MS = 5_000;
/** The clocks of two machines differ: a key that ends so soon may be gone there already. */
const SOON_GONE_MS = 60_000;

export async function withServers<T>({ addresses, connect }: Place, use: (servers: Servers) => Promise<Result<T>>): Promise<Result<T>> {
  const opened = await openServers(addresses, connect);
  if (!opened.ok) return opened;
  try {
    const because = await whyNotInto(opened.value);
    return because === '' ? await use(opened.value) : fail('refused', because, 'no');
  } catch (error) {
    return fail('unavailable', `Redis does not do what a restore asks: ${textOf(error)}.`);
  } finally {
    await opened.value.close();
  }
}

async function whyNotInto({ topology, primaries }: Servers): Promise<string> {
  if (Number(topology.serverVersion.split('.')[0]) < FIRST_VERSION) return `Redis ${topology.serverVersion} does not take keys with their time: a restore needs version ${FIRST_VERSION}.`;
  for (const { host, port, connection } of primaries) {
    const info = await infoOf(connection);
    if (info('loading') === '1') return `Redis at ${host}:${port} is still loading its data.`;
    if (info('role') !== 'master') return `Redis at ${host}:${port} is a replica: a restore goes to its primary.`;
  }
  if (topology.mode === 'standalone') return '';
  const owned = primaries.flatMap(({ slots }) => slots).reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (owned !== SLOTS) return `${SLOTS - owned} slots of the cluster have no owner: their keys could not be restored.`;
  for (const { host, port, connection } of primaries) {
    if (/\[\d+-[<>]-/.test(String(await connection.call('CLUSTER', 'NODES')))) return `Slots of ${host}:${port} are on the move: wait until they have arrived.`;
  }
  return '';
}

/** One field of INFO; empty when the server does not say it. */
export async function infoOf(connection: RedisConnection): Promise<(field: string) => string> {
  const info = String(await connection.call('INFO', 'everything'));
  return (field) => new RegExp(`^${field}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
}

export function slotsText({ slots }: Pick<PrimaryServer, 'slots'>): string {
  return slots.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(' ');
}

/** Clients that could write: not the bot's own, replicas and their primaries, nor Sentinels, which write no keys. */
export async function connectedTo(place: Place): Promise<Result<{ readonly servers: number; readonly others: readonly { readonly name: string }[] }>> {
  return withServers(place, async ({ primaries }) => {
    const others: { readonly name: string }[] = [];
    for (const { connection } of primaries) others.push(...readClients(String(await connection.call('CLIENT', 'LIST'))).map((name) => ({ name })));
    return succeed({ servers: primaries.length, others });
  });
}

/** `id=3 addr=10.0.0.7:5000 … name=gateway … flags=N … cmd=get …`, a line each. */
export function readClients(text: string): readonly string[] {
  return text.split('\n').flatMap((line): string[] => {
    const field = (name: string): string => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? '';
    const [name, flags] = [field('name'), field('flags')];
    if (field('id') === '' || name.startsWith(OWN_NAME) || name.startsWith('sentinel-') || /[SM]/.test(flags)) return [];
    return [`${name === '' ? 'unnamed' : name.slice(0, 60)} (${field('addr')}, last command ${field('cmd') || 'unknown'})`];
  });
}

export interface LiveCounts {
  readonly keys: number;
  readonly prefixes: readonly PrefixCount[];
}

export async function countLive({ primaries }: Servers, signal: AbortSignal): Promise<LiveCounts> {
  const prefixes = new Map<string, PrefixCount>();
  let keys = 0;
  for (const { connection } of primaries) {
    const counted = await countDataset(connection, { seed: '', choose: 0, signal });
    for (const one of counted.prefixes) prefixes.set(one.prefix, addCounts(prefixes.get(one.prefix), one));
    keys += counted.keys;
  }
  return { keys, prefixes: [...prefixes.values()] };
}

/**
 * Against the manifest, which was written when the backup was taken. `part`: not all primaries are restored, so only replicas are looked
 * at. `moved`: services write again, so that of the keys only those are asked for that must be there.
 */
export async function lookAtRestored(place: Place, manifest: Manifest, { nowMs, so, signal }: { readonly nowMs: number; readonly so: 'part' | 'whole' | 'moved'; readonly signal: AbortSignal }): Promise<Result<RedisLook>> {
  return withServers(place, async (servers) => {
    const facts = manifest.redis;
    const problems: string[] = [];
    if (so !== 'part') for (const { key } of facts?.required ?? []) if (Number(await (await servers.of(key))?.call('EXISTS', key)) !== 1) problems.push(`${key} is missing`);
    let [keys, samples] = [0, 0];
    if (so === 'whole') {
      const counted = await countLive(servers, signal);
      ({ keys } = counted);
      problems.push(...againstCounts(facts?.keysByPrefix ?? [], counted.prefixes, facts?.fieldTimes));
      for (const one of facts?.sample ?? []) {
        // A name that is no text was noted as one, and cannot be asked for.
        if (one.key.includes('\uFFFD') || [one.expiresAt, one.fieldsEndAt].some((end) => typeof end === 'string' && Date.parse(end) <= nowMs + SOON_GONE_MS)) continue;
        const connection = await servers.of(one.key);
        const found = connection === undefined ? undefined : await digestKey(connection, one.key);
        samples += 1;
        if (found === undefined) problems.push(`${one.key} is missing`);
        else if (found.sha256 !== one.sha256) problems.push(`${one.key} has another value`);
        else if ((found.expiresAtMs === null) !== (one.expiresAt === null) || Math.abs((found.expiresAtMs ?? 0) - Date.parse(one.expiresAt ?? new Date(0).toISOString())) > ENDS_WITHIN_MS) problems.push(`${one.key} ends at another time`);
      }
    }
    const replicas = await replicasOf(servers, so);
    return succeed({ problems, keys, samples, ...replicas });
  });
}

/** Keys that stay must be as many as were backed up; of those with a time to live some may have ended, and of as many hashes as have fields that end. */
export function againstCounts(noted: readonly PrefixCount[], now: readonly PrefixCount[], fieldTimes = 0): readonly string[] {
  const named = [...noted, ...now];
  const isAsMany = (before: number, after: number): boolean => after <= before && before - after <= fieldTimes;
  const sum = (all: readonly PrefixCount[]): number => all.reduce((total, { count, volatile }) => total + count - volatile, 0);
  // A server is asked for its first prefixes, in no certain order, and counts the others together: then only the sums say something.
  if (named.some(({ prefix }) => prefix === OTHER_PREFIX)) return isAsMany(sum(noted), sum(now)) ? [] : [`${sum(now)} keys that stay, the backup has ${sum(noted)}`];
  const is = new Map(now.map((one) => [one.prefix, one]));
  const was = new Map(noted.map((one) => [one.prefix, one]));
  return [...new Set(named.map(({ prefix }) => prefix))].flatMap((prefix) => {
    const [a, b] = [sum([was.get(prefix) ?? { prefix, count: 0, volatile: 0 }]), sum([is.get(prefix) ?? { prefix, count: 0, volatile: 0 }])];
    return isAsMany(a, b) ? [] : [`${prefix}: ${b} keys that stay, the backup has ${a}`];
  });
}

/** `slave0:ip=…,port=…,state=online,offset=…,lag=…` against the primary's own offset, which stands still only while nobody writes. */
async function replicasOf({ primaries }: Servers, so: 'part' | 'whole' | 'moved'): Promise<{ readonly replicas: number; readonly behind: readonly string[] }> {
  const behind: string[] = [];
  let replicas = 0;
  for (const { connection } of primaries) {
    const info = String(await connection.call('INFO', 'replication'));
    const offset = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0);
    for (const [, ip = '', port = '', state = '', at = '0'] of info.matchAll(/^slave\d+:ip=([^,]*),port=(\d+),state=(\w+),offset=(\d+)/gm)) {
      replicas += 1;
      if (state !== 'online' || (so !== 'moved' && Number(at) < offset)) behind.push(`${ip}:${port} (${state})`);
    }
  }
  return { replicas, behind };
}

export function filesDigest({ files }: Manifest): string {
  return createHash('sha256').update(files.map(({ path, sha256 }) => `${path} ${sha256}\n`).join('')).digest('hex');
}

export function someOf(names: readonly string[]): string {
  return names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more` : names.join(', ');
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : 'for no reason given';
}
