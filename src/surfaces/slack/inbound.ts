/** Everything that people send through Slack, by HTTP or by socket: acknowledged first, then identified, then carried out. */
import type { App, Receiver, ReceiverEvent } from '@slack/bolt';
import type { Log } from '#kernel/log.ts';
import type { Secret } from '#kernel/secret.ts';
import { decidedApproval } from './cards/approval-part.ts';
import type { Block } from './cards/blocks.ts';
import { onClick } from './clicks.ts';
import type { ClickWorld, Outcome } from './outcome.ts';
import type { People, Sender } from './people.ts';
import { clickSchema, placesOf, senderOf, slashSchema, slashSender, submissionSchema } from './payloads.ts';
import { quietLogger } from './api.ts';
import type { Replies, Whereto } from './reply.ts';
import { onSlash } from './slash.ts';
import { onSubmission } from './submissions.ts';

export const COMMAND = '/runbook';
/** Events that the bot subscribes to: who left a group loses its role at once, not with the next minute. */
export const EVENTS = ['subteam_members_changed', 'subteam_updated'] as const;
/** Work that goes on after its acknowledgement. Slack sends one click at a time; more than this is a flood. */
const MOST_AT_WORK = 200;

export interface InboundOptions {
  readonly botToken: Secret;
  readonly world: ClickWorld;
  readonly people: People;
  readonly replies: Replies;
  readonly refresh: (subjectId: string) => void;
  readonly groupsChanged: () => void;
  readonly log: Log;
}

export interface Inbound {
  /** Resolves when the work is done, long after `ack`. Never rejects. */
  receive(event: { readonly body: Readonly<Record<string, unknown>>; readonly ack: (answer?: unknown) => Promise<void>; readonly retryNum?: number }): Promise<void>;
  /** Resolves when all work has ended. */
  idle(): Promise<void>;
}

export async function createInbound(options: InboundOptions): Promise<Inbound> {
  const bolt = await import('@slack/bolt');
  let app: App | undefined;
  const receiver: Receiver = { init: (given) => void (app = given), start: async () => undefined, stop: async () => undefined };
  const built = new bolt.App({
    receiver,
    // Bolt would call auth.test before every acknowledgement; who sent it is found out afterwards, by `people`.
    authorize: async () => ({ botToken: options.botToken.reveal() }),
    convoStore: false,
    logger: await quietLogger(options.log),
  });
  register(built, options);
  built.error(async (error) => options.log.error({ because: error.message }, 'a Slack request could not be carried out'));

  const atWork = new Set<Promise<void>>();
  return {
    receive(event) {
      if (atWork.size >= MOST_AT_WORK) {
        options.log.warn({ atWork: atWork.size }, 'too many Slack requests at once, one was refused');
        return Promise.resolve();
      }
      const work = process(app, event, options.log).finally(() => atWork.delete(work));
      atWork.add(work);
      return work;
    },
    async idle() {
      await Promise.allSettled(atWork);
    },
  };
}

async function process(app: App | undefined, event: Parameters<Inbound['receive']>[0], log: Log): Promise<void> {
  const bodyForBolt: ReceiverEvent = {
    // Bolt looks into `channel` without asking whether it is null, which is as good as absent.
    body: Object.fromEntries(Object.entries(event.body).filter(([, value]) => value !== null)),
    // An acknowledgement that gets lost must not take the work with it: Slack does not send a click twice.
    ack: async (answer: unknown) => event.ack(answer).catch((error: unknown) => log.warn({ because: error instanceof Error ? error.message : 'unknown' }, 'an acknowledgement to Slack was lost')),
    ...(event.retryNum === undefined ? {} : { retryNum: event.retryNum }),
  };
  try {
    await app?.processEvent(bodyForBolt);
  } catch (error) {
    log.error({ because: error instanceof Error ? error.message : 'unknown' }, 'a Slack request could not be carried out');
  }
}

function register(app: App, options: InboundOptions): void {
  app.action(/.*/s, async ({ ack, body }) => {
    await ack();
    await handleClick(options, body);
  });
  app.view(/.*/s, async ({ ack, body }) => {
    await ack();
    await handleSubmission(options, body);
  });
  app.command(COMMAND, async ({ ack, body }) => {
    await ack();
    await handleSlash(options, body);
  });
  for (const event of EVENTS) app.event(event, async () => options.groupsChanged());
}

async function handleClick(options: InboundOptions, body: unknown): Promise<void> {
  const click = clickSchema.safeParse(body);
  if (!click.success) return unreadable(options.log, 'click');
  const to: Whereto = { userId: click.data.user.id, channel: placesOf(click.data).channels[0] ?? null, responseUrl: click.data.response_url ?? null };
  await serve(options, senderOf(click.data), to, (principal) => onClick(options.world, principal, click.data));
}

async function handleSubmission(options: InboundOptions, body: unknown): Promise<void> {
  const submission = submissionSchema.safeParse(body);
  if (!submission.success) return unreadable(options.log, 'form');
  let channel: string | null = null;
  const to = (): Whereto => ({ userId: submission.data.user.id, channel, responseUrl: null });
  await serve(options, senderOf(submission.data), to, async (principal) => {
    const outcome = await onSubmission(options.world, principal, submission.data);
    channel = outcome.channel;
    return outcome;
  });
}

async function handleSlash(options: InboundOptions, body: unknown): Promise<void> {
  const slash = slashSchema.safeParse(body);
  if (!slash.success) return unreadable(options.log, 'command');
  const to: Whereto = { userId: slash.data.user_id, channel: slash.data.channel_id ?? null, responseUrl: slash.data.response_url ?? null };
  await serve(options, slashSender(slash.data), to, async (principal) => ({ say: await onSlash(options.world.operations, principal, slash.data.text, slash.data.trigger_id ?? null) }));
}

/** Nothing is done for who cannot be identified, and whoever asked is told how it ended. */
async function serve(options: InboundOptions, sender: Sender, to: Whereto | (() => Whereto), work: (principal: Parameters<typeof onClick>[1]) => Promise<Outcome>): Promise<void> {
  const { people, replies, refresh, log } = options;
  const say = (text: string, more: readonly Block[] = []): Promise<void> => replies.tell(typeof to === 'function' ? to() : to, text, more);
  const known = await people.identify(sender);
  if (!known.ok) {
    log.warn({ user: sender.userId, because: known.because }, 'a Slack request was refused');
    return say(known.because);
  }
  try {
    const outcome = await work(known.principal);
    if (outcome.refresh !== undefined) refresh(outcome.refresh);
    if (outcome.say !== undefined) await say(outcome.say, outcome.decided === undefined ? [] : decidedApproval(outcome.decided));
  } catch (error) {
    log.error({ user: sender.userId, because: error instanceof Error ? error.message : 'unknown' }, 'a Slack request could not be carried out');
    await say('The bot could not carry this out. Look at the card or the console before you try again.');
  }
}

function unreadable(log: Log, what: string): void {
  log.warn({ what }, 'a Slack request could not be read, nothing was done');
}
