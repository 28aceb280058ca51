/** The sandbox on a real socket and the real clock, with what a test asks of it at the end. */
import { expect, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { seedDlq, type Seeded } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type CallRecord, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { CORDUM_KEY } from './bot.ts';

/** How long a retried job works, ms. */
const JOB_RUNS_MS = 100;

export interface TestCordum {
  readonly sandbox: Sandbox;
  readonly seeded: Seeded;
  readonly url: string;
}

export async function startCordum(deadJobs: number): Promise<TestCordum> {
  const sandbox = createSandbox({ clock: systemClock, apiKey: CORDUM_KEY, tenant: 'default' });
  const { url } = await sandbox.start();
  onTestFinished(() => sandbox.stop());
  const seeded = seedDlq(sandbox, deadJobs);
  sandbox.setOutcome('*', 'succeed', JOB_RUNS_MS);
  return { sandbox, seeded, url };
}

/** Everything that may change something in Cordum. */
export function writesOf(sandbox: Sandbox): readonly CallRecord[] {
  return sandbox.calls.filter((call) => call.method !== 'GET');
}

/** Every safe entry was retried, once and by this person; nothing else was touched. */
export function expectDrainedOnce({ sandbox, seeded }: TestCordum, approver: string): void {
  const writes = writesOf(sandbox);
  expect(writes.map((call) => `${call.method} ${decodeURIComponent(call.path)}`).toSorted()).toEqual(seeded.safe.map((id) => `POST /api/v1/dlq/${id}/retry`).toSorted());
  expect(new Set(writes.map((call) => call.principal))).toEqual(new Set([approver]));
  expect(sandbox.entryIds().toSorted()).toEqual(seeded.others.toSorted());
}

/** The most of these moments that fall into one second. */
export function mostInOneSecond(momentsMs: readonly number[]): number {
  const sorted = momentsMs.toSorted((a, b) => a - b);
  return Math.max(0, ...sorted.map((from) => sorted.filter((at) => at >= from && at < from + 1_000).length));
}
