/** What was restored against the live Redis that it should be a backup of. */
import type { Manifest } from '#backups/manifest.ts';
import { readSlots } from '#backups/redis/cluster.ts';
import { slotOf } from '#backups/redis/slots.ts';
import { failed, passed, skipped, warning, type Check } from '../check.ts';
import type { RedisLive } from './facts.ts';

/** What chance would do once in so many backups is not chance; with fewer files than the live cluster has primaries, less is enough. */
const CHANCE = 1e-6;
const CHANCE_OF_FEWER = 0.02;

/** Whether its manifest names a server of the live system: then it is known of which system it is. */
export function isOfLive(manifest: Manifest | undefined, live: RedisLive | undefined): boolean {
  return manifest?.source.identity.some((id) => live?.identity.includes(id) === true) === true;
}

/** Nodes of a cluster keep their ids; a single server has another one after each start. */
export function checkSource(store: 'redis' | 'config', manifest: Manifest | undefined, live: RedisLive | undefined): Check {
  const name = `${store}.source.live`;
  if (manifest === undefined || live === undefined) return skipped(name, manifest === undefined ? 'There is no manifest that says of which Redis it is.' : 'No live Redis was given to compare with.');
  const { mode, address } = manifest.source;
  if (mode !== live.mode) return failed(name, `It is a backup of ${mode === 'cluster' ? 'a cluster' : 'a single server'} (${address}), and ${live.mode === 'cluster' ? 'a cluster' : 'a single server'} is live.`);
  if (isOfLive(manifest, live)) return passed(name, `It is a backup of the live Redis (${address}).`);
  if (mode === 'cluster') return failed(name, `It is a backup of another cluster (${address}): no node of it is among the live ones.`);
  return warning(name, `The Redis that was backed up (${address}) has another run id than the live one: it was started again since, or it is another one.`);
}

/** A primary that lives holds its share of the keys; where none of the restored ones is of its slots, its file is missing. */
export function checkPrimaries(sampled: readonly string[], files: number, { manifest, live }: { readonly manifest: Manifest | undefined; readonly live: RedisLive | undefined }): Check {
  const name = 'redis.shards.live';
  if (live === undefined || live.mode !== 'cluster') return skipped(name, 'No live cluster was given to compare with.');
  if (manifest?.complete === true && isOfLive(manifest, live)) return passed(name, `By its manifest it holds every primary that the live cluster had; ${live.primaries.length} live.`);
  const slots = sampled.map(slotOf);
  const limit = files < live.primaries.length ? CHANCE_OF_FEWER : CHANCE;
  for (const { slots: owned, keys } of live.primaries) {
    const ranges = owned.flatMap((text) => readSlots(text) ?? []);
    const chance = (1 - keys / Math.max(1, live.keys)) ** slots.length;
    if (chance < limit && !slots.some((slot) => ranges.some(({ from, to }) => slot >= from && slot <= to))) return failed(name, `The live primary of the slots ${owned.slice(0, 3).join(', ')} holds ${keys} of ${live.keys} keys, and none of ${slots.length} restored ones, chosen by chance, is of its slots: its shard is missing.`);
  }
  return passed(name, `${files} file(s), and keys of each of the ${live.primaries.length} live primaries that has its share.`);
}
