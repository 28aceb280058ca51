/**
 * The drill of a JetStream backup. A server takes damaged archives for whole ones (reliability.md §C.3), so five things are
 * compared: the digest of the files, the archive itself, the state that was restored, its checksums, and its content.
 */
import type { StreamArchive } from '#backups/archive/archive.ts';
import { readArchivesInWorker } from '#backups/archive/read-worker.ts';
import { cameMeanwhile, makesRoom } from '#backups/archive/meanwhile.ts';
import type { Manifest } from '#backups/manifest.ts';
import { checkAge, type Claim } from '../age.ts';
import { failed, passed, skipped, someOf, warning, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import { copyFiles, type Fetched } from '../fetch.ts';
import { checkFiles, checkManifest } from '../files.ts';
import { checkLive, checkSource } from './against-live.ts';
import { checkArchive, stateOf, type Looked, type NotedStream } from './archive-checks.ts';
import type { StoreDrill } from '../drilled.ts';
import { readStreamBackups, type StreamBackup, type WireState } from './backup-files.ts';
import type { NatsSandboxClient, RestoredStream } from './client.ts';
import type { NatsDrill } from './facts.ts';
import { lookInto, readUnchecked } from './look.ts';
import { addressOf, restoreAll, type Tried } from './restore.ts';

/** What Cordum keeps in JetStream; a backup without one of them is not of Cordum. */
export const REQUIRED_STREAMS = ['CORDUM_SYS', 'CORDUM_JOBS'] as const;

export async function drillNats(drill: NatsDrill, ctx: DrillContext): Promise<StoreDrill> {
  const { set, live } = drill;
  const manifest = typeof set.manifest === 'object' && 'version' in set.manifest ? set.manifest : undefined;
  const checks: Check[] = [...checkManifest('nats', set, ctx.clock.now())];
  const claims: Claim[] = [{ of: 'name', atMs: set.namedMs }, ...(manifest === undefined ? [] : [{ of: 'manifest' as const, atMs: Date.parse(manifest.takenAt) }]), ...set.files.map(({ modifiedMs }) => ({ of: 'mtime' as const, atMs: modifiedMs }))];
  let copies: readonly Fetched[] = [];
  const end = (more: Partial<StoreDrill> = {}): StoreDrill => ({ checks, takenMs: Math.min(...claims.map(({ atMs }) => atMs)), newestMs: undefined, servers: [], files: copies.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })), ...more });

  // An empty server needs nothing of the copies: it starts beside them.
  const starting = ctx.during('restore', 'starting a nats-server', () => ctx.sandbox.startNats(ctx.signal));
  const begun = Promise.allSettled([starting]);
  const copied = await ctx.during('fetch', `copying ${set.files.length} file(s) of nats-${set.stamp}`, () => copyFiles(drill.directory, set.files, ctx.sandbox.directory, ctx.signal));
  if (!copied.ok) {
    await begun;
    checks.push(failed('nats.files.readable', copied.failure.message));
    return end();
  }
  const backups = await readStreamBackups(copied.value);
  // The archives are read beside the restore: either takes seconds of a processor, and they need nothing of each other but the copies.
  const looking = ctx.during('verify', 'digesting and reading the archives', () => lookInto(backups, { copies: copied.value, manifest }, ctx));
  const restoring = restoreAll(backups, { starting, looking, manifest, drill }, ctx);
  const [, settled] = await Promise.allSettled([looking, restoring]);
  try {
    const [{ files, streams }, { checks: attempted, server, client, tried }] = await Promise.all([looking, restoring]);
    const looked = await readUnchecked(streams, (stream) => tried.get(stream)?.restored.ok === true, ctx);
    copies = files;
    claims.push(...looked.flatMap(({ seen }) => (seen?.writtenMs === undefined || seen.writtenMs === 0 ? [] : [{ of: 'header' as const, atMs: seen.writtenMs }])));
    checks.push(...checkFiles('nats', files, manifest), ...checkAge('nats', claims, { nowMs: ctx.clock.now(), maxAgeMs: ctx.limits.maxAgeMs }), checkStreams(backups, manifest), checkSource(manifest, live), checkLive(looked, live, Math.min(...claims.map(({ atMs }) => atMs))));
    checks.push(...looked.flatMap((backup) => checkArchive(backup, live)), ...attempted);
    if (server === undefined) return end();
    const servers = [{ id: server.serverId, version: server.version, address: addressOf(server) }];
    if (client === undefined) return end({ servers });
    const verified = await verifyAll(looked, { tried, client, ctx });
    checks.push(...verified.checks);
    const all = looked.length > 0 && verified.restored.length === looked.length;
    checks.push(all ? passed('nats.restore.loads', `${verified.restored.join(', ')} restored into nats-server ${server.version}.`) : failed('nats.restore.loads', looked.length === 0 ? 'The backup holds no stream.' : `${verified.restored.length} of ${looked.length} streams could be restored.`));
    return end({ servers, newestMs: verified.newestMs === 0 ? undefined : verified.newestMs, ...(all ? { copy: { store: 'nats', server, streams: verified.restored } } : {}) });
  } finally {
    if (settled.status === 'fulfilled') await settled.value.client?.close();
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

interface Verifying {
  readonly tried: ReadonlyMap<string, Tried>;
  readonly client: NatsSandboxClient;
  readonly ctx: DrillContext;
}

async function verifyAll(looked: readonly Looked[], { tried, client, ctx }: Verifying): Promise<{ readonly checks: readonly Check[]; readonly restored: readonly string[]; readonly newestMs: number }> {
  const checks: Check[] = [];
  const names: string[] = [];
  let newestMs = 0;
  for (const backup of looked) {
    const { stream, noted } = backup;
    const one = tried.get(stream);
    if (one === undefined) continue;
    const { restored, sound } = one;
    if (!restored.ok) {
      checks.push(failed(`nats.restore.${stream}`, restored.failure.message));
      continue;
    }
    names.push(stream);
    newestMs = Math.max(newestMs, restored.value.newestMs);
    await ctx.during('verify', `comparing ${stream}`, async () => {
      const aged = await agedOut(backup, restored.value, stateOf(backup), ctx);
      checks.push(checkState(backup, restored.value, aged), sound.ok ? passed(`nats.checksums.${stream}`, 'The server has read every message again, and its checksums are right.') : failed(`nats.checksums.${stream}`, sound.failure.message));
      const content = await checkContent(backup, { noted, aged, sound: sound.ok, digest: () => client.digest(stream, upToState(restored.value, backup), ctx.signal) });
      if (content !== undefined) checks.push(content);
    });
  }
  return { checks, restored: names, newestMs };
}

/** A v2 archive has been compared already. In a v1 archive without deleted messages every record is a message, so its digest is that of the content. */
async function checkContent({ stream, seen, state }: Looked, { noted, aged, sound, digest }: { readonly noted: NotedStream | undefined; readonly aged: number; readonly sound: boolean; digest(): Promise<string | undefined> }): Promise<Check | undefined> {
  const name = `nats.content.${stream}`;
  if (seen?.contentSha256 !== undefined) return undefined;
  if (noted?.contentSha256 == null) return skipped(name, 'No digest of the messages was taken with the backup.');
  const whole = seen !== undefined && seen.messages === (state?.messages ?? noted.state.messages);
  // The checksums of its messages are those of the archive that was compared with the stream itself, and the server has found them right.
  const sealed = sound && noted.sealsSha256 !== undefined && seen?.sealsSha256 === noted.sealsSha256;
  if (whole && (sealed || seen.recordsSha256 === noted.contentSha256)) return passed(name, 'Sequence, subject, headers and payload of every message are as they were.');
  if (aged > 0) return skipped(name, `${aged} messages have reached the age at which the stream drops them, so the digest of all of them cannot be compared.`);
  const is = await digest();
  if (is === undefined && Number(seen?.config?.['max_age'] ?? 0) > 0) return skipped(name, 'Messages have reached the age at which the stream drops them while they were read.');
  return is === noted.contentSha256 ? passed(name, 'Sequence, subject, headers and payload of every message are as they were.') : failed(name, 'Its messages are not those that were backed up.');
}

/**
 * Messages that the restored stream has dropped since they had reached its `max_age`: a server before 2.10 takes the configuration
 * of the archive, and drops them while it restores. So does every server with those that have outlived a time to live of their own
 * (measured on 2.15.1). They are counted in the archive, so that no other loss hides behind them.
 */
async function agedOut({ archive, config, seen }: Looked, restored: RestoredStream, state: WireState | undefined, ctx: DrillContext): Promise<number> {
  const maxAgeNs = Number(seen?.config?.['max_age'] ?? config?.['max_age'] ?? 0);
  const ownTtl = (config ?? seen?.config)?.['allow_msg_ttl'] === true;
  if (archive === undefined || state === undefined || !(maxAgeNs > 0 || ownTtl) || restored.messages >= state.messages) return 0;
  const nowMs = ctx.clock.now();
  const [again] = await readArchivesInWorker([{ path: archive.copy, sealsOnly: true, checkedElsewhere: true, ...(maxAgeNs > 0 ? { sinceMs: nowMs - Math.floor(maxAgeNs / 1_000_000) } : {}), ...(ownTtl ? { ttlAtMs: nowMs } : {}) }], ctx.signal);
  const young = again?.messagesSince ?? 0;
  return restored.messages >= young ? state.messages - restored.messages : 0;
}

/** Without what came while the snapshot was taken, which stands in the archive and in no state. */
function upToState(restored: RestoredStream, { seen, ...backup }: Looked): RestoredStream {
  const state = stateOf(backup);
  const came = state === undefined ? 0 : Math.min(cameMeanwhile(seen, state), Math.max(0, restored.lastSeq - state.last_seq), restored.messages);
  return { ...restored, messages: restored.messages - came, lastSeq: restored.lastSeq - came };
}

/** What must be the same: how many messages, from where to where, and how many consumers. */
function checkState(backup: Looked, restored: RestoredStream, aged: number): Check {
  const { stream, noted, seen } = backup;
  const state = stateOf(backup);
  const name = `nats.state.${stream}`;
  if (state === undefined) return checkAgainstArchive(name, restored, seen);
  const wrong: string[] = [];
  const compare = (what: string, is: number, was: number): void => {
    if (is !== was) wrong.push(`${what} ${is}, it was ${was}`);
  };
  const then = upToState(restored, backup);
  const madeRoom = then.lastSeq < restored.lastSeq && makesRoom(backup.config ?? seen?.config) && then.messages <= state.messages && restored.firstSeq >= state.first_seq;
  if (!madeRoom) compare('messages', then.messages + aged, state.messages);
  if (state.messages > 0 && aged === 0 && !madeRoom) compare('first sequence', restored.firstSeq, state.first_seq);
  // A stream of interest that nobody had has stored nothing: then no archive holds its last sequence (measured on 2.9.10).
  const forgotten = state.messages === 0 && restored.messages === 0 && restored.lastSeq < state.last_seq;
  const further = countsFurther(seen, then, state);
  if (!forgotten && !further) compare('last sequence', then.lastSeq, state.last_seq);
  // Consumers whose state is kept in memory are counted, and stand in no archive.
  compare('consumers', restored.consumers.length, seen?.consumers.length ?? state.consumer_count);
  if (noted !== undefined && (noted.state.messages !== state.messages || noted.state.firstSeq !== state.first_seq || noted.state.lastSeq !== state.last_seq)) wrong.push(`by the manifest ${noted.state.messages} messages (${noted.state.firstSeq} to ${noted.state.lastSeq}), by its backup.json ${state.messages} (${state.first_seq} to ${state.last_seq})`);
  const lost = noted?.consumers.filter((consumer) => consumer.memory !== true && !restored.consumers.some(({ name: is }) => is === consumer.name)).map((consumer) => consumer.name) ?? [];
  if (lost.length > 0) wrong.push(`without the consumers ${someOf(lost)}`);
  const delivering = restored.consumers.filter(({ delivering: is }) => is).map(({ name: is }) => is);
  if (delivering.length > 0) wrong.push(`${someOf(delivering)} began to deliver`);
  if (wrong.length > 0) return failed(name, `${someOf(wrong)}.`);
  if (forgotten) return warning(name, `It was empty and is empty, but it counts from ${restored.lastSeq}, where it stood at ${state.last_seq}: consumers that know a later sequence wait for it.`);
  if (further) return warning(name, `All ${state.messages} messages are there (${state.first_seq} to ${state.last_seq}), and it counts from ${then.lastSeq}: messages came in while the backup was taken, and no others get their numbers.`);
  return passed(name, `${restored.messages} messages (${restored.firstSeq} to ${restored.lastSeq}) and ${restored.consumers.length} consumer(s), as when it was backed up${aged > 0 ? `, but for ${aged} that have reached the age at which the stream drops them` : ''}; nothing was delivered.`);
}

/**
 * Servers since 2.10 write the last sequence into a v1 archive (`msgs/index.db`), which may be that of messages that came in after
 * their block was read; 2.15 counts on from there (measured: a backup of 2.10.27 under load, restored into 2.15.1).
 */
function countsFurther(seen: StreamArchive | undefined, then: RestoredStream, state: WireState): boolean {
  return seen?.format === 'v1' && seen.problems.length === 0 && seen.lastSeq === state.last_seq && then.lastSeq > state.last_seq && state.messages > 0 && then.messages === state.messages && then.firstSeq === state.first_seq;
}

/** A raw archive: nothing says what there was, but what stands in it should stand in the server. It holds deleted ones as well. */
function checkAgainstArchive(name: string, restored: RestoredStream, seen: StreamArchive | undefined): Check {
  if (seen === undefined || Number(seen.config?.['max_age'] ?? 0) > 0) return skipped(name, 'Nothing says how many messages there were.');
  if (restored.messages > seen.messages || restored.lastSeq < seen.lastSeq || (restored.messages > 0 && restored.firstSeq < seen.firstSeq) || restored.consumers.length !== seen.consumers.length) return failed(name, `${restored.messages} messages (${restored.firstSeq} to ${restored.lastSeq}) and ${restored.consumers.length} consumer(s); its archive holds ${seen.messages} (${seen.firstSeq} to ${seen.lastSeq}) and ${seen.consumers.length}.`);
  const delivering = restored.consumers.filter((one) => one.delivering).map((one) => one.name);
  return delivering.length > 0 ? failed(name, `${someOf(delivering)} began to deliver.`) : skipped(name, `${restored.messages} messages (${restored.firstSeq} to ${restored.lastSeq}) of ${seen.messages} records of the archive; nothing says how many there were.`);
}
