/** The items of a restore of streams, between those that stop services and those that start them: the backup of what is there, then each stream. Pure. */
import { type AppliedItem, type Item, type UndoStep, z } from '#step-kit/index.ts';
import type { StreamChange, StreamFound } from './client.ts';
import { SAFETY, safetySetOf } from './outcome.ts';

const target = z.object({ present: z.boolean(), messages: z.int(), firstSeq: z.int(), lastSeq: z.int(), consumers: z.int(), maxAgeSeconds: z.int() });
const safety = z.object({ streams: z.array(z.string()) });

export function streamItems(changes: readonly StreamChange[], stamp: string, directory: string): Item[] {
  if (changes.length === 0) return [];
  const streams = changes.map(({ stream }) => stream);
  const first: Item = { key: SAFETY, title: `Back up what is there of ${streams.join(', ')} to ${directory}: the rollback point`, current: { streams }, next: { action: 'a new backup nats-…' } };
  return [first, ...changes.map((change) => streamItem(change, stamp))];
}

export function streamItem({ stream, next, maxAgeSeconds }: StreamChange, stamp: string): Item {
  const { present, messages, firstSeq, lastSeq, consumers } = next;
  return {
    key: stream,
    title: `Replace ${stream} by what nats-${stamp} holds: ${messages} messages up to ${lastSeq}`,
    current: { is: 'what it holds when nobody writes any more, which is backed up first' },
    next: { present, messages, firstSeq, lastSeq, consumers, maxAgeSeconds },
  };
}

export function changeOf(item: Item): StreamChange {
  const { maxAgeSeconds, ...next } = target.parse(item.next);
  return { stream: item.key, next, maxAgeSeconds };
}

export function toSave(item: Item): readonly string[] {
  return safety.parse(item.current).streams;
}

/** What an approver wants to know and what moves by itself. */
export function noteOf({ stream, now, next }: StreamFound): string {
  if (!now.present) return `${stream} is not there now.`;
  return `${stream} holds ${now.messages} messages up to ${now.lastSeq} now, ${now.consumers} consumers; in the backup ${next.messages} up to ${next.lastSeq}, ${next.consumers} consumers.`;
}

/** All that the backup holds which was made first, whatever has become of each stream since. Streams that were not there before stay. */
export function undoStreams(applied: readonly AppliedItem[]): UndoStep | undefined {
  const set = safetySetOf(applied);
  return set === '' ? undefined : { uses: 'restore.streams.apply', with: { set }, title: `Put the streams back as nats-${set} holds them` };
}
