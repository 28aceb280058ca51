/** The metrics as the listener serves them: what only a look can tell (the journal, what waits for people) is looked up for each scrape. */
import { type Clock, waitUntil } from '#kernel/clock.ts';
import type { Journal } from '#engine/ports.ts';
import type { DrillView } from '#operations/operations.ts';
import type { HttpMetrics } from '#surfaces/http/probes.ts';
import type { Metrics } from '#telemetry/metrics.ts';

/** A scrape waits at most this long for the exporter's first look, ms, so that a restart does not show an empty queue. */
const FIRST_LOOK_MS = 5_000;
/** More waiting approvals or unknown runs than this are told as so many. */
const MOST_COUNTED = 500;

export interface ScrapeParts {
  readonly metrics: Metrics;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly firstLook: { readonly seen: boolean };
  /** The configured drills. */
  drills?(): Promise<readonly DrillView[]>;
}

export function scrapeOf({ metrics, journal, clock, firstLook, drills }: ScrapeParts): HttpMetrics {
  return {
    contentType: metrics.contentType,
    observeRequest: (request) => metrics.observeRequest(request),
    async text() {
      const until = clock.now() + FIRST_LOOK_MS;
      while (!firstLook.seen && clock.now() < until) await waitUntil(clock, clock.now() + 50);
      await look(metrics, journal);
      metrics.observeDrills((await drills?.() ?? []).map(lastPassed));
      return metrics.text();
    },
  };
}

/** Of several stores the one that passed the longest ago: a drill of all is as good as its worst part. */
function lastPassed({ name, stores }: DrillView): { readonly drill: string; readonly atMs: number } {
  return { drill: name, atMs: Math.min(...stores.map(({ lastPassedAt }) => (lastPassedAt === null ? 0 : Date.parse(lastPassedAt)))) };
}

async function look(metrics: Metrics, journal: Journal): Promise<void> {
  try {
    const { writable } = await journal.probe();
    metrics.observeJournal(writable);
    const pending = await journal.query({ kind: 'approval', open: true, key: 'pending', limit: MOST_COUNTED });
    const runs = await journal.query({ kind: 'run', open: true, limit: MOST_COUNTED });
    metrics.observeWaiting({ approvals: pending.length, unknownRuns: runs.filter(({ summary }) => summary['status'] === 'unknown').length });
  } catch {
    // A journal that cannot even be asked is not writable; what was counted keeps its last value.
    metrics.observeJournal(false);
  }
}
