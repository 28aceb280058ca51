/**
 * Sandboxes whose drill was killed. Each has a folder with a lease that names its owner; whoever starts a drill first looks for
 * leases whose owner is gone, ends the processes that work in that folder, and removes it.
 */
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { z } from 'zod';

const FOLDER = /^runbook-bot-drill-[A-Za-z0-9]{6}$/;
const PREFIX = 'runbook-bot-drill-';
const LEASE = 'lease.json';
/** A folder without a readable lease is left alone for so long: its owner may be about to write it. */
const YOUNG_MS = 60_000;

const leaseShape = z.object({ pid: z.int().positive(), startTicks: z.string(), createdAt: z.number() });

export interface Reaped {
  readonly folder: string;
  readonly killed: readonly number[];
}

/** A new folder, leased to this process. */
export async function leaseFolder(parent: string, nowMs: number): Promise<string> {
  const folder = await mkdtemp(join(parent, PREFIX));
  const lease = { pid: process.pid, startTicks: (await startTicks(process.pid)) ?? '', createdAt: nowMs };
  await writeFile(join(folder, LEASE), JSON.stringify(lease), { mode: 0o600 });
  return folder;
}

/** Ends and removes what killed drills have left in `parent`. */
export async function reapOrphans(parent: string, nowMs: number): Promise<readonly Reaped[]> {
  const reaped: Reaped[] = [];
  for (const name of await list(parent)) {
    if (!FOLDER.test(name)) continue;
    const folder = join(parent, name);
    if (await isLeased(folder, nowMs)) continue;
    const killed = await killIn(folder);
    await rm(folder, { recursive: true, force: true });
    reaped.push({ folder, killed });
  }
  return reaped;
}

/** Processes that work in this folder or below it, ended with SIGKILL; those that were found. */
export async function killIn(folder: string): Promise<readonly number[]> {
  const killed: number[] = [];
  for (const pid of await processesIn(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
      killed.push(pid);
    } catch {
      // It ended by itself meanwhile.
    }
  }
  return killed;
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

async function isLeased(folder: string, nowMs: number): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(join(folder, LEASE), 'utf8');
  } catch {
    return nowMs - (await createdAt(folder)) < YOUNG_MS;
  }
  const lease = leaseShape.safeParse(parse(text));
  if (!lease.success) return nowMs - (await createdAt(folder)) < YOUNG_MS;
  // A pid alone may have been given to another process since.
  return (await startTicks(lease.data.pid)) === lease.data.startTicks;
}

/** When a process began, in the machine's own count; undefined when there is none. */
async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the 22nd field of all is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return isAlive(pid) ? '' : undefined;
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

async function createdAt(folder: string): Promise<number> {
  const { stat } = await import('node:fs/promises');
  try {
    return (await stat(folder)).mtimeMs;
  } catch {
    return 0;
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
