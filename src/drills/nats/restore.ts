/** Restores the streams of a backup into the sandbox, one after the other, and lets the server check each of them. */
import { createReadStream } from 'node:fs';
import type { StreamArchive } from '#backups/archive/archive.ts';
import { cameMeanwhile } from '#backups/archive/meanwhile.ts';
import { formatOf } from '#backups/archive/read.ts';
import { isNewer, knowsMarks, whyNotReadable } from '#backups/archive/readable.ts';
import type { Manifest } from '#backups/manifest.ts';
import { fail, type FailureReason, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { failed, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import { checkIsolation } from '../isolation.ts';
import type { SandboxNats } from '../sandbox/sandbox.ts';
import { configOf, stateOf } from './archive-checks.ts';
import type { StreamBackup, WireState } from './backup-files.ts';
import type { NatsSandboxClient, RestoredStream } from './client.ts';
import type { NatsDrill } from './facts.ts';
import type { Look } from './look.ts';

/** A message may be 1 MiB long by default, and the sandbox has the defaults; with fewer and larger pieces it waits less. */
const CHUNK_BYTES = 512 * 1024;

/** After these the server is gone, or works no more. */
const SILENT: ReadonlySet<FailureReason> = new Set(['timeout', 'unreachable']);

export interface Tried {
  readonly restored: Result<RestoredStream>;
  /** Whether the checksums are right; a failure where nothing was restored. */
  readonly sound: Result<null>;
}

export interface Restore {
  readonly checks: readonly Check[];
  readonly server?: SandboxNats;
  /** Open; absent where the sandbox was not to be used. */
  readonly client?: NatsSandboxClient;
  readonly tried: ReadonlyMap<string, Tried>;
}

/** `looking`: what is known of the archives, when it is known. Only a raw archive must wait for it, since it alone says what the stream was. */
export async function restoreAll(backups: readonly StreamBackup[], { starting, looking, manifest, drill }: { readonly starting: Promise<Result<SandboxNats>>; readonly looking: Promise<Look>; readonly manifest: Manifest | undefined; readonly drill: NatsDrill }, ctx: DrillContext): Promise<Restore> {
  const tried = new Map<string, Tried>();
  const started = await starting;
  if (!started.ok) return { checks: [failed('nats.restore.loads', started.failure.message)], tried };
  const server = started.value;
  const isolation = checkIsolation('nats', { ids: [server.serverId], addresses: [addressOf(server)] }, drill.live);
  if (isolation.status === 'failed') return { checks: [isolation], server, tried };
  const client = await drill.connectNats(server);
  try {
    let silentSince = '';
    for (const backup of backups) {
      const { stream } = backup;
      const restored: Result<RestoredStream> = silentSince === '' ? await restoreOne(backup, { client, version: server.version, looking, manifest }, ctx) : fail('unavailable', `Not tried: the nats-server of the sandbox answers nobody since ${silentSince} was restored.`);
      if (!restored.ok && SILENT.has(restored.failure.reason)) silentSince = stream;
      const sound = restored.ok ? await ctx.during('verify', `letting the server check ${stream}`, () => client.check(stream, ctx.signal)) : restored;
      tried.set(stream, { restored, sound });
    }
    return { checks: [isolation], server, client, tried };
  } catch (error) {
    await client.close();
    throw error;
  }
}

export function addressOf({ url }: SandboxNats): string {
  return url.replace('nats://', '');
}

interface Restoring {
  readonly client: NatsSandboxClient;
  readonly version: string;
  readonly looking: Promise<Look>;
  readonly manifest: Manifest | undefined;
}

async function restoreOne(backup: StreamBackup, { client, version, looking, manifest }: Restoring, ctx: DrillContext): Promise<Result<RestoredStream>> {
  const { stream, archive } = backup;
  const noted = manifest?.nats?.streams.find(({ name }) => name === stream);
  const by = manifest?.source.serverVersion ?? '';
  const format = archive === undefined ? 'v1' : await formatOf(createReadStream(archive.copy));
  // An earlier server stops working on what it does not know, so the archive is looked at first where it may be of a later one.
  const looked = backup.config === undefined || (!knowsMarks(version) && (by === '' || knowsMarks(by))) ? (await looking).streams.find((one) => one.stream === stream) : undefined;
  const because = whyNotReadable({ format, by, deleted: looked?.seen !== undefined && holdsDeleted(looked.seen, stateOf(looked)) }, version);
  if (because !== '') return fail('refused', because);
  const config = backup.config ?? configOf(looked ?? { ...backup, seen: undefined });
  if (archive === undefined || config === undefined) return fail('invalid', archive === undefined || format === 'v1' ? 'There is nothing that could be restored.' : 'A v2 archive does not say what its stream was: the backup.json that was written with it is needed.');
  const state = (stateOf({ ...backup, noted }) ?? {}) as JsonObject;
  const restored = await ctx.during('restore', `restoring ${stream}`, () => client.restore({ config: forSandbox(config), state, source: createReadStream(archive.copy, { highWaterMark: CHUNK_BYTES }), chunkBytes: CHUNK_BYTES, signal: ctx.signal }));
  if (restored.ok || !isNewer(by, version)) return restored;
  return fail(restored.failure.reason, `${restored.failure.message} It is a backup of nats-server ${by}, and ${version} of the sandbox may not read what a later one writes.`);
}

function holdsDeleted(seen: StreamArchive, state: WireState | undefined): boolean {
  return (seen.deletionMarks ?? 0) > 0 || (seen.indexedAsOne === true && state !== undefined && seen.messages > state.messages + cameMeanwhile(seen, state));
}

/** One server, nobody to copy from, nobody to copy to, nothing is too old, and nothing that was due meanwhile is published (2.15.1 does so at once). */
function forSandbox(config: JsonObject): JsonObject {
  const { sources: _sources, mirror: _mirror, republish: _republish, placement: _placement, allow_msg_schedules: _schedules, ...rest } = config;
  return { ...rest, num_replicas: 1, ...(Number(rest['max_age'] ?? 0) > 0 ? { max_age: 0 } : {}) };
}
