/** Takes a backup of the streams of JetStream, in the layout of natscli, and reads each archive back before it counts. */
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isoTime, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { lostBlocks, type StreamArchive } from './archive/archive.ts';
import { cameMeanwhile } from './archive/meanwhile.ts';
import { readStreamArchive } from './archive/read.ts';
import type { Manifest, NatsFacts } from './manifest.ts';
import { cancelled, claimStamp, codeOf, digestFile, discard, finishSet, isOfSystem, prepareDirectory, UNFINISHED, writeFailure, type Taken } from './taking.ts';

export interface LiveStream {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly deleted: number;
  readonly newestMs: number;
  /** `memory`: its state is kept in memory only, and stands in no snapshot. */
  readonly consumers: readonly { readonly name: string; readonly memory: boolean }[];
}

/** The part of a connection to NATS that a backup needs. */
export interface StreamSource {
  readonly server: { readonly id: string; readonly name: string; readonly version: string; readonly cluster: string };
  streams(): Promise<Result<readonly string[]>>;
  state(stream: string): Promise<Result<LiveStream>>;
  snapshot(stream: string, options: { readonly check: boolean; readonly signal?: AbortSignal; write(chunk: Uint8Array): Promise<void> }): Promise<Result<{ readonly config: JsonObject; readonly state: { readonly messages: number; readonly bytes: number; readonly first_seq: number; readonly last_seq: number; readonly consumer_count: number; readonly num_deleted: number }; readonly bytes: number }>>;
  digest(stream: string, range: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number }, signal?: AbortSignal): Promise<string | undefined>;
}

export interface TakeNats {
  /** Without credentials. */
  readonly address: string;
  readonly directory: string;
  readonly tool: Manifest['tool'];
  /** Which streams; one that is not there makes the backup incomplete. Undefined: all of Cordum's. */
  readonly streams: readonly string[] | undefined;
}

export interface TakeNatsParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly source: StreamSource;
  onStep?(doing: string): void;
}

type StreamFacts = NatsFacts['streams'][number];
/** Names that cannot be those of a folder are refused before anything is asked. */
const STREAM_NAME = /^[A-Za-z0-9_-]{1,255}$/;
/** Cordum's streams begin so; these two it cannot do without (cordum.md §5.4). */
const OF_CORDUM = 'CORDUM_';
export const REQUIRED_STREAMS = ['CORDUM_SYS', 'CORDUM_JOBS'] as const;
const NAMED_MAX = 10;

export async function takeNats(take: TakeNats, parts: TakeNatsParts): Promise<Result<Taken>> {
  const { directory } = take;
  const strange = take.streams?.find((name) => !STREAM_NAME.test(name));
  if (strange !== undefined) return fail('invalid', `"${strange.slice(0, 80)}" is not the name of a stream.`);
  const writable = await prepareDirectory(directory);
  if (!writable.ok) return writable;
  const listed = await parts.source.streams();
  if (!listed.ok) return listed;
  const wanted = [...new Set(take.streams ?? [...REQUIRED_STREAMS, ...listed.value.filter((name) => name.startsWith(OF_CORDUM) && STREAM_NAME.test(name))])];
  const others = listed.value.filter((name) => !wanted.includes(name)).toSorted();
  const claimed = await claimStamp(directory, 'nats', parts.clock, parts.signal);
  if (!claimed.ok) return claimed;
  const { stamp, startedMs } = claimed.value;
  // Under a name that no inventory takes for a backup, until every stream is in it.
  const folder = `nats-${stamp}`;
  const unfinished = join(directory, folder + UNFINISHED);
  const streams: StreamFacts[] = [];
  const missing: string[] = [];
  try {
    await mkdir(unfinished, { mode: 0o700 });
    for (const name of wanted) {
      if (!listed.value.includes(name)) {
        missing.push(`${name} (there is no such stream)`);
        continue;
      }
      parts.onStep?.(`taking a snapshot of ${name}`);
      const taken = await takeStream(name, `${folder}/${name}.snapshot`, join(unfinished, `${name}.snapshot`), parts);
      if (taken.ok) streams.push(taken.value);
      else if (parts.signal.aborted) return cancelled();
      else missing.push(`${name} (${taken.failure.message})`);
    }
    if (others.length > 0) parts.onStep?.(`not among them: ${others.slice(0, NAMED_MAX).join(', ')}${others.length > NAMED_MAX ? ' and more' : ''}; name them with --stream`);
    if (streams.length === 0) return fail('unavailable', `No stream could be backed up: ${missing.join('; ')}.`);
    const paths = streams.flatMap(({ name }) => [`${folder}/${name}.snapshot/backup.json`, `${folder}/${name}.snapshot/stream.tar.s2`]);
    const files = await Promise.all(paths.map(async (path) => ({ path, ...(await digestFile(join(unfinished, path.slice(folder.length + 1)))) })));
    const { server } = parts.source;
    const manifest: Manifest = {
      version: 1,
      store: 'nats',
      takenAt: isoTime(startedMs),
      finishedAt: isoTime(parts.clock.now()),
      tool: take.tool,
      source: { address: take.address, serverVersion: server.version, identity: [server.id, ...(server.cluster === '' ? [] : [server.cluster])], mode: server.cluster === '' ? 'standalone' : 'cluster' },
      files,
      complete: missing.length === 0,
      missing,
      nats: { streams },
    };
    return succeed(await finishSet(directory, stamp, [folder], manifest));
  } catch (error) {
    if (parts.signal.aborted) return cancelled();
    return isOfSystem(error) ? { ok: false, failure: writeFailure(directory, error) } : fail('unavailable', `NATS did not give its streams: ${codeOf(error)}.`);
  } finally {
    await discard(directory, 'nats', stamp, [folder]);
  }
}

async function takeStream(name: string, path: string, folder: string, { source, signal }: TakeNatsParts): Promise<Result<StreamFacts>> {
  await mkdir(folder, { mode: 0o700 });
  const archive = join(folder, 'stream.tar.s2');
  const file = await open(archive, 'wx', 0o600);
  let broken: unknown;
  const keep = async (chunk: Uint8Array): Promise<void> => {
    try {
      await file.write(chunk);
    } catch (error) {
      broken = error;
      throw error;
    }
  };
  let snapshot: Awaited<ReturnType<StreamSource['snapshot']>>;
  try {
    snapshot = await source.snapshot(name, { check: true, signal, write: (chunk) => keep(chunk) });
    if (broken !== undefined) throw broken;
    await file.sync();
  } finally {
    await file.close();
  }
  if (!snapshot.ok) {
    await rm(folder, { recursive: true, force: true });
    return snapshot;
  }
  const { config } = snapshot.value;
  // A server before 2.10 ends a snapshot that broke off as if it were whole.
  const seen = await readStreamArchive(createReadStream(archive));
  const live = await source.state(name);
  const state = live.ok && isUnmoved(live.value, snapshot.value.state) ? withMeanwhile(snapshot.value.state, seen) : snapshot.value.state;
  await writeFile(join(folder, 'backup.json'), JSON.stringify({ config, state }), { mode: 0o600, flush: true });
  const inMemory = live.ok ? live.value.consumers.filter((one) => one.memory && !seen.consumers.some((other) => other.name === one.name)) : [];
  const problems = [...seen.problems, ...lostBlocks(seen, state), ...(seen.messages < state.messages ? [`it holds ${seen.messages} of ${state.messages} messages`] : []), ...(seen.consumers.length + inMemory.length === state.consumer_count ? [] : [`it holds ${seen.consumers.length} of ${state.consumer_count} consumers`])];
  if (problems.length > 0) {
    await rm(folder, { recursive: true, force: true });
    return fail('unavailable', `the snapshot is not whole: ${problems.slice(0, 3).join('; ')}`);
  }
  const range = { messages: state.messages, firstSeq: state.first_seq, lastSeq: state.last_seq };
  const digest = seen.contentSha256 ?? (live.ok && isUnmoved(live.value, state) ? await source.digest(name, range, signal) : undefined);
  const after = await source.state(name);
  const certain = digest !== undefined && (seen.contentSha256 !== undefined || (after.ok && isUnmoved(after.value, state)));
  // Whoever reads the archive again then needs to compare the checksums of the messages only.
  const sealed = certain && digest === seen.recordsSha256 && seen.messages === state.messages ? seen.sealsSha256 : undefined;
  return succeed({
    name,
    file: `${path}/stream.tar.s2`,
    format: seen.format,
    state: { messages: state.messages, bytes: state.bytes, firstSeq: state.first_seq, lastSeq: state.last_seq, consumers: state.consumer_count, deleted: state.num_deleted },
    consumers: [...seen.consumers.map((consumer) => ({ name: consumer.name })), ...inMemory.map((consumer) => ({ name: consumer.name, memory: true }))],
    contentSha256: certain ? (digest ?? null) : null,
    ...(sealed === undefined ? {} : { sealsSha256: sealed }),
    newestMessageAt: seen.newestMs === 0 ? null : isoTime(seen.newestMs),
  });
}

/** What the archive holds, where only new messages have come since the server said its state: so whoever restores it can ask for exactly that. */
function withMeanwhile<State extends { readonly messages: number; readonly bytes: number; readonly first_seq: number; readonly last_seq: number }>(state: State, seen: StreamArchive): State {
  const came = cameMeanwhile(seen, state);
  if (came === 0 || seen.problems.length > 0 || seen.messages < state.messages + came) return state;
  // Where messages stand in it that had been deleted, nobody says what the others take up: 0 is not compared.
  const bytes = seen.messages === state.messages + came ? (seen.recordBytes ?? 0) : 0;
  return { ...state, messages: state.messages + came, bytes, first_seq: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last_seq: seen.lastSeq, last_ts: isoTime(seen.newestMs) };
}

/** New messages behind the snapshot do no harm; messages that are gone since would be missing in the digest. */
function isUnmoved(live: LiveStream, state: { readonly first_seq: number; readonly last_seq: number; readonly num_deleted: number }): boolean {
  return live.firstSeq === state.first_seq && live.lastSeq >= state.last_seq && live.deleted === state.num_deleted;
}
