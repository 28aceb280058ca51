/**
 * How retried and deleted entries ended. Pure. Of a retry the new job decides. The old id in the DLQ again is usually an
 * echo: Cordum's gateway writes entries a second time when a message is redelivered late, with a new time and the same
 * reason (recordings `resurrect_*`, `dlq_resurrected_*`), which says nothing about the retry.
 */
import type { ItemEnd } from '#step-kit/index.ts';
import type { DlqEntry } from './records.ts';

/** The gateway's consumer waits this long for an acknowledgement before a message is delivered again. */
const ECHO_WINDOW_MS = 10 * 60_000;

/** Whether an entry that is back after it was taken out is an echo of the one taken out: same reason, and soon after. */
function isEcho(back: DlqEntry, before: { readonly reasonCode: string; readonly takenOutMs: number }): boolean {
  return back.reasonCode === before.reasonCode && back.createdAtMs <= before.takenOutMs + ECHO_WINDOW_MS;
}

/** By the state of the new job, in Cordum's words. An unfamiliar state is not taken for an end, nor for a start. */
function endOfState(state: string): ItemEnd {
  switch (state) {
    case 'SUCCEEDED':
      return 'done';
    case 'PENDING':
    case 'SCHEDULED':
    case 'DISPATCHED':
    case 'RUNNING':
    case 'APPROVAL_REQUIRED':
      return 'pending';
    // A failed or denied job is dead-lettered: it is back, under its new id. The other ends are never dead-lettered.
    case 'FAILED':
    case 'DENIED':
      return 'returned';
    case 'TIMEOUT':
    case 'CANCELLED':
    case 'OUTPUT_QUARANTINED':
      return 'failed';
    default:
      return 'unknown';
  }
}

interface Ended {
  readonly end: ItemEnd;
  /** The old entry is in the DLQ again, and that means nothing. */
  readonly echo: boolean;
}

/** `back` is the entry of the old id, when it is in the DLQ now. */
export function endOfRetry(state: string, back: DlqEntry | undefined, before: { readonly reasonCode: string; readonly takenOutMs: number }): Ended {
  const end = endOfState(state);
  if (back === undefined) return { end, echo: false };
  if (isEcho(back, before)) return { end, echo: true };
  // The old id was dead-lettered anew, for another reason or much later: what the retry was to clear is there again.
  return { end: end === 'done' ? 'returned' : end, echo: false };
}

/**
 * How a deleted entry ended. Gone: done. Back as an echo: done as well, and said, because the deletion worked and what
 * came back is Cordum's own redelivery (deleting it once more is a new decision). The very same entry still there: the
 * deletion did not do its job. Anything else is the job dead-lettered anew.
 */
export function endOfDelete(back: DlqEntry | undefined, before: { readonly reasonCode: string; readonly createdAtMs: number; readonly takenOutMs: number }): Ended {
  if (back === undefined) return { end: 'done', echo: false };
  if (back.createdAtMs === before.createdAtMs) return { end: 'failed', echo: false };
  return isEcho(back, before) ? { end: 'done', echo: true } : { end: 'returned', echo: false };
}
