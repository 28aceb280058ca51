/** Slack, loaded only when it is configured. */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Config } from '#config/config.ts';
import type { Journal } from '#engine/ports.ts';
import type { Operations } from '#operations/operations.ts';
import type { SlackGroupMembers } from '#policy/roles.ts';
import type { HttpPlugin } from '#surfaces/http/server.ts';

export interface SlackSurface {
  readonly routes: HttpPlugin | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface SlackWiring {
  /** Members of the groups that the policy names. */
  groupMembers(): Promise<SlackGroupMembers>;
  connect(operations: Operations): Promise<SlackSurface | undefined>;
}

export function wireSlack({ config, journal, clock, log, observe }: { config: Config; journal: Journal; clock: Clock; log: Log; observe: (method: string, result: string) => void }): SlackWiring {
  const { slack } = config;
  if (slack.mode === 'off') return { groupMembers: () => Promise.resolve(new Map()), connect: () => Promise.resolve(undefined) };
  const groups = (): string[] => Object.values(config.policy.roles).flatMap((members) => [...members.slackGroups]);
  const directory = import('#surfaces/slack/directory.ts').then(({ createSlackDirectory }) => createSlackDirectory({ botToken: slack.botToken, apiUrl: slack.apiUrl, groups, clock, log, observe }));
  return {
    groupMembers: async () => (await directory).slackGroupMembers(),
    async connect(operations) {
      const { createSlack } = await import('#surfaces/slack/slack.ts');
      const credentials = slack.mode === 'http' ? { signingSecret: slack.signingSecret } : { appToken: slack.appToken };
      const surface = await createSlack({ mode: slack.mode, ...credentials, apiUrl: slack.apiUrl, botToken: slack.botToken, channel: slack.channel, operations, journal, directory: await directory, clock, log, observe });
      const { routes } = surface;
      return { routes: routes === undefined ? undefined : async (app) => void (await app.register(routes)), start: () => surface.start(), stop: () => surface.stop() };
    },
  };
}
