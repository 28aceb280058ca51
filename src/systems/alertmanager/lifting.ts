/** Lifts the silence of one effect when its run is over. Only as the bot made it: what a person has changed since is that person's. */
import { isoTime } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import type { AlertmanagerClient } from './client.ts';
import type { SilenceData } from './schema.ts';
import { isActive, isMarked, markOf } from './silences.ts';

/** Alertmanager keeps milliseconds; times this close are the same. */
const SAME_TIME_MS = 1_000;
const LONGEST_NAME = 100;

export interface Held {
  /** The idempotency key of the effect, which is the mark in the comment. */
  readonly key: string;
  /** As the answer to its creation said; empty when that was lost. */
  readonly silenceId: string;
  readonly endsAt: string;
}

/** `released` we ended it; `gone` it had ended; `changed` a person has made it theirs; `lost` nobody could look until its own end was past. */
export interface Lifted {
  readonly outcome: 'released' | 'gone' | 'changed' | 'lost';
  readonly say: string;
}

/** A failure means: not yet, ask again. Asking again is harmless, also after a lost answer. */
export async function liftSilence(client: AlertmanagerClient, held: Held, signal: AbortSignal): Promise<Result<Lifted>> {
  const silences = await client.silences({ signal });
  if (!silences.ok) return silences;
  const found = silences.value.value.filter((silence) => silence.id === held.silenceId || isMarked(silence, held.key));
  const active = found.filter(isActive);
  if (active.length === 0) return succeed({ outcome: 'gone', say: sayGone(found, held) });
  const theirs = active.find((silence) => !isAsMade(silence, held));
  for (const { id } of active.filter((silence) => isAsMade(silence, held))) {
    const expired = await client.expireSilence(id, { signal });
    if (!expired.ok) return expired;
  }
  if (theirs !== undefined) {
    const by = cutText(redact(theirs.createdBy), LONGEST_NAME);
    return succeed({ outcome: 'changed', say: `The silence ${theirs.id} was changed since the bot made it (now by ${by}, until ${theirs.endsAt}), so it is left alone: lift it by hand if nobody needs it.` });
  }
  return succeed({ outcome: 'released', say: `The silence ${active.map(({ id }) => id).join(', ')} is lifted: the run is over.` });
}

/** An edit keeps the id or makes a new one, and carries the name of who edited; a longer one keeps all but its end. */
function isAsMade(silence: SilenceData, { key, silenceId, endsAt }: Held): boolean {
  if (!isMarked(silence, key) || (silenceId !== '' && silence.id !== silenceId)) return false;
  return endsAt === '' || Math.abs(Date.parse(silence.endsAt) - Date.parse(endsAt)) <= SAME_TIME_MS;
}

function sayGone(found: readonly SilenceData[], { silenceId, endsAt, key }: Held): string {
  const [last] = found.toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt));
  if (last === undefined) return silenceId === '' ? `There is no silence with the mark ${markOf(key)}, so there is none to lift.` : `Alertmanager no longer knows the silence ${silenceId}, so there is none to lift.`;
  const early = endsAt !== '' && Date.parse(last.endsAt) < Date.parse(endsAt) - SAME_TIME_MS;
  return `The silence ${last.id} had ended already at ${isoTime(Date.parse(last.endsAt))}${early ? ', before its time: somebody lifted it, or the bot did before it was stopped' : ''}.`;
}
