/** Which backups a drill has tried, for its answer and its evidence. */
import type { BackupSet } from '#backups/inventory.ts';
import { isoTime } from '#kernel/clock.ts';
import type { Drilled } from './drilled.ts';

export interface DrilledSet {
  readonly store: string;
  readonly set: string;
  readonly takenAt: string;
  readonly ageSeconds: number;
  readonly bytes: number;
  /** By which the sample of its manifest was drawn when it was taken; null where the manifest does not say. */
  readonly sampleSeed: string | null;
}

/** Of several sets: their names with commas between them, the oldest age, the sum of the bytes. */
export interface DrilledBackup {
  readonly set: string;
  readonly takenAt: string;
  readonly ageSeconds: number;
  readonly bytes: number;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string | null }[];
  readonly sets: readonly DrilledSet[];
}

/** Null: there was none. */
export function drilledBackup(chosen: readonly BackupSet[], drilled: readonly Drilled[], startedMs: number): DrilledBackup | null {
  if (chosen.length === 0) return null;
  const resultOf = (set: BackupSet) => drilled.find((one) => one.set === set)?.result;
  const sets = chosen.map((set): DrilledSet => {
    const takenMs = takenBy(set, resultOf(set)?.takenMs);
    return { store: set.store, set: `${set.store}-${set.stamp}`, takenAt: isoTime(takenMs), ageSeconds: Math.max(0, Math.round((startedMs - takenMs) / 1_000)), bytes: set.bytes, sampleSeed: seedOf(set) };
  });
  const oldest = sets.reduce((a, b) => (b.takenAt < a.takenAt ? b : a));
  return {
    set: sets.map(({ set }) => set).join(', '),
    takenAt: oldest.takenAt,
    ageSeconds: oldest.ageSeconds,
    bytes: sets.reduce((sum, { bytes }) => sum + bytes, 0),
    files: chosen.flatMap((set) => set.files.map(({ path, bytes }) => ({ path, bytes, sha256: resultOf(set)?.files?.find((file) => file.path === path)?.sha256 ?? null }))),
    sets,
  };
}

/** A drill that broke off has no claim but that of the name. */
function takenBy(set: BackupSet, byDrill: number | undefined): number {
  return byDrill === undefined || byDrill === 0 ? set.namedMs : byDrill;
}

function seedOf({ manifest }: BackupSet): string | null {
  return typeof manifest === 'object' && 'redis' in manifest ? (manifest.redis?.sampleSeed ?? null) : null;
}
