/** What a restore would have lost, and how long it took, against what was hoped for. */
import type { BackupSet } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import { isoTime } from '#kernel/clock.ts';
import { failed, passed, skipped, warning, type Check } from './check.ts';
import type { Drilled } from './drilled.ts';

export interface Objectives {
  readonly rpoMs: number;
  /** Somebody has set it, and did not leave it at the default: then it fails the drill. */
  readonly rpoSet?: boolean;
  readonly rtoMs: number;
}

/** A server's clock may be a little ahead of that of who took the backup. */
const AHEAD_MS = 5 * 60_000;

export interface Loss {
  /** The longest of the stores; undefined: no record says when it was written. */
  readonly rpoMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly checks: readonly Check[];
}

export function measureLoss(drilled: readonly Drilled[], { startedMs, limits }: { readonly startedMs: number; readonly limits: Objectives }): Loss {
  const stores = drilled.map((one) => ({ store: one.store, ...newestOf(one) }));
  // Configuration changes when somebody changes it: between other stores its age is not what is lost.
  const counted = stores.filter(({ store, newestMs }) => newestMs !== undefined && (store !== 'config' || stores.length === 1));
  const newestMs = counted.length === 0 ? undefined : Math.min(...counted.map((one) => one.newestMs ?? startedMs));
  const rpoOf = (ms: number): number => Math.max(0, startedMs - ms);
  return {
    newestMs,
    rpoMs: newestMs === undefined ? undefined : rpoOf(newestMs),
    checks: stores.flatMap(({ store, newestMs: newest, odd }) => [rpoCheck(store, newest === undefined ? undefined : rpoOf(newest), limits), ...(odd === '' ? [] : [warning(`${store}.objective.clock`, odd)])]),
  };
}

/**
 * A record cannot be younger than the backup that holds it. Where one says so, a clock was wrong, or a time is no time: then the
 * loss counts from the backup, and it is told.
 */
function newestOf({ set, result: { newestMs, takenMs } }: Drilled): { readonly newestMs: number | undefined; readonly odd: string } {
  if (newestMs === undefined || newestMs <= finishedMs(set) + AHEAD_MS) return { newestMs, odd: '' };
  const from = takenMs === 0 ? set.namedMs : takenMs;
  const said = newestMs <= 8.64e15 ? isoTime(newestMs) : 'a time that there is not';
  return { newestMs: from, odd: `Its newest record is of ${said}, which is after the backup: a clock was wrong. The loss was counted from the backup (${isoTime(from)}).` };
}

/** The latest that it can have been written: by its manifest, else by its name and its files. */
function finishedMs({ manifest, namedMs, files }: BackupSet): number {
  if (typeof manifest === 'object' && 'finishedAt' in manifest) return Date.parse(manifest.finishedAt);
  return Math.max(namedMs, ...files.map(({ modifiedMs }) => modifiedMs));
}

/** A quiet system has old records, so the default is worth a warning only; configuration is always quiet. */
function rpoCheck(store: Store, rpoMs: number | undefined, { rpoMs: objectiveMs, rpoSet = false }: Objectives): Check {
  const name = `${store}.objective.rpo`;
  if (rpoMs === undefined) return skipped(name, 'No restored record says when it was written, so the loss cannot be measured.');
  const detail = `${Math.round(rpoMs / 1_000)} s between the newest restored record and the drill; the objective is ${Math.round(objectiveMs / 1_000)} s${rpoSet ? '' : ', by default'}.`;
  if (rpoMs <= objectiveMs) return passed(name, detail);
  return rpoSet && store !== 'config' ? failed(name, detail) : warning(name, detail);
}

export function rtoCheck(prefix: string, rtoMs: number, objectives: Objectives): Check {
  const name = `${prefix}.objective.rto`;
  const detail = `${Math.round(rtoMs / 100) / 10} s to find, fetch, restore and verify; the objective is ${Math.round(objectives.rtoMs / 1_000)} s.`;
  return rtoMs > objectives.rtoMs ? failed(name, detail) : passed(name, detail);
}
