import { isId } from '#kernel/ids.ts';
import type { NoticeView } from '#operations/operations.ts';
import type { ApprovalView, IncidentView, RunView } from '#engine/model/views.ts';

/** What one card is about: an incident with its runs, or a run that no incident stands behind. */
export interface Subject {
  /** The incident's id, else the run's. */
  readonly id: string;
  readonly incident: IncidentView | null;
  /** Newest first. */
  readonly runs: readonly RunView[];
  /** The newest approval of each offer, by approval id. */
  readonly approvals: ReadonlyMap<string, ApprovalView>;
  /** Set where it is about a schedule: then there is neither incident nor run. */
  readonly notice?: NoticeView;
}

export interface CardOptions {
  /** Where people reach the console; without it the card holds no links. */
  readonly baseUrl?: string;
}

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);

export function hasEnded(run: RunView): boolean {
  return ENDED.has(run.status);
}

/** The page of the console about this subject. */
export function consoleUrl(subject: Subject, options: CardOptions): string | undefined {
  if (options.baseUrl === undefined || !isId(subject.id)) return undefined;
  const path = subject.incident === null ? `runs/${subject.id}` : `incidents/${subject.id}`;
  const url = `${options.baseUrl.replace(/\/+$/, '')}/#/${path}`;
  return url.length <= 3_000 ? url : undefined;
}
