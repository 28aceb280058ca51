import { redact } from '#kernel/redact.ts';

/** A reason, in characters; it is shown on the card and kept for ever. */
export const REASON_CHARS_MAX = 2_000;

/** A person's reason as it is kept: people paste what they have just seen, and the journal never forgets. Empty when there is none. */
export function reasonText(reason: string | undefined): string {
  return redact((reason ?? '').trim()).slice(0, REASON_CHARS_MAX);
}
