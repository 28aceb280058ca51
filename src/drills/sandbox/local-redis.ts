/**
 * A Redis that loads one RDB, the way that works: an empty folder, append-only off (with it on, Redis ignores the RDB), no saves,
 * and, for a cluster, new nodes that are introduced to each other only when each has loaded its shard.
 */
import { copyFile, constants, mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { whoWroteTooNew } from '#backups/redis/check-rdb.ts';
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { startChild, type Child } from './child.ts';
import type { RedisToLoad } from './sandbox.ts';

const LOOK_EVERY_MS = 20;
/** A file of 50 GB loads in minutes; a server that says nothing for longer has hung. */
const LOAD_WITHIN_MS = 60 * 60_000;
const LAST_LINES = 3;

export interface RedisNode {
  readonly child: Child;
  readonly port: number;
  readonly loaded: { readonly keys: number; readonly expired: number };
  readonly loadMs: number;
}

export interface NodeOptions {
  readonly command: string;
  readonly folder: string;
  readonly port: number;
  readonly password: string;
  readonly shard: RedisToLoad;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Starts a server and waits until it has loaded the file, or has said why it cannot. */
export async function startRedisNode(options: NodeOptions): Promise<Result<RedisNode>> {
  const { command, folder, port, shard, clock, signal } = options;
  await mkdir(folder, { mode: 0o700 });
  await link(shard.file, join(folder, 'dump.rdb'));
  await writeFile(join(folder, 'redis.conf'), configOf(options), { mode: 0o600 });
  const startedAt = clock.now();
  const child = startChild(command, [join(folder, 'redis.conf')], folder);
  while (clock.now() - startedAt < LOAD_WITHIN_MS) {
    if (signal.aborted) {
      await child.kill();
      return fail('cancelled', 'The drill was cancelled.');
    }
    const output = child.output();
    if (!child.running()) return await notLoaded(shard.file, output);
    if (/Ready to accept connections/.test(output)) {
      const loaded = loadedOf(output);
      if (loaded !== undefined) return succeed({ child, port, loaded, loadMs: clock.now() - startedAt });
      // Without the file, which may have gone meanwhile, a server starts empty; a restore of nothing would remove everything.
      await child.kill();
      return fail('unavailable', `Redis started, and does not say that it has loaded ${shard.file}.`);
    }
    await waitUntil(clock, clock.now() + LOOK_EVERY_MS, signal);
  }
  await child.kill();
  return fail('timeout', `Redis has not loaded ${shard.file} within ${LOAD_WITHIN_MS / 60_000} minutes.`);
}

/** The server reads the file and never writes it: no saves, and it is ended with SIGKILL. */
async function link(file: string, to: string): Promise<void> {
  try {
    await symlink(file, to);
  } catch {
    await copyFile(file, to, constants.COPYFILE_FICLONE);
  }
}

function configOf({ folder, port, password, shard }: NodeOptions): string {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode yes',
    `requirepass ${password}`,
    `masterauth ${password}`,
    `dir "${folder}"`,
    'dbfilename dump.rdb',
    'appendonly no',
    'save ""',
    `rdbchecksum ${shard.checkedElsewhere === true ? 'no' : 'yes'}`,
    'daemonize no',
    'loglevel notice',
    'logfile ""',
  ];
  if (shard.slots !== undefined) lines.push('cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-require-full-coverage no', 'cluster-node-timeout 5000');
  return `${lines.join('\n')}\n`;
}

/** Where the nodes of a cluster speak among themselves, unless they are told otherwise, which they cannot be before 7.0; undefined: there is no such port. */
export function clusterPortOf(port: number): number | undefined {
  return port + 10_000 > 65_535 ? undefined : port + 10_000;
}

/** "Done loading RDB, keys loaded: 12, keys expired: 3." A server without that line has found no file, or is older than 6.2. */
function loadedOf(output: string): RedisNode['loaded'] | undefined {
  const [, keys, expired] = /keys loaded: (\d+), keys expired: (\d+)/.exec(output) ?? [];
  return keys === undefined || expired === undefined ? undefined : { keys: Number(keys), expired: Number(expired) };
}

async function notLoaded(file: string, output: string): Promise<Result<never>> {
  if (/Address already in use/.test(output)) return fail('conflict', 'Somebody else took the port of a Redis of the sandbox, before it could listen there.');
  const writer = await whoWroteTooNew(output, file);
  if (writer === undefined) return fail('invalid', `Redis does not load ${file}: ${whyNot(output)}`);
  const [, name = 'Redis', version = 'of a version that it does not say'] = /(Redis|Valkey) version=([^,\s]+)/.exec(output) ?? [];
  return fail('invalid', `${basename(file)} was written by ${writer.name}, and the redis-server of this machine is ${name} ${version}, which cannot read it: install ${writer.wanted}.`);
}

/** The lines in which Redis says what is wrong, without its own prefix of process and time. */
function whyNot(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => /^\d+:\w+ \d+ \w+ \d+ [\d:.]+ [#*.-] (.*)$/.exec(line)?.[1] ?? line)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:oO0|Redis version|Valkey version|Configuration loaded|monotonic clock|Running mode|Server initialized|WARNING)/.test(line));
  return lines.slice(-LAST_LINES).join(' / ') || 'it says nothing';
}
