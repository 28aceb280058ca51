/** One after another, by key: the second click of a double click is looked at when the first has been carried out. */

export type InTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Holds no more than the requests at work, which `inbound` limits. */
export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
