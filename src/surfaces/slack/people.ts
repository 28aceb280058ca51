/** Who stands behind a click: a living person of this workspace, or nobody. What that person may do is the policy's to say. */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import type { Principal } from '#policy/model.ts';
import type { SlackApi } from './api.ts';

export interface Workspace {
  readonly teamId: string;
  readonly botUserId: string;
}

/** What Slack says of a user; `unknown` when it does not know the id. */
type Described = { readonly ok: true; readonly user: User | 'unknown' } | { readonly ok: false; readonly because: string };

export type Known = { readonly ok: true; readonly principal: Principal } | { readonly ok: false; readonly because: string };

/** What a signed request says of its sender. Only these fields carry authority; names and everything else are decoration. */
export interface Sender {
  readonly userId: string;
  readonly teamId: string | null;
  /** The workspace that the user belongs to, when Slack says so: another one for strangers in a shared channel. */
  readonly userTeamId: string | null;
  readonly appId: string | null;
}

export interface People {
  /** This workspace, from `auth.test`; undefined while Slack has not told. */
  workspace(): Promise<Workspace | undefined>;
  /** Fails closed: who cannot be looked up is refused. */
  identify(sender: Sender): Promise<Known>;
}

export interface PeopleOptions {
  readonly api: SlackApi;
  readonly clock: Clock;
  /** When configured, requests for another app are refused. */
  readonly appId?: string;
}

const CACHED_MS = 60_000;
const MOST_CACHED = 1_000;
const USER_ID = /^[UW][A-Z0-9]{2,20}$/;
const SLACKBOT = 'USLACKBOT';

const authSchema = z.object({ team_id: z.string().min(1), user_id: z.string() });
const userSchema = z.object({
  user: z.object({
    id: z.string(),
    team_id: z.string().optional(),
    deleted: z.boolean().optional(),
    is_bot: z.boolean().optional(),
    is_workflow_bot: z.boolean().optional(),
    is_stranger: z.boolean().optional(),
    enterprise_user: z.object({ teams: z.array(z.string()).optional() }).optional(),
  }),
});
type User = z.infer<typeof userSchema>['user'];

export function createPeople(options: PeopleOptions): People {
  const { api, clock } = options;
  const users = new Map<string, { readonly user: User | 'unknown'; readonly until: number }>();
  let workspace: Workspace | undefined;

  const findWorkspace = async (): Promise<Workspace | undefined> => {
    if (workspace !== undefined) return workspace;
    const answer = await api.call('auth.test', {});
    const read = answer.ok ? authSchema.safeParse(answer.value).data : undefined;
    if (read !== undefined) workspace = { teamId: read.team_id, botUserId: read.user_id };
    return workspace;
  };

  const findUser = async (userId: string): Promise<Described> => {
    const cached = users.get(userId);
    if (cached !== undefined && cached.until > clock.now()) return { ok: true, user: cached.user };
    const answer = await api.call('users.info', { user: userId });
    const isUnknown = !answer.ok && answer.failure.error === 'user_not_found';
    if (!answer.ok && !isUnknown) return { ok: false, because: answer.failure.message };
    const user = answer.ok ? userSchema.safeParse(answer.value).data?.user : 'unknown';
    if (user === undefined || (user !== 'unknown' && user.id !== userId)) return { ok: false, because: 'the answer of users.info could not be read' };
    if (users.size >= MOST_CACHED) users.clear();
    users.set(userId, { user, until: clock.now() + CACHED_MS });
    return { ok: true, user };
  };

  return {
    workspace: findWorkspace,
    async identify(sender) {
      if (!USER_ID.test(sender.userId) || sender.userId === SLACKBOT) return no('Only people can do this.');
      if (options.appId !== undefined && sender.appId !== options.appId) return no('This request is for another app.');
      const [own, described] = await Promise.all([findWorkspace(), findUser(sender.userId)]);
      if (own === undefined) return cannotTell('auth.test has not told which workspace this is');
      if (!described.ok) return cannotTell(described.because);
      const because = whyNot(sender, described.user, own);
      if (because !== undefined) return no(because);
      return { ok: true, principal: { id: `slack:${sender.userId}`, kind: 'human', roles: [], slackUser: sender.userId, via: 'slack' } };
    },
  };
}

/**
 * What was said must be right; what was left unsaid refuses nobody: the request is signed. A guest passes, as a member of this workspace that
 * no role names unless the policy does.
 */
function whyNot(sender: Sender, described: User | 'unknown', own: Workspace): string | undefined {
  const user: Partial<User> = described === 'unknown' ? {} : described;
  if (user.is_bot === true || user.is_workflow_bot === true || sender.userId === own.botUserId) return 'Bots and workflows cannot do this.';
  if (user.deleted === true) return 'This account is deactivated.';
  const isElsewhere = sender.teamId !== null && sender.teamId !== own.teamId;
  const homes = [sender.userTeamId, user.team_id ?? null].filter((team) => team !== null);
  const isMember = homes.every((team) => team === own.teamId) || user.enterprise_user?.teams?.includes(own.teamId) === true;
  if (isElsewhere || !isMember || user.is_stranger === true) return 'Only members of this workspace can do this.';
  return undefined;
}

function cannotTell(because: string): Known {
  return no(`Slack does not say who you are right now (${because}). Use the console or the command line, or try again.`);
}

function no(because: string): Known {
  return { ok: false, because };
}
