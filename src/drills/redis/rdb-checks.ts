/** The RDB files of a backup without a server: header, checksum, every record parsed. */
import { basename } from 'node:path';
import type { Manifest } from '#backups/manifest.ts';
import { checkRdb, type CheckedRdb } from '#backups/redis/check-rdb.ts';
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
    if (look.ok && counted?.ok === true) counts.push(...contradictions(basename(file.path), look.head, counted));
    const noted = manifest?.redis?.shards.find((shard) => shard.file === file.path);
    if (counted?.ok === true && noted !== undefined && noted.keys !== counted.keys) counts.push(`${basename(file.path)} holds ${counted.keys} keys, it held ${noted.keys}`);
    checked.push({ path: file.path, ...(look.ok ? { head: look.head } : {}), ...(counted?.ok === true ? { keys: counted.keys } : {}) });
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

/** What Redis wrote at the head of the file against what stands in it: both are of one moment. */
function contradictions(name: string, { firstDatabase, bytes }: RdbHead, counted: CheckedRdb): readonly string[] {
  const wrong: string[] = [];
  if (counted.endsAt !== bytes) wrong.push(`${name} goes on for ${bytes - counted.endsAt} bytes behind its end`);
  const said = firstDatabase;
  const only = counted.databases.length === 1 && counted.databases[0] === said?.id;
  if (said !== undefined && only && (said.keys !== counted.keys || said.volatile !== counted.volatile)) wrong.push(`${name} says that it holds ${said.keys} keys, ${said.volatile} with a time to live; it holds ${counted.keys} and ${counted.volatile}`);
  return wrong;
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
