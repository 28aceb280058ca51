/**
 * The channel that the cards go to. Slack's calls take ids; an operator may write the name instead, which is looked up once, when it is
 * first wanted. While it is not known nothing waits but the cards.
 */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { isTransient } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { SlackApi, SlackFailure } from './api.ts';

export type ChannelAnswer = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly failure: SlackFailure };

export interface Channel {
  /** Its id. Never rejects. A failure is remembered for a short while, so that many cards ask Slack once. */
  find(): Promise<ChannelAnswer>;
  /** What is known of a name no longer holds (the channel was archived, or is another): the next question goes to Slack. */
  forget(): void;
}

export interface ChannelOptions {
  readonly api: SlackApi;
  /** As configured: an id, or a name with or without `#`. */
  readonly channel: string;
  readonly clock: Clock;
  readonly log: Log;
}

const ID = /^[CGD][A-Z0-9]{6,20}$/;
/** Slack's rule: no capitals, no blanks, no punctuation but hyphens and underscores, 80 characters at most; letters of any script. */
const NAME = /^#?([\p{Ll}\p{Lo}\p{M}\p{N}_-]{1,80})$/u;
/** Slack wants fewer than 1,000 on a page. */
const PAGE = 999;
const MOST_PAGES = 20;
/** After a failure the next look-up waits this long, or as long as Slack says. */
const RETRY_MS = 5_000;
/** A name that is not there, or a scope, will hardly be there in a moment. */
const MISSING_RETRY_MS = 30_000;
const KINDS = ['public_channel', 'private_channel'] as const;

const pageSchema = z.object({
  channels: z.array(z.object({ id: z.string(), name: z.string().optional(), name_normalized: z.string().optional() })),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

export function canBeChannel(text: string): boolean {
  return ID.test(text) || NAME.test(text);
}

export function createChannel(options: ChannelOptions): Channel {
  const { api, channel, clock, log } = options;
  if (ID.test(channel)) return { find: async () => ({ ok: true, id: channel }), forget() {} };
  const name = NAME.exec(channel)?.[1] ?? channel;
  let known: { readonly answer: ChannelAnswer; readonly until: number } | undefined;
  let asking: Promise<ChannelAnswer> | undefined;
  let complained: string | undefined;

  const ask = async (): Promise<ChannelAnswer> => {
    const answer = await lookUp(api, name);
    if (answer.ok) {
      known = { answer, until: Number.POSITIVE_INFINITY };
      complained = undefined;
      log.info({ name, id: answer.id }, 'slack.channel: the name was looked up');
      return answer;
    }
    const { failure } = answer;
    known = { answer, until: clock.now() + (failure.retryAfterMs ?? (isTransient(failure) ? RETRY_MS : MISSING_RETRY_MS)) };
    // Once a reason, not at every attempt.
    if (complained !== failure.message) log.warn({ name, because: failure.message }, 'slack.channel: the name cannot be looked up, no card is posted until it can; it is tried again');
    complained = failure.message;
    return answer;
  };

  return {
    find() {
      if (known !== undefined && known.until > clock.now()) return Promise.resolve(known.answer);
      asking ??= ask().finally(() => (asking = undefined));
      return asking;
    },
    forget: () => void (known = undefined),
  };
}

/** Public and private channels at once; kind by kind when the app has the scope for one of them only. */
async function lookUp(api: SlackApi, name: string): Promise<ChannelAnswer> {
  const both = await lookThrough(api, name, KINDS.join(','));
  if (both.ok || both.failure.error !== 'missing_scope') return both;
  const unseen: string[] = [];
  for (const kind of KINDS) {
    const answer = await lookThrough(api, name, kind);
    if (answer.ok) return answer;
    if (answer.failure.error === 'missing_scope') unseen.push(kind === 'public_channel' ? 'public channels (scope channels:read)' : 'private channels (scope groups:read)');
    else if (answer.failure.reason !== 'notFound') return answer;
  }
  const seen = unseen.length === KINDS.length ? '' : `no channel that the bot can see is called #${name}; `;
  return failed({ reason: 'forbidden', message: `slack.channel: ${seen}the app may not list ${unseen.join(' and ')}. Give it the scope, or write the channel's id` });
}

async function lookThrough(api: SlackApi, name: string, types: string): Promise<ChannelAnswer> {
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await api.call('conversations.list', { types, exclude_archived: true, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    if (!answer.ok) return answer;
    const read = pageSchema.safeParse(answer.value);
    if (!read.success) return failed({ reason: 'unexpected', message: 'slack.channel: the answer of conversations.list could not be read' });
    const found = read.data.channels.find((one) => one.name === name || one.name_normalized === name);
    if (found !== undefined && ID.test(found.id)) return { ok: true, id: found.id };
    cursor = read.data.response_metadata?.next_cursor;
    if (cursor === undefined || cursor === '') return failed({ reason: 'notFound', message: `slack.channel: no channel that the bot can see is called #${name}. A private one must have the bot as a member` });
  }
  return failed({ reason: 'tooLarge', message: `slack.channel: #${name} is not among the first ${MOST_PAGES * PAGE} channels. Write the channel's id instead` });
}

function failed(failure: SlackFailure): ChannelAnswer {
  return { ok: false, failure };
}
