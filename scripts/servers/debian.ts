import { spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as nap } from 'node:timers/promises';
import { findServer, onPath } from '../../test/kit/servers/binaries.ts';
import type { Machine, Ran } from './ensure.ts';

const TRIES_MAX = 3;
const PAUSE_MS = 3_000;
/** One apt-get; Chromium is a hundred megabytes. */
const APT_WITHIN_MS = 8 * 60_000;
const OUTPUT_KEPT = 4_000;
/** Debian starts a service after installing it, unless this script says no (101: action forbidden by policy). */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** This machine. Packages are installed on Debian and its kin as root, quietly, without starting their services. */
export const thisMachine: Machine = {
  find: (name) => findServer(name),
  mayNotInstall() {
    if (onPath('apt-get') === undefined || !existsSync('/etc/debian_version')) return 'this is not Debian';
    if (process.getuid?.() !== 0) return 'installing needs root';
    return undefined;
  },
  update: () => apt(['update']),
  install: (packages) => withoutServices(() => apt(['install', '--yes', '--no-install-recommends', ...packages])),
  say: (line) => console.error(`servers: ${line}`),
};

async function withoutServices(install: () => Promise<Ran>): Promise<Ran> {
  if (existsSync(SERVICE_POLICY)) return install();
  writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await install();
  } finally {
    rmSync(SERVICE_POLICY, { force: true });
  }
}

async function apt(args: readonly string[]): Promise<Ran> {
  let last: Ran = { ok: false, because: 'not tried' };
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    last = await run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2', ...args]);
    if (last.ok) return last;
    if (attempt === TRIES_MAX) break;
    thisMachine.say(`apt-get ${args[0]} failed (${last.because}), trying again`);
    await nap(PAUSE_MS * attempt);
  }
  return last;
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: APT_WITHIN_MS,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output = (output + chunk).slice(-OUTPUT_KEPT)));
    child.once('error', (error) => resolve({ ok: false, because: error.message }));
    child.once('close', (code, signal) => resolve(code === 0 ? { ok: true } : { ok: false, because: lastLine(output) ?? `ended with ${signal ?? `code ${code}`}` }));
  });
}

/** apt-get puts its reason last: `E: Unable to locate package …`. */
function lastLine(output: string): string | undefined {
  const lines = output.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1);
}
