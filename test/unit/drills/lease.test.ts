import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseFolder, processesIn, reapOrphans } from '#drills/sandbox/lease.ts';
import { systemClock } from '#kernel/clock.ts';

let parent = '';
beforeEach(() => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), 'lease-')));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const PARTS = /^(runbook-bot-drill)-([0-9a-f]{8})-(\d+)-(\d+)-(\w{6})$/;

/** A folder as another owner would have leased it. */
async function leasedTo(change: (parts: { machine: string; pid: string; ticks: string }) => { machine: string; pid: string; ticks: string }): Promise<string> {
  const mine = await leaseFolder(parent);
  const [, prefix, machine = '', pid = '', ticks = '', chance] = PARTS.exec(basename(mine)) ?? [];
  rmSync(mine, { recursive: true });
  const other = change({ machine, pid, ticks });
  const folder = join(parent, `${prefix}-${other.machine}-${other.pid}-${other.ticks}-${chance}`);
  mkdirSync(folder);
  return folder;
}

const dead = (parts: { machine: string; pid: string; ticks: string }) => ({ ...parts, ticks: '1' });

describe('the lease of a sandbox', () => {
  it('keeps the folder of a living drill from the reaper', async () => {
    const folder = await leaseFolder(parent);
    expect(await reapOrphans(parent, systemClock)).toEqual([]);
    expect(existsSync(folder)).toBe(true);
  });

  it('is over when the process is no more, or its number was given to another one', async () => {
    const gone = await leasedTo((parts) => ({ ...parts, pid: '4194303' }));
    const reused = await leasedTo(dead);
    const reaped = await reapOrphans(parent, systemClock);
    expect(new Set(reaped.map((one) => one.folder))).toEqual(new Set([gone, reused]));
    expect([existsSync(gone), existsSync(reused)]).toEqual([false, false]);
  });

  it('of a killed drill ends the processes that work in its folder, below it, and no other', async () => {
    const folder = await leasedTo(dead);
    mkdirSync(join(folder, 'redis-0'));
    const children = [folder, join(folder, 'redis-0'), parent].map((cwd) => spawn('sleep', ['60'], { cwd, stdio: 'ignore' }));
    const [first, second, outside] = children.map(({ pid }) => pid ?? 0);
    try {
      await Promise.all(children.map((child) => new Promise((resolve) => child.once('spawn', resolve))));
      const [reaped] = await reapOrphans(parent, systemClock);
      expect(new Set(reaped?.killed)).toEqual(new Set([first, second]));
      expect(await processesIn(folder)).toEqual([]);
      expect(await processesIn(parent)).toEqual([outside]);
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  });

  it('of another machine, whose processes cannot be seen, holds for a day', async () => {
    const folder = await leasedTo((parts) => ({ ...parts, machine: 'ffffffff' }));
    expect(await reapOrphans(parent, systemClock)).toEqual([]);
    const longAgo = systemClock.now() / 1_000 - 90_000;
    utimesSync(folder, longAgo, longAgo);
    expect(await reapOrphans(parent, systemClock)).toMatchObject([{ folder }]);
  });

  it('never makes the reaper touch what only looks like a sandbox', async () => {
    const precious = join(parent, 'precious');
    mkdirSync(precious);
    const orphan = await leasedTo(dead);
    rmSync(orphan, { recursive: true });
    symlinkSync(precious, orphan);
    for (const name of ['runbook-bot-drill', 'runbook-bot-drill-abc123', 'runbook-bot-drill-zzzzzzzz-1-1-abcdef', 'data']) mkdirSync(join(parent, name));
    expect(await reapOrphans(parent, systemClock)).toEqual([]);
    expect(existsSync(precious)).toBe(true);
    expect(await reapOrphans(join(parent, 'nowhere'), systemClock)).toEqual([]);
  });
});
