/**
 * Sandboxes whose drill was killed. Each has a folder whose name says who owns it; whoever starts a drill first looks for folders
 * whose owner is gone, ends the processes that work in them, and removes them. The name is the lease: it comes into being with the
 * folder, so there is no moment at which a killed drill leaves a folder that belongs to nobody.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, sep } from 'node:path';
import { waitUntil, type Clock } from '#kernel/clock.ts';

/** `runbook-bot-drill-<machine>-<pid>-<start of the process>-<chance>`. */
const FOLDER = /^runbook-bot-drill-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[A-Za-z0-9]{6}$/;
const PREFIX = 'runbook-bot-drill';
/** On a shared disk, the folder of another machine, whose processes cannot be seen from here, is left alone for so long. */
const FOREIGN_MS = 24 * 60 * 60_000;
/** SIGKILL takes a moment where much memory is freed. */
const GONE_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 10;

export interface Reaped {
  readonly folder: string;
  readonly killed: readonly number[];
}

/** A new folder, leased to this process. */
export async function leaseFolder(parent: string): Promise<string> {
  // Processes are known by their working directory, in which no symbolic link stands.
  const folder = await realpath(parent);
  return mkdtemp(join(folder, `${PREFIX}-${machine()}-${process.pid}-${(await startTicks(process.pid)) ?? '0'}-`));
}

/** Ends and removes what killed drills have left in `parent`. What cannot be removed (it belongs to another user) is left. */
export async function reapOrphans(parent: string, clock: Clock): Promise<readonly Reaped[]> {
  const reaped: Reaped[] = [];
  for (const name of await list(parent)) {
    const folder = join(await realpath(parent), name);
    if (!(await isOrphan(folder, name, clock.now()))) continue;
    try {
      const killed = await killIn(folder, clock);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      reaped.push({ folder, killed });
    } catch {
      // Another reaper is at it, or it is not ours to remove; the next drill tries again.
    }
  }
  return reaped;
}

/** Processes that work in this folder or below it, ended with SIGKILL and gone when this returns; those that were found. */
export async function killIn(folder: string, clock: Clock): Promise<readonly number[]> {
  const killed = new Set<number>();
  const until = clock.now() + GONE_WITHIN_MS;
  for (;;) {
    const found = await processesIn(folder);
    if (found.length === 0 || clock.now() >= until) return [...killed];
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
        killed.add(pid);
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await waitUntil(clock, clock.now() + LOOK_EVERY_MS);
  }
}

/** By their working directory, which a server cannot hide (Redis rewrites its command line). Linux only; elsewhere none are found. */
export async function processesIn(folder: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await list('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const cwd = await link(`/proc/${name}/cwd`);
    if (cwd === folder || cwd?.startsWith(folder + sep) === true || cwd === `${folder} (deleted)`) found.push(Number(name));
  }
  return found;
}

async function isOrphan(folder: string, name: string, nowMs: number): Promise<boolean> {
  const [, where, pid, ticks] = FOLDER.exec(name) ?? [];
  if (where === undefined || ticks === undefined) return false;
  try {
    const found = await lstat(folder);
    if (!found.isDirectory()) return false;
    if (where !== machine()) return nowMs - found.mtimeMs > FOREIGN_MS;
  } catch {
    return false;
  }
  // A number alone may have been given to another process since.
  return ((await startTicks(Number(pid))) ?? '') !== ticks;
}

/** Pods have names of their own, so that two of them that share a disk do not take each other's drills for orphans. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

/** When a process began, in the machine's own count; undefined when there is none. Without /proc all began at 0. */
async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the 22nd field of all is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return isAlive(pid) ? '0' : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function link(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch {
    return undefined;
  }
}
