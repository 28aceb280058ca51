/** The RDB files of a backup without a server: header, checksum, every record parsed. */
import { basename } from 'node:path';
import type { Manifest } from '#backups/manifest.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import { lookAtRdb, type RdbHead } from '#backups/redis/rdb-file.ts';
import { failed, passed, skipped, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import type { Fetched } from '../fetch.ts';

export interface CheckedFile {
  readonly path: string;
  readonly head?: RdbHead;
  /** Records in it; undefined when `redis-check-rdb` could not count them. */
  readonly keys?: number;
}

export async function checkRdbFiles(files: readonly Fetched[], manifest: Manifest | undefined, ctx: DrillContext): Promise<{ readonly checks: readonly Check[]; readonly files: readonly CheckedFile[] }> {
  const checks: Check[] = [];
  const checked: CheckedFile[] = [];
  const bad: string[] = [];
  const wrong: string[] = [];
  const counts: string[] = [];
  for (const file of files) {
    const look = await lookAtRdb(file.copy);
    if (!look.ok) bad.push(`${basename(file.path)}: ${look.because}`);
    const counted = ctx.redisCheckRdb === undefined || !look.ok ? undefined : await checkRdb(ctx.redisCheckRdb, file.copy, ctx.signal);
    if (counted?.ok === false) wrong.push(`${basename(file.path)}: ${counted.because}`);
    const noted = manifest?.redis?.shards.find((shard) => shard.file === file.path);
    if (counted?.ok === true && noted !== undefined && noted.keys !== counted.keys) counts.push(`${basename(file.path)} holds ${counted.keys} keys, it held ${noted.keys}`);
    checked.push({ path: file.path, ...(look.ok ? { head: look.head } : {}), ...(counted?.ok === true ? { keys: counted.keys } : {}) });
  }
  checks.push(bad.length > 0 ? failed('redis.rdb.header', bad.join('; ')) : passed('redis.rdb.header', `RDB version ${[...new Set(checked.map(({ head }) => head?.rdbVersion))].join(', ')}, each with a checksum.`));
  if (ctx.redisCheckRdb === undefined) checks.push(skipped('redis.rdb.records', 'There is no redis-check-rdb on PATH (Debian: redis-tools); the server that loads the files compares the checksum as well.'));
  else checks.push(wrong.length > 0 ? failed('redis.rdb.records', wrong.join('; ')) : bad.length > 0 ? failed('redis.rdb.records', 'Not every file could be parsed.') : passed('redis.rdb.records', `Every record of ${files.length} file(s) parses and the checksums are right.`));
  if (counts.length > 0) checks.push(failed('redis.rdb.count', `${counts.join('; ')}.`));
  return { checks, files: checked };
}
