/** Tells surfaces what has changed, after the commit. They read the views again; the journal's order is theirs. */
import type { Recorded } from '#engine/ports.ts';
import type { Context } from './context.ts';
import type { Change } from './operations.ts';

/** Runs whose incident is remembered, so that a change need not ask the journal. */
const REMEMBERED_MAX = 10_000;
/** Streams that notices are made of. */
const NOTICED: ReadonlySet<string> = new Set(['ahead', 'reminder', 'schedule']);

export function createChanges(ctx: Context): (listener: (change: Change) => void) => () => void {
  const listeners = new Set<(change: Change) => void>();
  const incidentOf = new Map<string, string | null>();
  const remember = (runId: string, incidentId: string | null): void => {
    if (incidentOf.size >= REMEMBERED_MAX) incidentOf.delete(incidentOf.keys().next().value ?? '');
    incidentOf.set(runId, incidentId);
  };
  const tell = (change: Change): void => {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        ctx.log.error({ error }, 'a surface broke on a change');
      }
    }
  };

  ctx.journal.onAppended((events) => {
    if (listeners.size === 0) return;
    for (const [stream, types] of byStream(events)) {
      const { kind, id } = subjectOf(stream);
      if (kind === 'incident') tell({ kind, id, incidentId: id, types });
      else if (kind === 'control') tell({ kind, id, incidentId: null, types });
      else if (NOTICED.has(kind)) tell({ kind: 'notice', id, incidentId: null, types });
      else if (kind === 'run') {
        const started = events.find((event) => event.stream === stream && event.type === 'RunStarted');
        if (started !== undefined) remember(id, typeof started.data['incidentId'] === 'string' ? started.data['incidentId'] : null);
        const known = incidentOf.get(id);
        if (known !== undefined) tell({ kind, id, incidentId: known, types });
        else void lookUp(id, types);
      }
    }
  });

  const lookUp = async (id: string, types: readonly string[]): Promise<void> => {
    try {
      const entry = await ctx.journal.find('run', id);
      const incidentId = typeof entry?.summary['incidentId'] === 'string' ? entry.summary['incidentId'] : null;
      remember(id, incidentId);
      tell({ kind: 'run', id, incidentId, types });
    } catch (error) {
      ctx.log.error({ error, run: id }, 'cannot tell which incident a run belongs to');
    }
  };

  return (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
}

function byStream(events: readonly Recorded[]): Map<string, string[]> {
  const streams = new Map<string, string[]>();
  for (const event of events) {
    const types = streams.get(event.stream) ?? [];
    types.push(event.type);
    streams.set(event.stream, types);
  }
  return streams;
}

function subjectOf(stream: string): { readonly kind: string; readonly id: string } {
  const colon = stream.indexOf(':');
  return { kind: stream.slice(0, colon), id: stream.slice(colon + 1) };
}
