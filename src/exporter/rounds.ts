/**
 * Looks at every source in its own rhythm and publishes what was seen. A failed look keeps the last values and sets
 * `cordum_exporter_source_up` to 0: what cannot be seen must neither look healthy nor vanish, which would resolve its alerts.
 */
import type { Registry } from 'prom-client';
import type { Clock } from '#kernel/clock.ts';
import type { Failure } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import { registerSeries, type Sample, type Series, type SourceName } from './series.ts';
import type { Look, Source } from './source.ts';

/** One look, all its calls together. */
const LOOK_TIMEOUT_MS = 12_000;
const MOST_AT_ONCE = 4;
/** A source that failed is asked again after so long, where its own rhythm is slower. */
const AFTER_FAILURE_MS = 60_000;
/** Of one source on one target. Names come from the target, so their number has a limit here. */
const MOST_SERIES = 500;
/** A label is no place for a novel. */
const LONGEST_LABEL = 200;
const STOPPING: Failure = { reason: 'cancelled', message: 'The bot is stopping.' };

export interface RoundsOptions {
  readonly sources: readonly Source[];
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: Log;
  /** How long one look may take, ms. */
  readonly timeoutMs?: number;
}

/** A fresh look, for an incident that is about to close. */
export type Reread = { readonly seen: true; readonly samples: readonly Sample[]; readonly at: number } | { readonly seen: false; readonly because: string };

export interface Rounds {
  /** Looks now and then again. Resolves when every source was looked at once. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Every source once. */
  poll(): Promise<void>;
  /** A look that began after this call. */
  reread(target: string, source: SourceName): Promise<Reread>;
}

interface Watch {
  readonly source: Source;
  /** The series that stand now, by their labels. */
  readonly standing: Map<string, Sample>;
  running: Promise<Seen> | undefined;
  waiting: Promise<Seen> | undefined;
  trouble: string | undefined;
  full: boolean;
  cancelNext(): void;
}

interface Seen extends Look {
  readonly at: number;
}

export function createRounds(options: RoundsOptions): Rounds {
  const { clock, log } = options;
  const series = registerSeries(options.registry);
  const timeoutMs = options.timeoutMs ?? LOOK_TIMEOUT_MS;
  const stopping = new AbortController();
  const turns = createTurns(MOST_AT_ONCE);
  const watches = options.sources.map((source): Watch => {
    series('cordum_exporter_source_up').set({ target: source.target, source: source.name }, 0);
    series('cordum_exporter_source_last_success_timestamp_seconds').set({ target: source.target, source: source.name }, 0);
    return { source, standing: new Map(), running: undefined, waiting: undefined, trouble: undefined, full: false, cancelNext: () => {} };
  });

  const run = (watch: Watch): Promise<Seen> => {
    watch.running = turns(() => lookAt(watch.source, { clock, timeoutMs, stopping: stopping.signal, log })).then((seen) => {
      watch.running = undefined;
      // What was cut off by our own end says nothing of the target.
      if (!stopping.signal.aborted) publish(watch, seen, series, log);
      return seen;
    });
    return watch.running;
  };
  const fresh = (watch: Watch): Promise<Seen> => {
    if (watch.running === undefined) return run(watch);
    // Whoever asks while one runs gets the next one; all of them share it.
    watch.waiting ??= watch.running.then(() => {
      watch.waiting = undefined;
      return run(watch);
    });
    return watch.waiting;
  };
  const round = async (watch: Watch): Promise<void> => {
    const startedAt = clock.now();
    const seen = await (watch.running ?? run(watch));
    if (stopping.signal.aborted) return;
    const pauseMs = seen.failure === undefined ? watch.source.everyMs : Math.min(watch.source.everyMs, AFTER_FAILURE_MS);
    watch.cancelNext = clock.schedule(Math.max(clock.now(), startedAt + pauseMs), () => void round(watch));
  };

  return {
    async start() {
      await Promise.all(watches.map(round));
    },
    async stop() {
      stopping.abort();
      for (const watch of watches) watch.cancelNext();
      await Promise.all(watches.flatMap((watch) => watch.waiting ?? watch.running ?? []));
    },
    async poll() {
      await Promise.all(watches.map((watch) => watch.running ?? run(watch)));
    },
    async reread(target, name) {
      const watch = watches.find(({ source }) => source.target === target && source.name === name);
      if (watch === undefined) return { seen: false, because: `the bot has no source "${name}" for the target ${target}` };
      const { samples, failure, at } = await fresh(watch);
      return failure === undefined ? { seen: true, samples, at } : { seen: false, because: failure.message };
    },
  };
}

interface LookParts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly stopping: AbortSignal;
  readonly log: Log;
}

async function lookAt(source: Source, { clock, timeoutMs, stopping, log }: LookParts): Promise<Seen> {
  // The time of the look is that of its beginning: what came later may not have been seen.
  const at = clock.now();
  if (stopping.aborted) return { samples: [], failure: STOPPING, at };
  const late = new AbortController();
  const tooLate: Failure = { reason: 'timeout', message: `Not everything was answered within ${timeoutMs / 1_000} s.` };
  const gaveUp = new Promise<Look>((resolve) => {
    late.signal.addEventListener('abort', () => resolve({ samples: [], failure: tooLate }), { once: true });
    stopping.addEventListener('abort', () => resolve({ samples: [], failure: STOPPING }), { once: true });
  });
  const cancel = clock.schedule(at + timeoutMs, () => late.abort());
  try {
    // A port that does not heed its signal must not hold up the rounds.
    return { ...(await Promise.race([source.look({ signal: AbortSignal.any([late.signal, stopping]) }), gaveUp])), at };
  } catch (error) {
    // A mistake in reading one answer must not end the rounds, and even less the bot.
    log.error({ error, target: source.target, source: source.name }, 'a look of the exporter broke');
    return { samples: [], failure: { reason: 'unexpected', message: 'The look broke; this is a bug, the log has its trace.' }, at };
  } finally {
    cancel();
  }
}

function publish(watch: Watch, seen: Seen, series: ReturnType<typeof registerSeries>, log: Log): void {
  const { source, standing } = watch;
  const { target, name } = source;
  const before = new Set(standing.keys());
  for (const sample of seen.samples) {
    const labels = Object.fromEntries(Object.entries(sample.labels).map(([label, value]) => [label, value.slice(0, LONGEST_LABEL)]));
    const key = JSON.stringify([sample.series, labels]);
    if (!standing.has(key) && standing.size >= MOST_SERIES) {
      if (!watch.full) log.warn({ target, source: name, limit: MOST_SERIES }, 'there is more to export than the limit; the rest has no series');
      watch.full = true;
      continue;
    }
    before.delete(key);
    standing.set(key, { ...sample, labels });
    series(sample.series).set({ target, ...labels }, sample.value);
  }
  if (seen.failure === undefined) for (const key of before) forget(watch, key, series);
  series('cordum_exporter_source_up').set({ target, source: name }, seen.failure === undefined ? 1 : 0);
  if (seen.failure === undefined) series('cordum_exporter_source_last_success_timestamp_seconds').set({ target, source: name }, seen.at / 1_000);
  tell(watch, seen.failure, log);
}

function forget({ source, standing }: Watch, key: string, series: (name: Sample['series']) => Series): void {
  const gone = standing.get(key);
  standing.delete(key);
  if (gone !== undefined) series(gone.series).remove({ target: source.target, ...gone.labels });
}

/** The log is told changes only. */
function tell(watch: Watch, failure: Failure | undefined, log: Log): void {
  if (failure?.message === watch.trouble) return;
  watch.trouble = failure?.message;
  const what = { target: watch.source.target, source: watch.source.name };
  if (failure === undefined) log.info(what, 'the exporter sees everything again');
  else log.warn({ ...what, reason: failure.reason, because: failure.message }, 'the exporter cannot see everything; what it does not see keeps its last values');
}

/** At most `most` at a time, in the order in which they came. */
function createTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = [];
  let busy = 0;
  return async (work) => {
    if (busy >= most) await new Promise<void>((resolve) => queue.push(resolve));
    else busy += 1;
    try {
      return await work();
    } finally {
      // The turn is handed on, so `busy` stays.
      const next = queue.shift();
      if (next === undefined) busy -= 1;
      else next();
    }
  };
}
