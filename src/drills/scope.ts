/** What a drill is about: one store, or all of them restored together. */
import { STORES, type Store } from '#backups/names.ts';

export const DRILL_SCOPES = [...STORES, 'all'] as const;
export type DrillScope = Store | 'all';

/** With which the names of its own checks begin: those of a store begin with the store. */
export function prefixOfScope(scope: DrillScope): Store | 'system' {
  return scope === 'all' ? 'system' : scope;
}

/** For a sentence: "the drill of …". */
export function sayScope(scope: string): string {
  return scope === 'all' ? 'all stores' : scope;
}
