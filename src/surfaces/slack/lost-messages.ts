/** Finds a message of ours whose answer was lost, by the metadata that it carries. */
import { z } from 'zod';
import type { SlackApi, SlackFailure } from './api.ts';

/** Our clock and Slack's may differ by this much. */
const SKEW_MS = 600_000;
const LOOKUP_PAGES = 5;
const LOOKUP_LIMIT = 200;

const messagesSchema = z.object({
  messages: z.array(z.object({ ts: z.string(), metadata: z.object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).optional().catch(undefined) })),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

export interface LostMessage {
  /** `conversations.history` for a card, `conversations.replies` for a detail of its thread. */
  readonly method: 'conversations.history' | 'conversations.replies';
  readonly args: Readonly<Record<string, unknown>>;
  /** When it was sent, ms since the epoch. */
  readonly sentAt: number;
  readonly eventType: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The message's ts; null when it is certainly not there (yet). */
export async function findLostMessage(api: SlackApi, lost: LostMessage): Promise<{ readonly ok: true; readonly ts: string | null } | { readonly ok: false; readonly failure: SlackFailure }> {
  let cursor: string | undefined;
  for (let page = 0; page < LOOKUP_PAGES; page += 1) {
    const oldest = String(Math.floor((lost.sentAt - SKEW_MS) / 1_000));
    const answer = await api.call(lost.method, { ...lost.args, oldest, limit: LOOKUP_LIMIT, include_all_metadata: true, ...(cursor === undefined ? {} : { cursor }) });
    if (!answer.ok) return answer;
    const read = messagesSchema.safeParse(answer.value);
    if (!read.success) return { ok: false, failure: { reason: 'unexpected', message: `the answer of ${lost.method} could not be read` } };
    const found = read.data.messages.find((message) => message.metadata?.event_type === lost.eventType && holds(message.metadata.event_payload, lost.payload));
    if (found !== undefined) return { ok: true, ts: found.ts };
    cursor = read.data.response_metadata?.next_cursor;
    if (cursor === undefined || cursor === '') return { ok: true, ts: null };
  }
  return { ok: false, failure: { reason: 'tooLarge', message: `a lost message is not among the newest ${LOOKUP_PAGES * LOOKUP_LIMIT}, and there are more` } };
}

function holds(payload: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(wanted).every(([name, value]) => payload[name] === value);
}
