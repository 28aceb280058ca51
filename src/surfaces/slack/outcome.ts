/** How a click or a form ends: in an operation, and perhaps in a sentence to the person who pressed. */
import type { ApprovalView } from '#engine/model/views.ts';
import type { Answer, Operations, Problem } from '#operations/operations.ts';
import type { SlackApi } from './api.ts';
import type { InTurn } from './turns.ts';

/** The parts of this surface that a click works with. */
export interface ClickWorld {
  readonly operations: Operations;
  readonly api: SlackApi;
  /** Decisions on one approval, by its id. */
  readonly inTurn: InTurn;
  /** Where the card of a subject is, when it has been posted. */
  readonly whereIs: (subjectId: string) => Promise<{ readonly channel: string; readonly ts: string } | undefined>;
}

export interface Outcome {
  /** What the person should know; undefined when the card says it all. */
  readonly say?: string;
  /** Shown below it: who decided, when, on which plan. */
  readonly decided?: ApprovalView;
  /** The card to show anew: what the person saw is not what is. */
  readonly refresh?: string;
}

export function outcomeOf(answer: Answer<unknown>, subjectId: string | undefined): Outcome {
  if (answer.ok) return {};
  return { say: sentenceOf(answer.problem), ...(subjectId === undefined ? {} : { refresh: subjectId }) };
}

/** Problems are written to follow a name or a code; to a person they are a sentence. */
function sentenceOf({ field, message }: Problem): string {
  if (field !== undefined) return `${field}: ${message}`;
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? '' : '.'}`;
}
