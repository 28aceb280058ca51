/** The members of the user groups that the policy names. What cannot be read right now is `unreachable`, and nobody is a member of that. */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Secret } from '#kernel/secret.ts';
import type { SlackGroupMembers } from '#policy/roles.ts';
import { createSlackApi, type ObserveCall, type SlackApi } from './api.ts';

export interface SlackDirectory {
  /** By group id, for every group that the policy names. Never rejects. */
  slackGroupMembers(): Promise<SlackGroupMembers>;
  /** The groups have changed: the next question goes to Slack. */
  forget(): void;
}

export interface SlackDirectoryOptions {
  readonly botToken: Secret;
  readonly apiUrl?: string;
  /** Ids of the groups that the policy names (`S0123…`), asked anew each time so that a reloaded policy counts. */
  readonly groups: () => readonly string[];
  readonly observe?: ObserveCall;
  readonly clock: Clock;
  readonly log: Log;
}

const CACHED_MS = 60_000;
/** After a failure Slack is left alone this long, or as long as it says: `usergroups.users.list` allows about 20 calls a minute. */
const RETRY_AFTER_MS = 3_000;
/** A person waits for the decision that needs this. */
const TIMEOUT_MS = 4_000;
const MOST_GROUPS = 20;
const MOST_MEMBERS = 5_000;

const membersSchema = z.object({ users: z.array(z.string()).max(MOST_MEMBERS) });

interface Entry {
  readonly members: ReadonlySet<string> | 'unreachable';
  /** ms since the epoch. */
  readonly until: number;
}

export function createSlackDirectory(options: SlackDirectoryOptions): SlackDirectory {
  const { clock, log, groups } = options;
  const entries = new Map<string, Entry>();
  const asking = new Map<string, Promise<Entry>>();
  let generation = 0;
  let api: Promise<SlackApi> | undefined;

  const ask = async (group: string): Promise<Entry> => {
    api ??= createSlackApi({ token: options.botToken, ...(options.apiUrl === undefined ? {} : { apiUrl: options.apiUrl }), timeoutMs: TIMEOUT_MS, log, ...(options.observe === undefined ? {} : { observe: options.observe }) });
    const answer = await (await api).call('usergroups.users.list', { usergroup: group });
    const read = answer.ok ? membersSchema.safeParse(answer.value).data : undefined;
    if (read !== undefined) return { members: new Set(read.users), until: clock.now() + CACHED_MS };
    const because = answer.ok ? 'its answer could not be read' : answer.failure.message;
    log.warn({ group, because }, 'a Slack user group is unreachable: it gives nobody a role');
    return { members: 'unreachable', until: clock.now() + (answer.ok ? RETRY_AFTER_MS : (answer.failure.retryAfterMs ?? RETRY_AFTER_MS)) };
  };

  const entryOf = (group: string): Promise<Entry> => {
    const cached = entries.get(group);
    if (cached !== undefined && cached.until > clock.now()) return Promise.resolve(cached);
    const already = asking.get(group);
    if (already !== undefined) return already;
    const asked = generation;
    const question = ask(group).then((entry) => {
      if (asked === generation) {
        entries.set(group, entry);
        asking.delete(group);
      }
      return entry;
    });
    asking.set(group, question);
    return question;
  };

  return {
    async slackGroupMembers() {
      const named = [...new Set(groups())];
      if (named.length > MOST_GROUPS) log.warn({ named: named.length, most: MOST_GROUPS }, 'the policy names too many Slack user groups, the rest gives nobody a role');
      const found = await Promise.all(named.map(async (group, at): Promise<[string, Entry['members']]> => [group, at < MOST_GROUPS ? (await entryOf(group)).members : 'unreachable']));
      return new Map(found);
    },
    forget() {
      generation += 1;
      entries.clear();
      asking.clear();
    },
  };
}
