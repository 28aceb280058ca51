/**
 * A bounded memory: what has not been asked for of late is forgotten. Two generations instead of an exact order, since
 * keeping an exact order costs more per webhook than everything that is remembered by it.
 */
export interface Recent<V> {
  get(key: string): V | undefined;
  /** Weights let one large thing count as many small ones. */
  set(key: string, value: V, weight?: number): void;
  delete(key: string): void;
}

interface Kept<V> {
  readonly value: V;
  readonly weight: number;
}

/** Holds at most `maxWeight`, and at least half of it of what was used last. */
export function createRecent<V>(maxWeight: number): Recent<V> {
  let young = new Map<string, Kept<V>>();
  let old = new Map<string, Kept<V>>();
  let youngWeight = 0;

  function keep(key: string, kept: Kept<V>): void {
    youngWeight += kept.weight - (young.get(key)?.weight ?? 0);
    young.set(key, kept);
    if (youngWeight <= maxWeight / 2) return;
    old = young;
    young = new Map();
    youngWeight = 0;
  }

  return {
    get(key) {
      const kept = young.get(key);
      if (kept !== undefined) return kept.value;
      const aged = old.get(key);
      if (aged === undefined) return undefined;
      old.delete(key);
      keep(key, aged);
      return aged.value;
    },
    set(key, value, weight = 1) {
      old.delete(key);
      keep(key, { value, weight });
    },
    delete(key) {
      youngWeight -= young.get(key)?.weight ?? 0;
      young.delete(key);
      old.delete(key);
    },
  };
}
