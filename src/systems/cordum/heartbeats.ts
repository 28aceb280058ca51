/**
 * When each worker was last seen. Cordum tells no heartbeat times, only its snapshot of the workers that are there and
 * when it was taken; a worker that has vanished from the snapshot keeps the time of the last one that held it.
 */
import { type Result, succeed } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { CordumClient } from './client.ts';
import { patiently, type Waiting } from './patience.ts';

/** A worker that has been away so long is no longer missed. */
const FORGET_AFTER_MS = 24 * 3_600_000;
const MOST_WORKERS = 2_000;
/** Names come from the workers themselves; a label is no place for a novel. */
const LONGEST_NAME = 200;

/** The part of a prom-client gauge that this needs. */
export interface Series {
  set(labels: Readonly<Record<'target' | 'worker' | 'pool', string>>, value: number): void;
  remove(labels: Readonly<Record<'target' | 'worker' | 'pool', string>>): void;
}

export interface Heartbeats {
  /** Reads the workers and sets their series. On failure the series stay as they are. */
  read(client: CordumClient, waiting: Waiting): Promise<Result<null>>;
}

interface Seen {
  readonly pool: string;
  readonly presentAtMs: number;
}

export function createHeartbeats(gauge: Series, target: string, log: Log): Heartbeats {
  const workers = new Map<string, Seen>();
  let full = false;

  const forget = (worker: string): void => {
    const seen = workers.get(worker);
    if (seen === undefined) return;
    workers.delete(worker);
    gauge.remove({ target, worker, pool: seen.pool });
  };
  const present = (worker: string, pool: string, capturedAtMs: number, nowMs: number): void => {
    const before = workers.get(worker);
    if (before === undefined && workers.size >= MOST_WORKERS) {
      if (!full) log.warn({ target, limit: MOST_WORKERS }, 'there are more workers than the exporter follows; the rest have no series');
      full = true;
      return;
    }
    if (before !== undefined && before.pool !== pool) forget(worker);
    workers.set(worker, { pool, presentAtMs: nowMs });
    gauge.set({ target, worker, pool }, capturedAtMs / 1_000);
  };

  return {
    async read(client, waiting) {
      // The time first: a worker that dies in between then looks older than it is, never younger.
      const status = await patiently(waiting, () => client.status({ signal: waiting.signal }));
      if (!status.ok) return status;
      const rows = await patiently(waiting, () => client.workers({ signal: waiting.signal }));
      if (!rows.ok) return rows;
      const capturedAtMs = Date.parse(status.value.workersSeenAt);
      // Cordum leaves the time out for keys without the role admin, and for all while such an answer is cached.
      if (!Number.isFinite(capturedAtMs)) return succeed(null);
      const nowMs = waiting.now();
      for (const [worker, seen] of workers) if (nowMs - seen.presentAtMs > FORGET_AFTER_MS) forget(worker);
      for (const row of rows.value) present(row.workerId.slice(0, LONGEST_NAME), row.pool.slice(0, LONGEST_NAME), capturedAtMs, nowMs);
      return succeed(null);
    },
  };
}
