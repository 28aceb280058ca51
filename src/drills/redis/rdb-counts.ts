/** What an RDB file and the manifest say of its keys against what stands in it: all are of one moment. Sentences. */
import type { Manifest } from '#backups/manifest.ts';
import type { CheckedRdb } from '#backups/redis/check-rdb.ts';
import { readSizes, type RdbHead } from '#backups/redis/rdb-file.ts';

export interface CountedFile {
  readonly name: string;
  readonly path: string;
  readonly head: RdbHead;
  readonly counted: CheckedRdb;
}

export interface DatabaseKeys {
  readonly id: number;
  readonly keys: number;
}

/** `databases`: undefined where the file does not say it of each. */
export async function compareCounts({ name, path, head, counted }: CountedFile): Promise<{ readonly wrong: readonly string[]; readonly databases: readonly DatabaseKeys[] | undefined }> {
  const wrong: string[] = [];
  if (counted.endsAt !== head.bytes) wrong.push(`${name} goes on for ${head.bytes - counted.endsAt} bytes behind its end`);
  const { databases } = counted;
  if (databases === undefined) return { wrong, databases: undefined };
  const said = await readSizes(path, databases.map(({ at }) => at));
  if (said.some((size) => size === undefined)) {
    if (head.knownWriter) wrong.push(`${name} does not say how many keys its databases hold, as the Redis ${head.redisVersion} that wrote it does`);
    return { wrong, databases: undefined };
  }
  const keys = said.reduce((sum, size) => sum + (size?.keys ?? 0), 0);
  const volatile = said.reduce((sum, size) => sum + (size?.volatile ?? 0), 0);
  if (keys !== counted.keys || volatile !== counted.volatile) wrong.push(`${name} says that it holds ${keys} keys, ${volatile} with a time to live; it holds ${counted.keys} and ${counted.volatile}`);
  return { wrong, databases: databases.map(({ id }, i) => ({ id, keys: said[i]?.keys ?? 0 })) };
}

export function againstShard({ name, counted, head }: CountedFile, noted: NonNullable<Manifest['redis']>['shards'][number], source: Manifest['source']): readonly string[] {
  const wrong: string[] = [];
  if (noted.keys !== counted.keys) wrong.push(`${name} holds ${counted.keys} keys, it held ${noted.keys}`);
  if (noted.expires !== counted.volatile) wrong.push(`${name} holds ${counted.volatile} keys with a time to live, it held ${noted.expires}`);
  // The nodes of a cluster may have different versions, while it is updated.
  if (source.mode === 'standalone' && head.redisVersion !== '' && source.serverVersion !== head.redisVersion) wrong.push(`${name} is of Redis ${head.redisVersion}, by the manifest of ${source.serverVersion}`);
  return wrong;
}
