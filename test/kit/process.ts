/** A bot that can die: an engine with its operations over a journal and lamps that outlive it. */
import type { Ids } from '#kernel/ids.ts';
import type { Runbook } from '#language/runbook.ts';
import { foldRun } from '#engine/model/evolve.ts';
import type { RunState } from '#engine/model/state.ts';
import type { Journal, Recorded } from '#engine/ports.ts';
import { succeed, type Result } from '#step-kit/index.ts';
import type { JsonObject } from '#kernel/json.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { createVirtualClock, type VirtualClock } from './clock.ts';
import { createLamps, lampStep, offer, runbook, type Lamps } from './engine.ts';
import { createFaultyJournal, type FaultPlan, type FaultyJournal } from './faulty-journal.ts';
import { createTestIds } from './ids.ts';
import { createOperationsRig, type OperationsRig } from './operations-rig.ts';

/** Where a process dies within a call. */
export type CallFault = 'before-call' | 'after-effect';

export interface Fault extends FaultPlan {
  /** At the call of this number, 1-based. */
  readonly call?: { readonly at: number; readonly fault: CallFault };
}

export interface Outside {
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly ids: Ids;
  readonly lamps: Lamps;
  /** Every probe, as the item's key. */
  readonly probes: string[];
}

export interface Process {
  readonly rig: OperationsRig;
  readonly journal: FaultyJournal;
  readonly book: Runbook;
  kill(): void;
}

export const LANDS_WITHIN_MS = 3_000;

export function createOutside(lamps: number): Outside {
  const clock = createVirtualClock();
  return { clock, journal: createMemoryJournal({ clock }), ids: createTestIds(clock), lamps: createLamps(Array.from({ length: lamps }, (_, i) => `lamp-${i}`)), probes: [] };
}

export async function boot(outside: Outside, fault: Fault = {}): Promise<Process> {
  const { clock, ids, lamps, probes } = outside;
  const journal = createFaultyJournal(outside.journal, fault);
  let calls = 0;
  const never = new Promise<Result<JsonObject>>(() => undefined);
  // The lamps are one and the same for all processes; what a dead process still had in hand reaches them no more.
  const mine: Lamps = {
    all: lamps.all,
    applied: lamps.applied,
    async onApply(item, light) {
      if (journal.dead) return never;
      calls += 1;
      const dies = fault.call?.at === calls ? fault.call.fault : undefined;
      if (dies === 'before-call') journal.kill();
      if (journal.dead) return never;
      const answer = lamps.onApply === undefined ? (light(), succeed({ lamp: item.key })) : await lamps.onApply(item, light);
      if (dies === 'after-effect') journal.kill();
      return journal.dead ? never : answer;
    },
    async onProbe(item) {
      probes.push(item.key);
      if (lamps.onProbe !== undefined) return lamps.onProbe(item);
      return (lamps.all.get(item.key)?.lit ?? 0) > 0 ? { landed: 'applied', result: { lamp: item.key }, evidence: 'it is lit' } : { landed: 'notApplied', evidence: 'it is dark' };
    },
  };
  const step = lampStep(mine, { landsWithinMs: LANDS_WITHIN_MS });
  const book = runbook({ offers: [offer(step, { waves: { sizes: [1, 2, { percent: 100 }], pauseMs: 2_000, deadlineMs: 30_000 } })], done: { ...runbook().done, withinMs: 1_800_000 } });
  const rig = await createOperationsRig([book], [step], { clock, journal, ids });
  return { rig, journal, book, kill: () => journal.kill() };
}

/** What the journal holds, whoever is alive. */
export async function runsIn(journal: Journal): Promise<{ readonly run: RunState; readonly events: readonly Recorded[] }[]> {
  const rows = await journal.query({ kind: 'run', limit: 100 });
  return Promise.all(
    rows.map(async (row) => {
      const events = await journal.read(row.stream);
      const run = foldRun(events);
      if (run === undefined) throw new Error(`${row.stream} is empty`);
      return { run, events };
    }),
  );
}
