/**
 * What an incident needs after its notification was acknowledged: start its run, tell its run, look again, close. All of it is driven
 * from the journal's `dueAt`, so a crash between two steps loses none, and it never stands in the way of a webhook.
 */
import type { IndexEntry, Journal } from '#engine/ports.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';

/** Incidents that are worked on at the same time. A storm of new ones must not starve the webhooks that bring them. */
const CONCURRENCY_MAX = 4;
/** Those that are being worked on still stand first among the due ones; behind them there must be enough to fill every place. */
const DUE_MAX = 2 * CONCURRENCY_MAX;
/** The journal may refuse everything; then it is asked again this often. */
const PAUSE_MS = 1_000;

export interface Worker {
  /** Something is due at that time, ms since the epoch. */
  dueAt(atMs: number): void;
  start(): void;
  /** Resolves when nothing is being worked on any more. */
  stop(): Promise<void>;
}

export interface WorkerParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Does the one next thing of this incident; `idle` when there was nothing to do. Rejects only when the journal fails. */
  step(row: IndexEntry): Promise<'worked' | 'idle'>;
}

export function createWorker(parts: WorkerParts): Worker {
  const { journal, clock, log } = parts;
  const busy = new Map<string, Promise<void>>();
  let running = false;
  let woken = false;
  let looking: Promise<void> = Promise.resolve();
  let pausedUntilMs = 0;
  const alarm = createAlarm(clock, wake);

  async function work(row: IndexEntry): Promise<void> {
    let outcome: 'worked' | 'idle' = 'idle';
    try {
      outcome = await parts.step(row);
    } catch (error) {
      pausedUntilMs = clock.now() + PAUSE_MS;
      log.error({ incident: row.id, error }, 'an incident could not be worked on; trying again');
    }
    busy.delete(row.id);
    // A due row with nothing to do was out of date. Looking again at once could only spin on it.
    if (outcome === 'worked') wake();
    else alarm.set(clock.now() + PAUSE_MS);
  }

  async function look(): Promise<void> {
    if (clock.now() < pausedUntilMs) return alarm.set(pausedUntilMs);
    const free = CONCURRENCY_MAX - busy.size;
    if (free <= 0) return;
    const due = await journal.query({ kind: 'incident', open: true, dueBefore: clock.now(), limit: DUE_MAX });
    if (!running) return;
    for (const row of due.filter(({ id }) => !busy.has(id)).slice(0, free)) busy.set(row.id, work(row));
    if (busy.size > 0) return;
    const next = await journal.nextDueAt('incident');
    if (next !== undefined) alarm.set(next);
  }

  /** One look at the end of the turn, however many notifications were stored in it. */
  function wake(): void {
    if (!running || woken) return;
    woken = true;
    setImmediate(() => {
      looking = looking.then(async () => {
        woken = false;
        alarm.clear();
        if (running) await look();
      });
      looking = looking.catch((error: unknown) => {
        log.error({ error }, 'due incidents could not be read; trying again');
        pausedUntilMs = clock.now() + PAUSE_MS;
        alarm.set(pausedUntilMs);
      });
    });
  }

  return {
    dueAt(atMs) {
      if (atMs <= clock.now()) wake();
      else if (running) alarm.set(atMs);
    },
    start() {
      running = true;
      wake();
    },
    async stop() {
      running = false;
      await looking;
      await Promise.all(busy.values());
      alarm.clear();
    },
  };
}

/** Of several times the earliest is kept: whoever is woken finds out the next one. */
function createAlarm(clock: Clock, ring: () => void): { set(atMs: number): void; clear(): void } {
  let setForMs = Number.POSITIVE_INFINITY;
  let cancel = (): void => {};
  const clear = (): void => {
    cancel();
    setForMs = Number.POSITIVE_INFINITY;
  };
  return {
    set(atMs) {
      if (atMs >= setForMs) return;
      clear();
      setForMs = atMs;
      cancel = clock.schedule(atMs, ring);
    },
    clear,
  };
}
