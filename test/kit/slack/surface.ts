/** The Slack surface over a fake door, a journal in memory and the workspace of `workspace.ts`. */
import Fastify, { type FastifyInstance } from 'fastify';
import { createMemoryJournal } from '#journal/memory.ts';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import { createSlack, type Slack, type SlackOptions } from '#surfaces/slack/slack.ts';
import { createVirtualClock, settle, type VirtualClock } from '../clock.ts';
import { createFakeOperations, type FakeOperations } from '../operations.ts';
import { form, signed, SIGNING_SECRET } from './requests.ts';
import { APP_TOKEN, BOT_TOKEN, type Workspace } from './workspace.ts';

export interface TestSlack {
  readonly slack: Slack;
  readonly operations: FakeOperations;
  readonly clock: VirtualClock;
  readonly http: FastifyInstance;
  /** Sends a payload, signed now; resolves with the status of the acknowledgement. */
  send(payload: Readonly<Record<string, unknown>>): Promise<number>;
  stop(): Promise<void>;
}

export async function startSlack(workspace: Workspace, given: Partial<SlackOptions> & { readonly operations?: FakeOperations; readonly clock?: VirtualClock } = {}): Promise<TestSlack> {
  const clock = given.clock ?? createVirtualClock();
  const operations = given.operations ?? createFakeOperations();
  const journal = given.journal ?? createMemoryJournal({ clock });
  const slack = await createSlack({
    mode: 'http',
    apiUrl: workspace.apiUrl,
    botToken: new Secret(BOT_TOKEN),
    appToken: new Secret(APP_TOKEN),
    signingSecret: new Secret(SIGNING_SECRET),
    channel: workspace.channel,
    log: silentLog,
    ...given,
    operations,
    journal,
    clock,
  });
  const http = Fastify();
  if (slack.routes !== undefined) await http.register(slack.routes);
  await slack.start();
  return {
    slack,
    operations,
    clock,
    http,
    send: async (payload) => {
      // A signature is taken once: the next one is of another second.
      await clock.advance(1_000);
      return (await http.inject(signed(form(payload), clock.now()))).statusCode;
    },
    async stop() {
      await slack.stop();
      await http.close();
    },
  };
}

/** Turns of the event loop until it holds; `stepMs` of virtual time pass with each. */
export async function until(holds: () => boolean | Promise<boolean>, clock?: VirtualClock, stepMs = 100): Promise<void> {
  for (let turn = 0; turn < 3_000; turn += 1) {
    if (await holds()) return;
    await (clock === undefined ? settle() : clock.advance(stepMs));
  }
  throw new Error(`it never came to hold: ${holds.toString()}`);
}

/** The value of the first button with this action on a message. */
export function buttonValue(message: { readonly blocks?: readonly { readonly elements?: readonly Readonly<Record<string, unknown>>[] }[] } | undefined, actionId: string): string | undefined {
  const found = (message?.blocks ?? []).flatMap((block) => block.elements ?? []).find((element) => element['action_id'] === actionId);
  return typeof found?.['value'] === 'string' ? found['value'] : undefined;
}
