/** Which backup a drill takes: the newest, or one by chance within a window, so that in time every kind of backup is tried. */
import { createHash } from 'node:crypto';
import type { BackupSet, Inventory } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';

export type Choice = { readonly kind: 'latest' } | { readonly kind: 'random'; readonly windowMs: number; readonly seed: string } | { readonly kind: 'named'; readonly stamp: string };

/**
 * The same seed over the same sets chooses the same one. Undefined: there is none. A set without a file (its manifest is left, or
 * an empty folder) is chosen like any other: were it passed over, an older one would stand for it.
 */
export function chooseSet(inventory: Inventory, store: Store, choice: Choice, nowMs: number): BackupSet | undefined {
  const sets = inventory.sets.filter((set) => set.store === store);
  if (choice.kind === 'latest') return sets[0];
  if (choice.kind === 'named') return sets.find(({ stamp }) => stamp === choice.stamp);
  const within = sets.filter(({ namedMs }) => nowMs - namedMs <= choice.windowMs);
  const draw = createHash('sha256').update(choice.seed).digest().readUInt32BE(0);
  return within.length === 0 ? undefined : within[draw % within.length];
}
