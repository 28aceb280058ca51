/** A journal as a process sees it that can die at any append: what it wrote stays, and it never hears of anything again. */
import type { Append, Appended, Journal } from '#engine/ports.ts';

export type Fault =
  | 'crash-before' // the process dies before the append reaches the disk
  | 'crash-after' // the append is durable, and the process dies before it hears so
  | 'reject-once'; // the disk is full for a moment

export interface FaultyJournal extends Journal {
  /** Appends so far, those that failed included. */
  readonly appends: number;
  readonly dead: boolean;
  /** From now on no call of this process is answered. */
  kill(): void;
}

export interface FaultPlan {
  /** At the append of this number, 1-based. */
  readonly at?: number;
  readonly fault?: Fault;
  /** Keeps an append back until its promise resolves: a process that was stopped in the middle. */
  hold?(append: Append): Promise<void> | undefined;
}

export function createFaultyJournal(inner: Journal, plan: FaultPlan = {}): FaultyJournal {
  let appends = 0;
  let dead = false;
  // A dead process does not see an error either: its promises stay open for ever.
  const alive = <T>(value: Promise<T>): Promise<T> => new Promise((resolve, reject) => void value.then((v) => dead || resolve(v), (e: unknown) => dead || reject(e)));
  const never = (): Promise<never> => new Promise(() => undefined);

  const append = async (what: Append): Promise<Appended> => {
    appends += 1;
    if (appends === plan.at) {
      if (plan.fault === 'reject-once') throw new Error('no space left on device');
      if (plan.fault === 'crash-before') dead = true;
      if (plan.fault === 'crash-after') {
        dead = true;
        await inner.append(what);
      }
    }
    await plan.hold?.(what);
    return dead ? never() : alive(inner.append(what));
  };

  return {
    get appends() {
      return appends;
    },
    get dead() {
      return dead;
    },
    kill() {
      dead = true;
    },
    append: (what) => (dead ? never() : append(what)),
    read: (stream, from) => (dead ? never() : alive(inner.read(stream, from))),
    readAll: (after, limit) => (dead ? never() : alive(inner.readAll(after, limit))),
    positionBefore: (at) => (dead ? never() : alive(inner.positionBefore(at))),
    find: (kind, id) => (dead ? never() : alive(inner.find(kind, id))),
    query: (query) => (dead ? never() : alive(inner.query(query))),
    nextDueAt: (kind) => (dead ? never() : alive(inner.nextDueAt(kind))),
    onAppended: (listener) => inner.onAppended((events) => void (dead || listener(events))),
    probe: () => inner.probe(),
    close: async () => undefined,
  };
}
