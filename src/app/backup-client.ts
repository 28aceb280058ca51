/** What the steps on backups are given: the directory of the target, and its live systems to take backups from. */
import { readInventory, type Inventory } from '#backups/inventory.ts';
import { listBackups } from '#backups/listing.ts';
import type { Manifest } from '#backups/manifest.ts';
import { readName, timeOfStamp } from '#backups/names.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import { verifySet } from '#backups/verify.ts';
import { AHEAD_MS, roomOf } from '#backups/watching.ts';
import type { TargetConfig } from '#config/config.ts';
import { findProgram } from '#config/programs.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { BackupClient, Call, SourceFacts, StoreName, TakenFacts } from '#systems/backup/client.ts';
import { sizeText } from '#systems/backup/words.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import { createRedisClient } from '#systems/redis/client.ts';
import { intOf } from '#systems/redis/info.ts';
import { natsOf } from './live-system.ts';
import { missingForRedis } from './backup-parts.ts';
import { backUpTarget, natsOfTarget } from './target-backups.ts';

/** Between the intent and the name of its backup there is no other clock than ours, which may be set back a little. */
const SINCE_LEEWAY_MS = 5 * 60_000;
const OF_CORDUM = 'CORDUM_';

/** Undefined: the target names no directory of backups. */
export function createBackupClient(target: TargetConfig, clock: Clock): BackupClient | undefined {
  const { backups: directory, backupRetentionMs } = target;
  if (directory === undefined) return undefined;
  return {
    directory,
    keptSeconds: backupRetentionMs === undefined ? undefined : Math.round(backupRetentionMs / 1_000),
    async list(perStore) {
      const inventory = await readInventory(directory);
      return inventory.ok ? succeed(listBackups(withoutFuture(inventory.value, clock.now()), clock.now(), perStore)) : inventory;
    },
    room: () => roomOf(directory),
    async verify(name) {
      const inventory = await readInventory(directory, (names) => names.filter((one) => one === name || one.startsWith(`${name}.`) || one.startsWith(`${name}-node`) || readName(one) === undefined));
      if (!inventory.ok) return inventory;
      const set = inventory.value.sets.find(({ store, stamp }) => `${store}-${stamp}` === name);
      if (set === undefined) return succeed(undefined);
      const program = findProgram('redis-check-rdb');
      return succeed(await verifySet(directory, set, { checkRdb: program === undefined ? undefined : (file) => checkRdb(program, file) }));
    },
    source: (store, call) => (store === 'nats' ? natsSource(target, call) : redisSource(target, store, { clock, call })),
    async take(store, effect, { signal }) {
      const taken = await backUpTarget(target, { store, directory, effect }, { clock, signal });
      return taken.ok ? succeed(factsOf(taken.value.manifest, taken.value.manifestPath.replace('.manifest.json', ''))) : taken;
    },
    async find(store, { effect, sinceMs }) {
      const inventory = await readInventory(directory, (names) => names.filter((name) => isManifestSince(name, store, sinceMs - SINCE_LEEWAY_MS)));
      if (!inventory.ok) return inventory;
      for (const { manifest, stamp } of inventory.value.sets) if (typeof manifest === 'object' && 'tool' in manifest && manifest.tool.effect === effect) return succeed(factsOf(manifest, `${store}-${stamp}`));
      return succeed(undefined);
    },
    close: () => Promise.resolve(),
  };
}

function isManifestSince(name: string, store: StoreName, sinceMs: number): boolean {
  const read = readName(name);
  return read?.kind === 'manifest' && read.store === store && (timeOfStamp(read.stamp) ?? 0) >= sinceMs;
}

/** A name of tomorrow is that of no backup which has been taken: it would look fresh until then. */
function withoutFuture({ sets, strangers, directory }: Inventory, nowMs: number): Inventory {
  const future = sets.filter(({ namedMs }) => namedMs > nowMs + AHEAD_MS);
  return { directory, sets: sets.filter((set) => !future.includes(set)), strangers: [...future.map(({ store, stamp }) => `${store}-${stamp} (of the future)`), ...strangers] };
}

function factsOf({ complete, missing, files, takenAt, finishedAt }: Manifest, set: string): TakenFacts {
  return { set, complete, missing, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: files.length, takenAt, finishedAt };
}

async function redisSource({ redis }: TargetConfig, store: 'redis' | 'config', { clock, call }: { readonly clock: Clock; readonly call: Call }): Promise<Result<SourceFacts>> {
  if (redis === undefined) return fail('invalid', 'The target has no redis configured: there is nothing to back up from.', 'no');
  const missing = store === 'redis' ? missingForRedis() : undefined;
  if (missing !== undefined) return { ok: false, failure: missing };
  const client = createRedisClient(redis, { clock });
  try {
    const survey = await client.survey(call);
    if (!survey.ok) return survey;
    if (store === 'config') return succeed({ from: [client.address], bytes: undefined, load: [] });
    const primaries = survey.value.servers.filter(({ role }) => role === 'master');
    const infos = await Promise.all(primaries.map(({ node }) => node.info(call)));
    const used = infos.reduce((sum, info) => sum + (info.ok ? intOf(info.value, 'used_memory') : 0), 0);
    const saving = infos.filter((info) => info.ok && info.value.get('rdb_bgsave_in_progress') === '1').length;
    return succeed({
      from: [client.address],
      bytes: infos.every(({ ok }) => ok) ? used : undefined,
      load: [
        `${primaries.length === 1 ? 'The primary' : `Each of the ${primaries.length} primaries, one after the other,`} forks to write its data (a BGSAVE): pages that are written meanwhile are copied, in the worst case as much memory again as it uses.`,
        `The machine of the bot loads the copy to see what is in it, and needs ${sizeText(used)} of memory for a moment.`,
        ...(saving === 0 ? [] : [`${saving} of them is saving already; the backup waits for its end.`]),
      ],
    });
  } finally {
    await client.close();
  }
}

async function natsSource(target: TargetConfig, { signal }: Call): Promise<Result<SourceFacts>> {
  const live = natsOfTarget(target);
  if (!live.ok) return live;
  const { addresses, options } = natsOf(live.value);
  const opened = await openStreamClient(options);
  if (!opened.ok) return opened;
  try {
    const streams = await opened.value.streams();
    if (!streams.ok) return streams;
    const ours = streams.value.filter((name) => name.startsWith(OF_CORDUM));
    if (ours.length === 0) return fail('notFound', `NATS has no stream of Cordum (${OF_CORDUM}…): there is nothing to back up.`);
    let bytes = 0;
    for (const name of ours) {
      signal.throwIfAborted();
      const state = await opened.value.state(name);
      if (!state.ok) return state;
      bytes += state.value.bytes;
    }
    return succeed({ from: addresses.map(({ label }) => label), bytes, load: [`Streams: ${ours.join(', ')}. The server reads each of them from its disk once to check it and once to send it.`] });
  } finally {
    await opened.value.close();
  }
}
