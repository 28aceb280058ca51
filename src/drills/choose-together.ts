/**
 * The backups that one drill restores together. A set of each store is wanted that belongs to the others: the newest of each, as a
 * restore after a disaster would take them; else one is drawn or named, and of the other stores that counts which is nearest in time.
 */
import type { BackupSet, Inventory } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import { chooseSet, type Choice } from './choose.ts';

export function chooseTogether(inventory: Inventory, stores: readonly Store[], choice: Choice, nowMs: number): ReadonlyMap<Store, BackupSet> {
  const chosen = new Map<Store, BackupSet>();
  if (choice.kind === 'latest') {
    for (const store of stores) keep(chosen, store, chooseSet(inventory, store, choice, nowMs));
    return chosen;
  }
  // The first store that has such a set leads.
  for (const store of stores) {
    const lead = chooseSet(inventory, store, choice, nowMs);
    if (lead === undefined) continue;
    for (const one of stores) keep(chosen, one, one === store ? lead : nearest(inventory, one, lead.namedMs));
    break;
  }
  return chosen;
}

function keep(chosen: Map<Store, BackupSet>, store: Store, set: BackupSet | undefined): void {
  if (set !== undefined) chosen.set(store, set);
}

/** Of two that are as near the newer one: sets stand with the newest first. */
function nearest(inventory: Inventory, store: Store, atMs: number): BackupSet | undefined {
  const apart = ({ namedMs }: BackupSet): number => Math.abs(namedMs - atMs);
  const [first, ...others] = inventory.sets.filter((set) => set.store === store);
  if (first === undefined) return undefined;
  return others.reduce((best, set) => (apart(set) < apart(best) ? set : best), first);
}
