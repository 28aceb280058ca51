/** Restores the streams of a backup into the sandbox, one after the other, and lets the server check each of them. */
import { createReadStream } from 'node:fs';
import { formatOf } from '#backups/archive/read.ts';
import type { Manifest } from '#backups/manifest.ts';
import { fail, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { failed, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import { checkIsolation } from '../isolation.ts';
import type { SandboxNats } from '../sandbox/sandbox.ts';
import { configOf, stateOf } from './archive-checks.ts';
import type { StreamBackup } from './backup-files.ts';
import type { NatsSandboxClient, RestoredStream } from './client.ts';
import type { NatsDrill } from './facts.ts';
import type { Look } from './look.ts';

/** The first server that reads `NATSARC1`. */
const V2_SINCE = [2, 15] as const;
/** A message may be 1 MiB long by default, and the sandbox has the defaults; with fewer and larger pieces it waits less. */
const CHUNK_BYTES = 512 * 1024;

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
    for (const backup of backups) {
      const { stream, archive } = backup;
      const noted = manifest?.nats?.streams.find(({ name }) => name === stream);
      const config = backup.config ?? configOf((await looking).streams.find((one) => one.stream === stream) ?? { ...backup, seen: undefined });
      const restored = archive === undefined || config === undefined ? fail('invalid', 'There is nothing that could be restored.') : await restoreOne({ stream, path: archive.copy, config, state: stateOf({ ...backup, noted }) as JsonObject | undefined }, { client, version: server.version }, ctx);
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

async function restoreOne(backup: { readonly stream: string; readonly path: string; readonly config: JsonObject; readonly state: JsonObject | undefined }, { client, version }: { readonly client: NatsSandboxClient; readonly version: string }, ctx: DrillContext): Promise<Result<RestoredStream>> {
  const { stream, path, config, state = {} } = backup;
  if (!isAtLeast(version, V2_SINCE) && (await formatOf(createReadStream(path))) === 'v2') return fail('refused', `It is a v2 archive (NATSARC1), which nats-server ${version} does not read: ${V2_SINCE.join('.')} or later is needed.`);
  return ctx.during('restore', `restoring ${stream}`, () => client.restore({ config: forSandbox(config), state, source: createReadStream(path, { highWaterMark: CHUNK_BYTES }), chunkBytes: CHUNK_BYTES, signal: ctx.signal }));
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
