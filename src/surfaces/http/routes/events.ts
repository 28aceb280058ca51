/** A run's timeline as server-sent events: what has happened, then what happens, until the run has ended. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { waitUntil } from '#kernel/clock.ts';
import type { TimelineEntry } from '#engine/model/views.ts';
import type { Operations } from '#operations/operations.ts';
import { TimelineEntryShape } from '#operations/shapes.ts';
import { endpoint, found } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { id, Position } from '../input.ts';
import { Refusal } from '../problem.ts';

/** A comment on a quiet line: proxies keep it open, and a peer that is gone is noticed. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for this long is cut off; it can come back with Last-Event-ID. */
const STALLED_MS = 60_000;
export const DEFAULT_MAX_STREAMS = 100;
/** One principal, with all its tabs and scripts, has at most this part of them: nobody can keep the others from watching. */
const SHARE_OF_ONE = 1 / 4;

export interface Streams {
  readonly open: number;
  /** Ends all streams: the server is stopping. */
  end(): void;
}

export interface EventsOptions {
  readonly operations: Operations;
  readonly clock: Clock;
  readonly maxStreams: number;
}

const Query = z.strictObject({ after: Position.meta({ description: 'Entries after this version. Last-Event-ID, when sent, is stronger.' }).exactOptional() });
const Headers = z.object({ 'last-event-id': Position.exactOptional() });

export function eventEndpoints(options: EventsOptions): { readonly endpoints: readonly Endpoint[]; readonly streams: Streams } {
  const { operations, maxStreams } = options;
  const open = new Map<AbortController, string>();
  const shareMax = Math.max(1, Math.floor(maxStreams * SHARE_OF_ONE));
  const events = endpoint({
    method: 'GET',
    path: '/runs/{id}/events',
    summary: 'The timeline of a run as server-sent events. Ends when the run has ended; 204 when there is nothing more to come.',
    schemas: { params: z.strictObject({ id: id('run') }), query: Query, headers: Headers },
    answer: { status: 200, shape: TimelineEntryShape, type: 'text/event-stream' },
    streams: true,
    handle: async ({ principal, params, query, headers, reply }) => {
      const after = headers['last-event-id'] ?? query.after ?? 0;
      const run = found(await operations.run(params.id), 'run');
      const missed = found(await operations.runEvents(params.id, after), 'run');
      // 204 tells an EventSource not to come back, which it would otherwise do for ever.
      if (headers['last-event-id'] !== undefined && run.endedAt !== null && missed.length === 0) return reply.code(204).send();
      if (open.size >= maxStreams) throw new Refusal({ code: 'too-many-streams', message: `${maxStreams} event streams are open, which is the limit.` });
      if ([...open.values()].filter((one) => one === principal.id).length >= shareMax) throw new Refusal({ code: 'too-many-streams', message: `${shareMax} event streams of ${principal.id} are open, which is the limit for one principal.` });

      const stopped = new AbortController();
      open.set(stopped, principal.id);
      reply.raw.once('close', () => {
        open.delete(stopped);
        stopped.abort();
      });
      reply.raw.setTimeout(STALLED_MS, () => reply.raw.destroy());
      // The connection ends with the stream: kept alive it would hold up a server that is stopping.
      void reply.headers({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', connection: 'close' });
      // The reader pulls: what it does not take is not read from the journal, so nothing piles up here.
      return reply.send(Readable.from(frames(options, params.id, after, stopped.signal), { objectMode: true, highWaterMark: 1 }));
    },
  });
  return {
    endpoints: [events],
    streams: {
      get open() {
        return open.size;
      },
      end: () => open.forEach((_principal, stopped) => stopped.abort()),
    },
  };
}

async function* frames({ operations, clock }: EventsOptions, runId: string, after: number, stopped: AbortSignal): AsyncGenerator<string> {
  let changed = Promise.withResolvers<void>();
  const unsubscribe = operations.onChange((change) => {
    if (change.kind === 'run' && change.id === runId) changed.resolve();
  });
  try {
    let version = after;
    yield ': the timeline of this run\n\n';
    while (!stopped.aborted) {
      // Set before reading, so that a change while we read is not slept through. The end is read before the events for the
      // same reason: if the run had ended by then, what follows is all there is.
      changed = Promise.withResolvers<void>();
      const ended = (await operations.run(runId))?.endedAt !== null;
      for (const entry of (await operations.runEvents(runId, version)) ?? []) {
        yield frame(entry);
        version = entry.version;
      }
      if (ended) return;
      if (!(await changedBefore(clock, changed.promise, stopped)) && !stopped.aborted) yield ': still here\n\n';
    }
  } finally {
    unsubscribe();
  }
}

/** Whether a change came before the heartbeat was due. */
async function changedBefore(clock: Clock, changed: Promise<void>, stopped: AbortSignal): Promise<boolean> {
  const slept = new AbortController();
  try {
    const quiet = waitUntil(clock, clock.now() + HEARTBEAT_MS, AbortSignal.any([stopped, slept.signal]));
    return await Promise.race([changed.then(() => true), quiet.then(() => false)]);
  } finally {
    slept.abort();
  }
}

function frame(entry: TimelineEntry): string {
  // JSON holds no line break, and event types are words of ours: nothing can forge a frame.
  return `event: ${entry.type.replaceAll(/[^\w.-]/g, '')}\nid: ${entry.version}\ndata: ${JSON.stringify(entry)}\n\n`;
}
