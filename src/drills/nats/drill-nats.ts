/**
 * The drill of a JetStream backup. A server takes damaged archives for whole ones (reliability.md §C.3), so five things are
 * compared: the digest of the files, the archive itself, the state that was restored, its checksums, and its content.
 */
import { createReadStream } from 'node:fs';
import { lostBlocks, type StreamArchive } from '#backups/archive/archive.ts';
import type { BackupSet } from '#backups/inventory.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { JsonObject } from '#kernel/json.ts';
import { checkAge, type Claim } from '../age.ts';
import { failed, passed, skipped, someOf, warning, type Check } from '../check.ts';
import type { DrillContext, LiveFacts } from '../context.ts';
import { fetchFiles, type Fetched } from '../fetch.ts';
import { checkFiles, checkManifest } from '../files.ts';
import { checkIsolation } from '../isolation.ts';
import type { StoreDrill } from '../drilled.ts';
import { lookInto, readStreamBackups, type StreamBackup, type WireState } from './backup-files.ts';
import type { NatsSandboxClient, RestoredStream } from './client.ts';

/** What Cordum keeps in JetStream; a backup without one of them is not of Cordum. */
export const REQUIRED_STREAMS = ['CORDUM_SYS', 'CORDUM_JOBS'] as const;
const CORDUM_PREFIX = 'CORDUM_';
/** The first server that reads `NATSARC1`. */
const V2_SINCE = [2, 15] as const;

export interface NatsLive extends LiveFacts {
  /** Its name; empty for a server that is none. */
  readonly cluster: string;
  readonly streams: readonly { readonly name: string; readonly messages: number; readonly lastSeq: number }[];
}

export interface NatsDrill {
  readonly directory: string;
  readonly set: BackupSet;
  readonly live: NatsLive | undefined;
  connectNats(at: { readonly url: string; readonly token: string }): Promise<NatsSandboxClient>;
}

interface Looked extends StreamBackup {
  readonly seen: StreamArchive | undefined;
}

export async function drillNats(drill: NatsDrill, ctx: DrillContext): Promise<StoreDrill> {
  const { set, live } = drill;
  const manifest = typeof set.manifest === 'object' && 'version' in set.manifest ? set.manifest : undefined;
  const checks: Check[] = [...checkManifest('nats', set, ctx.clock.now())];
  const claims: readonly Claim[] = [{ of: 'name', atMs: set.namedMs }, ...(manifest === undefined ? [] : [{ of: 'manifest' as const, atMs: Date.parse(manifest.takenAt) }]), ...set.files.map(({ modifiedMs }) => ({ of: 'mtime' as const, atMs: modifiedMs }))];
  let copies: readonly Fetched[] = [];
  const end = (more: Partial<StoreDrill> = {}): StoreDrill => ({ checks, takenMs: Math.min(...claims.map(({ atMs }) => atMs)), newestMs: undefined, servers: [], files: copies.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })), ...more });

  const fetched = await ctx.during('fetch', `copying ${set.files.length} file(s) of nats-${set.stamp}`, () => fetchFiles(drill.directory, set.files, ctx.sandbox.directory, ctx.signal));
  if (!fetched.ok) {
    checks.push(failed('nats.files.readable', fetched.failure.message));
    return end();
  }
  copies = fetched.value;
  checks.push(...checkFiles('nats', fetched.value, manifest), ...checkAge('nats', claims, { nowMs: ctx.clock.now(), maxAgeMs: ctx.limits.maxAgeMs }));
  const backups = await readStreamBackups(fetched.value);
  checks.push(checkStreams(backups, manifest), checkLive(backups, live));
  const looked = await ctx.during('fetch', 'reading the archives', () => Promise.all(backups.map(async (backup): Promise<Looked> => ({ ...backup, seen: backup.archive === undefined ? undefined : await lookInto(backup.archive) }))));
  for (const backup of looked) checks.push(...checkArchive(backup, manifest));

  const started = await ctx.during('restore', 'starting a nats-server', () => ctx.sandbox.startNats(ctx.signal));
  if (!started.ok) {
    checks.push(failed('nats.restore.loads', started.failure.message));
    return end();
  }
  const server = started.value;
  const servers = [{ id: server.serverId, version: server.version, address: server.url.replace('nats://', '') }];
  const isolation = checkIsolation('nats', { ids: [server.serverId], addresses: servers.map(({ address }) => address) }, live);
  checks.push(isolation);
  if (isolation.status === 'failed') return end({ servers });
  const client = await drill.connectNats(server);
  try {
    const newest: number[] = [];
    const restored: string[] = [];
    for (const backup of looked) {
      const one = await restoreAndVerify(backup, { client, manifest, version: server.version, ctx });
      checks.push(...one.checks);
      if (one.restored !== undefined) {
        restored.push(backup.stream);
        newest.push(one.restored.newestMs);
      }
    }
    const all = looked.length > 0 && restored.length === looked.length;
    checks.push(all ? passed('nats.restore.loads', `${restored.join(', ')} restored into nats-server ${server.version}.`) : failed('nats.restore.loads', looked.length === 0 ? 'The backup holds no stream.' : `${restored.length} of ${looked.length} streams could be restored.`));
    const newestMs = Math.max(0, ...newest);
    return end({ servers, newestMs: newestMs === 0 ? undefined : newestMs, ...(all ? { copy: { store: 'nats', server, streams: restored } } : {}) });
  } finally {
    await client.close();
  }
}

function checkStreams(backups: readonly StreamBackup[], manifest: Manifest | undefined): Check {
  const name = 'nats.streams.complete';
  const there = new Set(backups.map(({ stream }) => stream));
  const wanted = manifest?.nats?.streams.map((stream) => stream.name) ?? [];
  const missing = [...new Set([...REQUIRED_STREAMS, ...wanted])].filter((stream) => !there.has(stream));
  if (manifest !== undefined && !manifest.complete) return failed(name, `The backup itself says that it is not complete: ${manifest.missing.join(', ')}.`);
  return missing.length > 0 ? failed(name, `Missing: ${someOf(missing)}.`) : passed(name, `${[...there].join(', ')}.`);
}

/** A stream that lives and is in no backup is lost with its disk. It may have been made after the backup, so a person must look. */
function checkLive(backups: readonly StreamBackup[], live: NatsLive | undefined): Check {
  const name = 'nats.streams.live';
  if (live === undefined) return skipped(name, 'No live NATS was given to compare with.');
  const lost = live.streams.map((stream) => stream.name).filter((stream) => stream.startsWith(CORDUM_PREFIX) && !backups.some((backup) => backup.stream === stream));
  return lost.length > 0 ? warning(name, `Live, and not in the backup: ${someOf(lost)}.`) : passed(name, `Every live stream of Cordum is in the backup; ${live.streams.length} stream(s) live.`);
}

/** What can be seen without a server. */
function checkArchive({ stream, archive, because, state, config, seen }: Looked, manifest: Manifest | undefined): readonly Check[] {
  const name = `nats.archive.${stream}`;
  if (archive === undefined || seen === undefined) return [failed(name, 'Its archive is missing.')];
  if (because !== '') return [failed(name, `${because}.`)];
  const problems = [...seen.problems, ...lostBlocks(seen, state)];
  if (config !== undefined && config['name'] !== stream) problems.push(`it is a backup of ${String(config['name']).slice(0, 80)}, not of ${stream}`);
  if (seen.stream !== '' && seen.stream !== stream) problems.push(`its archive is that of ${seen.stream.slice(0, 80)}, not of ${stream}`);
  if (config !== undefined && seen.config !== undefined) problems.push(...differences(config, seen.config));
  const consumers = state?.consumer_count;
  if (consumers !== undefined && seen.problems.length === 0 && consumers !== seen.consumers.length) problems.push(`it holds ${seen.consumers.length} consumers, there were ${consumers}`);
  // A v1 archive may hold more: what was deleted is cleaned up later.
  if (state !== undefined && seen.problems.length === 0 && seen.messages < state.messages) problems.push(`it holds ${seen.messages} messages, there were ${state.messages}`);
  const noted = manifest?.nats?.streams.find((one) => one.name === stream);
  if (noted !== undefined && seen.contentSha256 !== undefined && noted.contentSha256 !== null && noted.contentSha256 !== seen.contentSha256) problems.push('its messages are not those that were backed up');
  if (problems.length > 0) return [failed(name, `${someOf(problems)}.`)];
  return [passed(name, `A whole ${seen.format} archive: ${seen.messages} message record(s), ${seen.consumers.length} consumer(s).`)];
}

/** What makes a stream what it is. `backup.json` and the archive hold it each, and a server takes one or the other, by its version. */
const SAME_IN_BOTH = ['subjects', 'retention', 'storage', 'max_msgs', 'max_bytes', 'max_age', 'max_msgs_per_subject', 'discard', 'duplicate_window'] as const;

function differences(described: JsonObject, archived: Readonly<Record<string, unknown>>): readonly string[] {
  const differ = SAME_IN_BOTH.filter((field) => field in described && field in archived && JSON.stringify(described[field]) !== JSON.stringify(archived[field]));
  return differ.length > 0 ? [`its backup.json and its archive differ in ${differ.join(', ')}`] : [];
}

interface Restoring {
  readonly client: NatsSandboxClient;
  readonly manifest: Manifest | undefined;
  readonly version: string;
  readonly ctx: DrillContext;
}

async function restoreAndVerify(backup: Looked, { client, manifest, version, ctx }: Restoring): Promise<{ readonly checks: readonly Check[]; readonly restored?: RestoredStream }> {
  const { stream, archive, seen } = backup;
  const noted = manifest?.nats?.streams.find((one) => one.name === stream);
  const config = backup.config ?? (seen?.stream === stream ? { name: stream } : undefined);
  const state = backup.state ?? (noted === undefined ? undefined : { messages: noted.state.messages, bytes: noted.state.bytes, first_seq: noted.state.firstSeq, last_seq: noted.state.lastSeq, consumer_count: noted.state.consumers, num_deleted: noted.state.deleted });
  const name = `nats.restore.${stream}`;
  if (archive === undefined || config === undefined) return { checks: [failed(name, 'There is nothing that could be restored.')] };
  if (seen?.format === 'v2' && !isAtLeast(version, V2_SINCE)) return { checks: [failed(name, `It is a v2 archive (NATSARC1), which nats-server ${version} does not read: ${V2_SINCE.join('.')} or later is needed.`)] };
  const restored = await ctx.during('restore', `restoring ${stream}`, () => client.restore({ config: forSandbox(config), state: (state ?? {}) as JsonObject, source: createReadStream(archive.copy, { highWaterMark: 64 * 1024 }), signal: ctx.signal }));
  if (!restored.ok) return { checks: [failed(name, restored.failure.message)] };
  return ctx.during('verify', `looking at ${stream}`, async () => {
    const aged = await agedOut(backup, restored.value, state, ctx);
    const checks: Check[] = [checkState(stream, restored.value, state, { noted, aged })];
    const sound = await client.check(stream, ctx.signal);
    checks.push(sound.ok ? passed(`nats.checksums.${stream}`, 'The server has read every message again, and its checksums are right.') : failed(`nats.checksums.${stream}`, sound.failure.message));
    const content = await checkContent(backup, { noted, aged, digest: () => client.digest(stream, restored.value, ctx.signal) });
    if (content !== undefined) checks.push(content);
    return { checks, restored: restored.value };
  });
}

type Noted = NonNullable<Manifest['nats']>['streams'][number] | undefined;

/** A v2 archive has been compared already. In a v1 archive without deleted messages every record is a message, so its digest is that of the content. */
async function checkContent({ stream, seen, state }: Looked, { noted, aged, digest }: { readonly noted: Noted; readonly aged: number; digest(): Promise<string | undefined> }): Promise<Check | undefined> {
  const name = `nats.content.${stream}`;
  if (seen?.contentSha256 !== undefined) return undefined;
  if (noted?.contentSha256 == null) return skipped(name, 'No digest of the messages was taken with the backup.');
  const whole = seen !== undefined && seen.messages === (state?.messages ?? noted.state.messages);
  if (whole && seen.recordsSha256 === noted.contentSha256) return passed(name, 'Sequence, subject, headers and payload of every message are as they were.');
  if (aged > 0) return skipped(name, `${aged} messages have reached the age at which the stream drops them, so the digest of all of them cannot be compared.`);
  return (await digest()) === noted.contentSha256 ? passed(name, 'Sequence, subject, headers and payload of every message are as they were.') : failed(name, 'Its messages are not those that were backed up.');
}

/**
 * Messages that the restored stream has dropped since they had reached its `max_age`: a server before 2.10 takes the configuration
 * of the archive, and drops them while it restores. They are counted in the archive, so that no other loss hides behind them.
 */
async function agedOut({ archive, config, seen }: Looked, restored: RestoredStream, state: WireState | undefined, ctx: DrillContext): Promise<number> {
  const maxAgeNs = Number(seen?.config?.['max_age'] ?? config?.['max_age'] ?? 0);
  if (archive === undefined || state === undefined || !(maxAgeNs > 0) || restored.messages >= state.messages) return 0;
  const young = (await lookInto(archive, ctx.clock.now() - Math.floor(maxAgeNs / 1_000_000))).messagesSince ?? 0;
  return restored.messages >= young ? state.messages - restored.messages : 0;
}

/** What must be the same: how many messages, from where to where, and how many consumers. */
function checkState(stream: string, restored: RestoredStream, state: WireState | undefined, { noted, aged }: { readonly noted: Noted; readonly aged: number }): Check {
  const name = `nats.state.${stream}`;
  if (state === undefined) return skipped(name, 'Nothing says how many messages there were.');
  const wrong: string[] = [];
  const compare = (what: string, is: number, was: number): void => {
    if (is !== was) wrong.push(`${what} ${is}, it was ${was}`);
  };
  compare('messages', restored.messages + aged, state.messages);
  if (state.messages > 0 && aged === 0) compare('first sequence', restored.firstSeq, state.first_seq);
  // A stream of interest that nobody had has stored nothing: then no archive holds its last sequence (measured on 2.9.10).
  const forgotten = state.messages === 0 && restored.messages === 0 && restored.lastSeq < state.last_seq;
  if (!forgotten) compare('last sequence', restored.lastSeq, state.last_seq);
  compare('consumers', restored.consumers.length, state.consumer_count);
  if (noted !== undefined && (noted.state.messages !== state.messages || noted.state.firstSeq !== state.first_seq || noted.state.lastSeq !== state.last_seq)) wrong.push(`by the manifest ${noted.state.messages} messages (${noted.state.firstSeq} to ${noted.state.lastSeq}), by its backup.json ${state.messages} (${state.first_seq} to ${state.last_seq})`);
  const lost = noted?.consumers.filter((consumer) => !restored.consumers.some(({ name: is }) => is === consumer.name)).map((consumer) => consumer.name) ?? [];
  if (lost.length > 0) wrong.push(`without the consumers ${someOf(lost)}`);
  const delivering = restored.consumers.filter(({ delivering: is }) => is).map(({ name: is }) => is);
  if (delivering.length > 0) wrong.push(`${someOf(delivering)} began to deliver`);
  if (wrong.length > 0) return failed(name, `${someOf(wrong)}.`);
  if (forgotten) return warning(name, `It was empty and is empty, but it counts from ${restored.lastSeq}, where it stood at ${state.last_seq}: consumers that know a later sequence wait for it.`);
  return passed(name, `${restored.messages} messages (${restored.firstSeq} to ${restored.lastSeq}) and ${restored.consumers.length} consumer(s), as when it was backed up${aged > 0 ? `, but for ${aged} that have reached the age at which the stream drops them` : ''}; nothing was delivered.`);
}

/** One server, nobody to copy from, nobody to copy to, and nothing is too old. */
function forSandbox(config: JsonObject): JsonObject {
  const { sources: _sources, mirror: _mirror, republish: _republish, placement: _placement, ...rest } = config;
  return { ...rest, num_replicas: 1, ...(Number(rest['max_age'] ?? 0) > 0 ? { max_age: 0 } : {}) };
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, is = '0', and = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(is) > major || (Number(is) === major && Number(and) >= minor);
}
