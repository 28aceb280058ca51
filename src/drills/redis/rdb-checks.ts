/** The RDB files of a backup without a server: header, checksum, every record parsed. */
import { basename } from 'node:path';
import type { Manifest } from '#backups/manifest.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import { lookAtRdb, type RdbHead } from '#backups/redis/rdb-file.ts';
import { failed, passed, skipped, type Check } from '../check.ts';
import type { DrillContext } from '../context.ts';
import type { Copied } from '../fetch.ts';
import { againstShard, compareCounts, type DatabaseKeys } from './rdb-counts.ts';

export interface CheckedFile {
  readonly path: string;
  readonly head?: RdbHead;
  /** Records in it; undefined when `redis-check-rdb` could not count them. */
  readonly keys?: number;
  /** As Redis counted them when it began to write; undefined where the file does not say. */
  readonly databases?: readonly DatabaseKeys[];
}

export async function checkRdbFiles(files: readonly Copied[], manifest: Manifest | undefined, ctx: DrillContext): Promise<{ readonly checks: readonly Check[]; readonly files: readonly CheckedFile[] }> {
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
    if (!look.ok || counted?.ok !== true) {
      checked.push({ path: file.path, ...(look.ok ? { head: look.head } : {}) });
      continue;
    }
    const one = { name: basename(file.path), path: file.copy, head: look.head, counted };
    const { wrong: contradictions, databases } = await compareCounts(one);
    const noted = manifest?.redis?.shards.find((shard) => shard.file === file.path);
    counts.push(...contradictions, ...(manifest === undefined || noted === undefined ? [] : againstShard(one, noted, manifest.source)));
    checked.push({ path: file.path, head: look.head, keys: counted.keys, ...(databases === undefined ? {} : { databases }) });
  }
  checks.push(bad.length > 0 ? failed('redis.rdb.header', bad.join('; ')) : passed('redis.rdb.header', `RDB version ${[...new Set(checked.map(({ head }) => head?.rdbVersion))].join(', ')}, each with a checksum.`));
  if (ctx.redisCheckRdb === undefined) checks.push(skipped('redis.rdb.records', 'There is no redis-check-rdb on PATH (Debian: redis-tools); the server that loads the files compares the checksum as well.'));
  else checks.push(wrong.length > 0 ? failed('redis.rdb.records', wrong.join('; ')) : bad.length > 0 ? failed('redis.rdb.records', 'Not every file could be parsed.') : passed('redis.rdb.records', `Every record of ${files.length} file(s) parses and the checksums are right.`));
  const bases = checked.filter(({ head }) => head?.aofBase === true).map(({ path }) => basename(path));
  if (bases.length > 0) checks.push(failed('redis.rdb.whole', `${bases.join(', ')} is the base of an append-only file: what was written since stands in files beside it, which are not in the backup.`));
  checks.push(...takenTogether(checked));
  if (counts.length > 0) checks.push(failed('redis.rdb.count', `${counts.join('; ')}.`));
  return { checks, files: checked };
}

/** Shards are copied one after the other; one of another hour is one of another backup. */
const TOGETHER_MS = 30 * 60_000;

function takenTogether(files: readonly CheckedFile[]): readonly Check[] {
  const times = files.flatMap(({ head }) => (head?.createdMs === undefined ? [] : [head.createdMs]));
  if (files.length < 2 || times.length === 0) return [];
  const apart = Math.max(...times) - Math.min(...times);
  const name = 'redis.shards.together';
  return [apart > TOGETHER_MS ? failed(name, `By their headers the shards were written ${Math.round(apart / 60_000)} minutes apart: they are of different backups.`) : passed(name, `By their headers the shards were written within ${Math.round(apart / 1_000)} s.`)];
}
