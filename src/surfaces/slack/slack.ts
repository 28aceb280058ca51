/** The Slack surface: cards out, clicks and commands in. @slack/* is loaded when `createSlack` is called, not before. */
import type { FastifyPluginAsync } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Secret } from '#kernel/secret.ts';
import type { Operations } from '#operations/operations.ts';
import { createSlackApi, type ObserveCall } from './api.ts';
import { CardWriter } from './card-writer.ts';
import { createCardsStore, type CardJournal } from './cards-store.ts';
import { canBeChannel, createChannel } from './channel.ts';
import type { SlackDirectory } from './directory.ts';
import { createInbound } from './inbound.ts';
import { Notifier } from './notifier.ts';
import { createPeople } from './people.ts';
import { createReplies } from './reply.ts';
import { slackRoutes } from './routes.ts';
import { createSignatureCheck } from './signature.ts';
import { createSockets, type Sockets } from './socket.ts';
import { createTurns } from './turns.ts';

export interface SlackOptions {
  readonly mode: 'socket' | 'http';
  /** Default `https://slack.com/api/`. */
  readonly apiUrl?: string;
  readonly botToken: Secret;
  /** Needed for `socket`. */
  readonly appToken?: Secret;
  /** Needed for `http`. */
  readonly signingSecret?: Secret;
  /** The channel that the cards go to: its id, or its name (`#ops`, `ops`), which is looked up when it is first wanted. */
  readonly channel: string;
  /** When given, requests for another app are refused. */
  readonly appId?: string;
  /** Where people reach the console; without it cards hold no links. */
  readonly baseUrl?: string;
  readonly operations: Operations;
  readonly journal: CardJournal;
  /** Told when Slack says that a user group has changed. */
  readonly directory?: SlackDirectory;
  /** Told of every call of the Web API. */
  readonly observe?: ObserveCall;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Slack {
  /** With `http`: register it on the one listener. */
  readonly routes?: FastifyPluginAsync;
  /** Never waits for Slack. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** With `socket`: how many connections stand. */
  connected(): number;
}

const STOP_WITHIN_MS = 5_000;

/** Throws a sentence for the operator when the configuration cannot work. */
export async function createSlack(options: SlackOptions): Promise<Slack> {
  const { mode, operations, clock, log } = options;
  if (!canBeChannel(options.channel)) throw new Error('slack.channel: expected the id of a channel (C0123456789) or its name (\'#ops\', in quotes)');
  const apiUrl = options.apiUrl === undefined ? {} : { apiUrl: options.apiUrl };
  const api = await createSlackApi({ token: options.botToken, ...apiUrl, log, ...(options.observe === undefined ? {} : { observe: options.observe }) });
  const channel = createChannel({ api, channel: options.channel, clock, log });
  const writer = new CardWriter({ api, cards: createCardsStore(options.journal), operations, channel, clock, log, card: options.baseUrl === undefined ? {} : { baseUrl: options.baseUrl } });
  const notifier = new Notifier({ operations, writer, clock, log });
  const people = createPeople({ api, clock, ...(options.appId === undefined ? {} : { appId: options.appId }) });
  const inbound = await createInbound({
    botToken: options.botToken,
    world: { operations, api, inTurn: createTurns(), whereIs: (subjectId) => writer.whereIs(subjectId) },
    people,
    replies: createReplies({ api, ...apiUrl, log }),
    refresh: (subjectId) => notifier.refresh(subjectId),
    groupsChanged: () => options.directory?.forget(),
    log,
  });

  let sockets: Sockets | undefined;
  let routes: FastifyPluginAsync | undefined;
  if (mode === 'socket') {
    if (options.appToken === undefined) throw new Error('slack.appTokenFile: Socket Mode needs the app-level token (xapp-…)');
    sockets = await createSockets({ appToken: options.appToken, ...apiUrl, inbound, clock, log });
  } else {
    if (options.signingSecret === undefined) throw new Error('slack.signingSecretFile: signed HTTP needs the app\'s signing secret');
    routes = slackRoutes({ signatures: createSignatureCheck(options.signingSecret, clock), inbound, clock, log });
  }

  return {
    ...(routes === undefined ? {} : { routes }),
    async start() {
      notifier.start();
      sockets?.start();
      // Known before the first click and the first alert, so that they need not wait for it.
      void people.workspace();
      void channel.find();
    },
    async stop() {
      await sockets?.stop();
      let cancel = (): void => {};
      const tooLong = new Promise<void>((resolve) => {
        cancel = clock.schedule(clock.now() + STOP_WITHIN_MS, resolve);
      });
      await Promise.race([inbound.idle(), tooLong]);
      cancel();
      await notifier.stop();
    },
    connected: () => sockets?.connected() ?? 0,
  };
}
