/**
 * Brings one card a step nearer to what is: posts it, updates it, or adds to its thread; at most one message a step. Before a message that
 * cannot be repeated goes out its intent is durable, and a message whose answer was lost is looked for before it is sent again.
 */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { sha256 } from '#kernel/digest.ts';
import type { Log } from '#kernel/log.ts';
import type { Operations } from '#operations/operations.ts';
import type { SlackAnswer, SlackApi, SlackFailure } from './api.ts';
import { newCard, type CardRecord, type SlackCards } from './cards-store.ts';
import type { Channel } from './channel.ts';
import { renderCard, renderMinimalCard, type Card } from './cards/incident-card.ts';
import type { CardOptions, Subject } from './cards/subject.ts';
import { alertFacts, detailsOf, nextMessage, type Seen, type ThreadMessage } from './cards/thread.ts';
import { findLostMessage } from './lost-messages.ts';
import { isLive, loadSubject } from './subjects.ts';

export type Step =
  /** Slack shows what is. `live`: more is to be expected. */
  | { readonly kind: 'done'; readonly live: boolean }
  /** Something went out, or was learnt; there may be more to do. */
  | { readonly kind: 'moved' }
  /** A message may still land: look again then, ms since the epoch. */
  | { readonly kind: 'later'; readonly atMs: number }
  | { readonly kind: 'failed'; readonly failure: SlackFailure };

export interface CardWriterOptions {
  readonly api: SlackApi;
  readonly cards: SlackCards;
  readonly operations: Operations;
  /** Where new cards go; a card that has been posted stays where it is. */
  readonly channel: Channel;
  readonly clock: Clock;
  readonly log: Log;
  readonly card: CardOptions;
}

/** Longer than a call may take: a message that is not to be found after this will not come. */
export const LANDS_WITHIN_MS = 20_000;
const CARD_EVENT = 'runbook_card';
const DETAILS_EVENT = 'runbook_details';
const UNSENDABLE = new Set(['invalid_blocks', 'invalid_blocks_format', 'msg_blocks_too_long', 'msg_too_long']);
const NO_CHANNEL = new Set(['channel_not_found', 'is_archived']);
const DELETED = new Set(['message_not_found', 'thread_not_found']);
const QUIET = { unfurl_links: false, unfurl_media: false };

const postedSchema = z.object({ channel: z.string(), ts: z.string() });

export class CardWriter {
  readonly #options: CardWriterOptions;
  readonly #known = new Map<string, CardRecord>();

  constructor(options: CardWriterOptions) {
    this.#options = options;
  }

  /** One step for one card. Rejects when the journal cannot be read or written; nothing was sent then. `force` updates a card that looks right. */
  async step(subjectId: string, force: boolean): Promise<Step> {
    const { operations, channel, card: cardOptions } = this.#options;
    const [subject, record] = await Promise.all([loadSubject(operations, subjectId), this.#recordOf(subjectId)]);
    if (subject === undefined) return { kind: 'done', live: false };
    if (record?.ts === null && record.intendedAt !== null) return this.#findCard(subjectId, record, record.intendedAt);
    const isPosted = record !== undefined && record.ts !== null;
    if (!isPosted && !isLive(subject)) return { kind: 'done', live: false };
    const card = renderCard(subject, cardOptions);
    const shown = sha256(JSON.stringify(card));
    if (!isPosted) {
      const where = await channel.find();
      if (!where.ok) return { kind: 'failed', failure: where.failure };
      // The channel of today: the configured one may have changed since a post was refused.
      return this.#post(subject, card, shown, { ...(record ?? newCard(where.id)), channel: where.id });
    }
    if (record.shown !== shown || force) return this.#update(subject, card, shown, record);
    return this.#addDetails(subject, record);
  }

  /** Where the card is, once it has been posted. */
  async whereIs(subjectId: string): Promise<{ readonly channel: string; readonly ts: string } | undefined> {
    const record = await this.#recordOf(subjectId);
    return record === undefined || record.ts === null ? undefined : { channel: record.channel, ts: record.ts };
  }

  /** Frees what is remembered; it is read from the journal again when it is wanted. */
  forget(subjectId: string): void {
    this.#known.delete(subjectId);
    this.#options.cards.release(subjectId);
  }

  async #recordOf(subjectId: string): Promise<CardRecord | undefined> {
    return this.#known.get(subjectId) ?? (await this.#options.cards.get(subjectId));
  }

  async #note(subjectId: string, record: CardRecord): Promise<void> {
    try {
      await this.#options.cards.put(subjectId, record);
      this.#known.set(subjectId, record);
    } catch (error) {
      this.forget(subjectId);
      throw error;
    }
  }

  async #post(subject: Subject, card: Card, shown: string, before: CardRecord): Promise<Step> {
    await this.#note(subject.id, { ...before, intendedAt: this.#options.clock.now() });
    const answer = await this.#sendCard('chat.postMessage', { channel: before.channel }, subject, card);
    const posted = answer.ok ? postedSchema.safeParse(answer.value) : undefined;
    if (posted?.success === true) {
      await this.#note(subject.id, { ...before, ...posted.data, intendedAt: null, shown });
      return { kind: 'moved' };
    }
    const failure: SlackFailure = answer.ok ? { reason: 'unexpected', message: 'Slack did not say where the card is', landed: 'maybe' } : answer.failure;
    if (failure.landed === 'no') await this.#note(subject.id, before);
    if (NO_CHANNEL.has(failure.error ?? '')) this.#options.channel.forget();
    return { kind: 'failed', failure };
  }

  async #update(subject: Subject, card: Card, shown: string, record: CardRecord): Promise<Step> {
    const answer = await this.#sendCard('chat.update', { channel: record.channel, ts: record.ts }, subject, card);
    if (answer.ok) {
      await this.#note(subject.id, { ...record, shown });
      return { kind: 'moved' };
    }
    if (!DELETED.has(answer.failure.error ?? '')) return { kind: 'failed', failure: answer.failure };
    this.#options.log.warn({ subject: subject.id }, 'the card was deleted in Slack, it is posted again');
    await this.#note(subject.id, { ...newCard(record.channel), facts: record.facts, seen: record.seen });
    return { kind: 'moved' };
  }

  async #sendCard(method: string, args: Readonly<Record<string, unknown>>, subject: Subject, card: Card): Promise<SlackAnswer> {
    const { api, log, card: cardOptions } = this.#options;
    const metadata = { event_type: CARD_EVENT, event_payload: { incident_id: subject.id } };
    const answer = await api.call(method, { ...args, ...QUIET, ...card, metadata });
    if (answer.ok || !UNSENDABLE.has(answer.failure.error ?? '')) return answer;
    log.error({ subject: subject.id, because: answer.failure.message }, 'Slack refused a card, a minimal one is sent instead');
    return api.call(method, { ...args, ...QUIET, ...renderMinimalCard(subject, cardOptions), metadata });
  }

  async #findCard(subjectId: string, record: CardRecord, sentAt: number): Promise<Step> {
    const found = await findLostMessage(this.#options.api, { method: 'conversations.history', args: { channel: record.channel }, sentAt, eventType: CARD_EVENT, payload: { incident_id: subjectId } });
    if (!found.ok) return { kind: 'failed', failure: found.failure };
    if (found.ts === null && this.#options.clock.now() < sentAt + LANDS_WITHIN_MS) return { kind: 'later', atMs: sentAt + LANDS_WITHIN_MS };
    await this.#note(subjectId, { ...record, ts: found.ts, intendedAt: null, shown: null });
    return { kind: 'moved' };
  }

  /** The alerts' facts first, then each run's timeline, oldest run first. */
  async #addDetails(subject: Subject, record: CardRecord): Promise<Step> {
    if (record.thread !== null) return this.#findDetails(subject.id, record, record.thread);
    if (subject.incident !== null && !record.facts) return this.#postDetails(subject.id, record, '', alertFacts(subject.incident));
    for (const run of subject.runs.toReversed()) {
      const seen = record.seen[run.id] ?? { version: 0, part: 0 };
      const entries = (await this.#options.operations.runEvents(run.id, Math.max(0, seen.version - 1))) ?? [];
      const message = nextMessage(detailsOf(entries, seen));
      if (message !== undefined) return this.#postDetails(subject.id, record, run.id, message);
    }
    return { kind: 'done', live: isLive(subject) };
  }

  async #postDetails(subjectId: string, record: CardRecord, run: string, message: ThreadMessage): Promise<Step> {
    const { api, clock, log } = this.#options;
    await this.#note(subjectId, { ...record, thread: { run, upTo: message.upTo, intendedAt: clock.now() } });
    const metadata = { event_type: DETAILS_EVENT, event_payload: detailsPayload(run, message.upTo) };
    const answer = await api.call('chat.postMessage', { channel: record.channel, thread_ts: record.ts, text: message.text, blocks: message.blocks, metadata, ...QUIET });
    // Details that Slack will not have stay in the console; those after them are not held up.
    const refused = !answer.ok && answer.failure.reason === 'invalid';
    if (refused) log.error({ subject: subjectId, because: answer.failure.message }, 'Slack refused details of a card');
    if (answer.ok || refused) {
      await this.#note(subjectId, withSeen(record, run, message.upTo));
      return { kind: 'moved' };
    }
    if (answer.failure.landed === 'no') await this.#note(subjectId, record);
    return { kind: 'failed', failure: answer.failure };
  }

  async #findDetails(subjectId: string, record: CardRecord, lost: NonNullable<CardRecord['thread']>): Promise<Step> {
    const args = { channel: record.channel, ts: record.ts };
    const found = await findLostMessage(this.#options.api, { method: 'conversations.replies', args, sentAt: lost.intendedAt, eventType: DETAILS_EVENT, payload: detailsPayload(lost.run, lost.upTo) });
    if (!found.ok) return { kind: 'failed', failure: found.failure };
    if (found.ts === null && this.#options.clock.now() < lost.intendedAt + LANDS_WITHIN_MS) return { kind: 'later', atMs: lost.intendedAt + LANDS_WITHIN_MS };
    await this.#note(subjectId, found.ts === null ? { ...record, thread: null } : withSeen(record, lost.run, lost.upTo));
    return { kind: 'moved' };
  }
}

function withSeen(record: CardRecord, run: string, upTo: Seen): CardRecord {
  if (run === '') return { ...record, facts: true, thread: null };
  return { ...record, seen: { ...record.seen, [run]: { version: upTo.version, part: upTo.part } }, thread: null };
}

function detailsPayload(run: string, upTo: Seen): Readonly<Record<string, unknown>> {
  return { run, version: upTo.version, part: upTo.part };
}
