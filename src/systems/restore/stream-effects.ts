/** The items of a restore of streams: the backup of those that are there comes first, then each stream. Pure. */
import { digestOf } from '#kernel/digest.ts';
import { type AppliedItem, type Item, type JsonObject, type UndoStep, z } from '#step-kit/index.ts';
import type { StreamChange, StreamSide } from './client.ts';

export const SAFETY = 'safety-backup';

const side = z.object({ present: z.boolean(), messages: z.int(), firstSeq: z.int(), lastSeq: z.int(), consumers: z.int() });
const target = side.extend({ maxAgeSeconds: z.int() });
const safety = z.object({ streams: z.array(z.object({ stream: z.string(), side })) });

export const streamsOutput = z.object({
  stream: z.string(),
  done: z.enum(['saved', 'restored']),
  /** The backup of what was there before; only of the first item. */
  set: z.string(),
  wasThere: z.boolean(),
});

export function itemsOf(changes: readonly StreamChange[], stamp: string, directory: string): Item[] {
  const present = changes.filter(({ now }) => now.present);
  const streams = present.map(({ stream, now }) => ({ stream, side: sideJson(now) }));
  const first: Item[] = present.length === 0 ? [] : [{ key: SAFETY, title: `Back up ${present.map(({ stream }) => stream).join(', ')} to ${directory}`, current: { streams }, next: { action: 'a new backup nats-…' } }];
  return [...first, ...changes.map((change) => itemOf(change, stamp))];
}

function itemOf({ stream, now, next, maxAgeSeconds }: StreamChange, stamp: string): Item {
  const lost = now.present ? `Remove ${stream} (${now.messages} messages up to ${now.lastSeq}) and restore it` : `Restore ${stream}`;
  return { key: stream, title: `${lost} from nats-${stamp} (${next.messages} messages up to ${next.lastSeq})`, current: sideJson(now), next: { ...sideJson(next), maxAgeSeconds } };
}

function sideJson({ present, messages, firstSeq, lastSeq, consumers }: StreamSide): JsonObject {
  return { present, messages, firstSeq, lastSeq, consumers };
}

export function changeOf(item: Item): StreamChange {
  const { maxAgeSeconds, ...next } = target.parse(item.next);
  return { stream: item.key, now: side.parse(item.current), next, maxAgeSeconds };
}

export function toSave(item: Item): readonly { readonly stream: string; readonly side: StreamSide }[] {
  return safety.parse(item.current).streams;
}

export function isSide(seen: StreamSide, wanted: StreamSide): boolean {
  return digestOf(sideJson(seen)) === digestOf(sideJson(wanted));
}

/** Streams that were not there before stay: to remove them is not what a backup can do. */
export function undoStreams(applied: readonly AppliedItem[]): UndoStep | undefined {
  const results = applied.map(({ result }) => streamsOutput.parse(result));
  const set = results.find(({ done }) => done === 'saved')?.set ?? '';
  const streams = results.filter(({ done, wasThere }) => done === 'restored' && wasThere).map(({ stream }) => stream);
  return set === '' || streams.length === 0 ? undefined : { uses: 'restore.streams.apply', with: { set, streams }, title: `Put ${streams.join(', ')} back as nats-${set} holds them` };
}
