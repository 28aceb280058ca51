/**
 * Publishes what Cordum does not: the depth of its dead-letter queue and when its workers were last seen, so that the
 * alerts of its production guide can fire at all. A failed poll keeps the last values and sets `cordum_exporter_up` to 0:
 * an outage must never look like a queue that has drained.
 */
import { Gauge, type Registry } from 'prom-client';
import { type Clock, waitUntil } from '#kernel/clock.ts';
import { fail, type Failure, type Result, succeed } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { CordumClient } from './client.ts';
import { listDlq, WHOLE_DLQ } from './dlq-listing.ts';
import { createHeartbeats, type Heartbeats } from './heartbeats.ts';
import type { Waiting } from './patience.ts';

/** Twice in Prometheus' usual scrape interval. */
const POLL_MS = 15_000;
/** One poll, all its pages together. */
const POLL_TIMEOUT_MS = 12_000;
const MOST_AT_ONCE = 4;

export interface ExporterTarget {
  readonly name: string;
  readonly client: CordumClient;
}

export interface ExporterOptions {
  readonly targets: readonly ExporterTarget[];
  readonly clock: Clock;
  /** From the beginning of one round to that of the next, ms. */
  readonly pollMs?: number;
  /** How long one poll of one target may take, ms. */
  readonly timeoutMs?: number;
  readonly registry: Registry;
  readonly log: Log;
}

export type FedMetric = 'cordum_dlq_entries' | 'cordum_last_heartbeat_timestamp';

/** What a fresh look at a target's queue saw. */
export type Reading =
  | {
      readonly seen: true;
      readonly target: string;
      /** Distinct entries; when `truncated`, there are at least so many. */
      readonly entries: number;
      readonly truncated: boolean;
      /** When, ms since the epoch. */
      readonly at: number;
    }
  | { readonly seen: false; readonly because: string };

export interface Exporter {
  /** Polls now and then in rounds. Resolves when the first round has ended: serve `/metrics` only then, lest a restart looks like a resolve. */
  start(): Promise<void>;
  /** Ends the rounds and the polls that are under way. */
  stop(): Promise<void>;
  /** One round: every target once. */
  poll(): Promise<void>;
  /** A fresh look that began after this call, also for the metrics. `metric` says what must have been seen; the queue unless told. */
  reread(target: string, metric?: FedMetric): Promise<Reading>;
}

interface Poll {
  readonly queue: Result<{ readonly entries: number; readonly truncated: boolean }>;
  readonly workers: Result<null>;
  readonly at: number;
}

interface Watch {
  readonly target: ExporterTarget;
  readonly heartbeats: Heartbeats;
  running: Promise<Poll> | undefined;
  waiting: Promise<Poll> | undefined;
  /** What the log was last told; it is told changes only. */
  trouble: string | undefined;
}

interface Gauges {
  readonly entries: Gauge<'target'>;
  readonly up: Gauge<'target'>;
  readonly lastSeen: Gauge<'target' | 'worker' | 'pool'>;
}

function createGauges(registry: Registry): Gauges {
  const registers = [registry];
  return {
    entries: new Gauge({ name: 'cordum_dlq_entries', help: 'Entries of the dead-letter queue that the tenant can see, when last seen.', labelNames: ['target'], registers }),
    up: new Gauge({
      name: 'cordum_exporter_up',
      help: '1 when the last poll of the target saw everything, else 0; the other series then keep their last values.',
      labelNames: ['target'],
      registers,
    }),
    lastSeen: new Gauge({
      name: 'cordum_last_heartbeat_timestamp',
      help: "Unix time in seconds of Cordum's last snapshot of its workers that held the worker.",
      labelNames: ['target', 'worker', 'pool'],
      registers,
    }),
  };
}

export function createExporter(options: ExporterOptions): Exporter {
  const { clock, log } = options;
  const gauges = createGauges(options.registry);
  const watches = options.targets.map((target): Watch => {
    gauges.up.set({ target: target.name }, 0);
    return { target, heartbeats: createHeartbeats(gauges.lastSeen, target.name, log), running: undefined, waiting: undefined, trouble: undefined };
  });
  const stopping = new AbortController();
  const timeoutMs = options.timeoutMs ?? POLL_TIMEOUT_MS;
  let cancelNext = (): void => {};

  const run = (watch: Watch): Promise<Poll> => {
    const running = pollOne(watch, clock, timeoutMs, stopping.signal).catch((error: unknown) => broken(watch, error)).then((poll) => {
      watch.running = undefined;
      // What was cut off by our own end says nothing of the target.
      if (!stopping.signal.aborted) publish(watch, poll, gauges, log);
      return poll;
    });
    watch.running = running;
    return running;
  };
  /** A mistake in reading one answer must not end the rounds, and even less the bot. */
  const broken = ({ target }: Watch, error: unknown): Poll => {
    log.error({ error, target: target.name }, 'a poll of Cordum broke');
    const failed = fail('unexpected', 'The look at Cordum broke; this is a bug, the log has its trace.');
    return { queue: failed, workers: failed, at: clock.now() };
  };
  const fresh = (watch: Watch): Promise<Poll> => {
    if (watch.running === undefined) return run(watch);
    // Whoever asks while one runs gets the next one; all of them share it.
    watch.waiting ??= watch.running.then(() => {
      watch.waiting = undefined;
      return run(watch);
    });
    return watch.waiting;
  };

  const poll = async (): Promise<void> => {
    const queue = [...watches];
    const worker = async (): Promise<void> => {
      for (let watch = queue.shift(); watch !== undefined; watch = queue.shift()) await (watch.running ?? run(watch));
    };
    await Promise.all(Array.from({ length: Math.min(MOST_AT_ONCE, watches.length) }, worker));
  };
  const round = async (): Promise<void> => {
    const startedAt = clock.now();
    await poll();
    if (stopping.signal.aborted) return;
    cancelNext = clock.schedule(Math.max(clock.now(), startedAt + (options.pollMs ?? POLL_MS)), () => void round());
  };

  return {
    start: round,
    async stop() {
      stopping.abort();
      cancelNext();
      await Promise.all(watches.flatMap((watch) => watch.waiting ?? watch.running ?? []));
    },
    poll,
    async reread(name, metric = 'cordum_dlq_entries') {
      const watch = watches.find((one) => one.target.name === name);
      if (watch === undefined) return { seen: false, because: 'no Cordum is configured for this target' };
      const seen = await fresh(watch);
      if (!seen.queue.ok) return { seen: false, because: seen.queue.failure.message };
      if (metric === 'cordum_last_heartbeat_timestamp' && !seen.workers.ok) return { seen: false, because: seen.workers.failure.message };
      return { seen: true, target: name, ...seen.queue.value, at: seen.at };
    },
  };
}

async function pollOne({ target, heartbeats }: Watch, clock: Clock, timeoutMs: number, stopping: AbortSignal): Promise<Poll> {
  const late = new AbortController();
  const cancel = clock.schedule(clock.now() + timeoutMs, () => late.abort());
  const signal = AbortSignal.any([late.signal, stopping]);
  const waiting: Waiting = { now: () => clock.now(), sleep: (ms) => waitUntil(clock, clock.now() + ms, signal), signal };
  const explained = <T>(result: Result<T>): Result<T> => (result.ok || !late.signal.aborted ? result : { ok: false, failure: tooLate(timeoutMs) });
  try {
    // The time of the look is that of its beginning: what came later may not have been seen.
    const at = clock.now();
    const listed = await listDlq(target.client, WHOLE_DLQ, waiting);
    const workers = await heartbeats.read(target.client, waiting);
    const queue = listed.ok ? succeed({ entries: listed.value.total, truncated: listed.value.truncated }) : listed;
    return { queue: explained(queue), workers: explained(workers), at };
  } finally {
    cancel();
  }
}

function publish(watch: Watch, poll: Poll, gauges: Gauges, log: Log): void {
  const target = watch.target.name;
  if (poll.queue.ok) gauges.entries.set({ target }, poll.queue.value.entries);
  gauges.up.set({ target }, poll.queue.ok && poll.workers.ok ? 1 : 0);
  const failure = poll.queue.ok ? (poll.workers.ok ? undefined : poll.workers.failure) : poll.queue.failure;
  if (failure?.message === watch.trouble) return;
  watch.trouble = failure?.message;
  if (failure === undefined) log.info({ target }, 'the exporter sees Cordum again');
  else log.warn({ target, reason: failure.reason, because: failure.message }, 'the exporter cannot see Cordum; its series keep their last values');
}

function tooLate(timeoutMs: number): Failure {
  return { reason: 'timeout', message: `Cordum did not answer everything within ${timeoutMs / 1_000} s.` };
}
