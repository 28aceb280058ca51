/** Where each card stands in Slack, so that it survives restarts and lost answers. Kept as a stream of its own in the journal. */
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';

const seenSchema = z.object({ version: z.number().int().min(0), part: z.number().int().min(0) });
const recordSchema = z.object({
  channel: z.string(),
  /** The message; null until Slack has told it, or when it is gone. */
  ts: z.string().nullable(),
  /** A post is on its way since then, ms since the epoch; until its answer is known nothing is posted again. */
  intendedAt: z.number().nullable(),
  /** Digest of what the card shows. */
  shown: z.string().nullable(),
  /** The alerts' facts stand in the thread. */
  facts: z.boolean(),
  /** By run: how much of its timeline stands in the thread. */
  seen: z.record(z.string(), seenSchema),
  /** A message of the thread that is on its way; `run` is empty for the alerts' facts. */
  thread: z.object({ run: z.string(), upTo: seenSchema, intendedAt: z.number() }).nullable(),
});
export type CardRecord = z.infer<typeof recordSchema>;

export interface SlackCards {
  get(subjectId: string): Promise<CardRecord | undefined>;
  /** Durable when it resolves. Rejects when it cannot be stored, or another process writes the same card. */
  put(subjectId: string, record: CardRecord): Promise<void>;
  /** Frees what is remembered of a card that is read again before it is next written. */
  release(subjectId: string): void;
}

/** What the cards need of the journal: a stream of their own, appended at the version that was seen. */
export interface CardJournal {
  read(stream: string): Promise<readonly { readonly version: number; readonly data: JsonObject }[]>;
  append(append: { readonly stream: string; readonly expectedVersion: number; readonly events: readonly { readonly type: string; readonly actor: string; readonly data: JsonObject }[] }): Promise<{ readonly ok: boolean }>;
}

const EVENT = 'SlackCardNoted';

export function newCard(channel: string): CardRecord {
  return { channel, ts: null, intendedAt: null, shown: null, facts: false, seen: {}, thread: null };
}

export function createCardsStore(journal: CardJournal): SlackCards {
  const versions = new Map<string, number>();
  return {
    async get(subjectId) {
      const events = await journal.read(streamOf(subjectId));
      const last = events.at(-1);
      versions.set(subjectId, last?.version ?? 0);
      return last === undefined ? undefined : recordSchema.safeParse(last.data).data;
    },
    async put(subjectId, record) {
      const data: JsonObject = record;
      const expectedVersion = versions.get(subjectId) ?? 0;
      const appended = await journal.append({ stream: streamOf(subjectId), expectedVersion, events: [{ type: EVENT, actor: 'bot', data }] });
      if (!appended.ok) throw new Error(`another process writes the Slack card of ${subjectId}`);
      versions.set(subjectId, expectedVersion + 1);
    },
    release: (subjectId) => void versions.delete(subjectId),
  };
}

function streamOf(subjectId: string): string {
  return `slack:${subjectId}`;
}
