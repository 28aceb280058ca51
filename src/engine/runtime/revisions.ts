/** The texts of the runbooks that runs have started with, by their digest: a run in flight stays on its own. */
import type { Runbook } from '#language/runbook.ts';
import type { Journal, Runbooks } from '../ports.ts';

/** Compiled revisions that are kept; more than the runbooks in use at any time. */
const KEPT_MAX = 200;

export interface Revisions {
  /** Makes sure that the journal has this text before a run refers to it. */
  keep(runbook: Runbook): Promise<void>;
  /** The runbook of a revision; undefined when its text is gone or today's steps no longer accept it. */
  load(revision: string): Promise<Runbook | undefined>;
}

export function createRevisions({ journal, runbooks }: { journal: Journal; runbooks: Runbooks }): Revisions {
  const kept = new Map<string, Runbook>();
  const remember = (runbook: Runbook): void => {
    kept.delete(runbook.revision);
    kept.set(runbook.revision, runbook);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  };
  return {
    async keep(runbook) {
      if (kept.has(runbook.revision)) return;
      const { name, file, source } = runbook;
      // A conflict says that the text is there already; the stream is named by its digest, so it is this text.
      await journal.append({ stream: streamOf(runbook.revision), expectedVersion: 0, events: [{ type: 'RevisionKept', actor: 'bot', data: { name, file, source } }] });
      remember(runbook);
    },
    async load(revision) {
      const known = kept.get(revision);
      if (known !== undefined) return known;
      const [event] = await journal.read(streamOf(revision));
      const { source, file } = event?.data ?? {};
      if (typeof source !== 'string' || typeof file !== 'string') return undefined;
      const runbook = runbooks.compile(source, file);
      if (runbook !== undefined) remember(runbook);
      return runbook;
    },
  };
}

function streamOf(revision: string): string {
  return `revision:${revision}`;
}
