import { describe, expect, it } from 'vitest';
import type { SlackAnswer, SlackApi, SlackFailure } from '#surfaces/slack/api.ts';
import { createPeople, type Known, type Sender } from '#surfaces/slack/people.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

const OWN = 'T0OWN';
const USER = 'U0ALICE';
const MEMBER = { id: USER, team_id: OWN, is_bot: false, deleted: false, is_restricted: false, is_stranger: false };
const SENDER: Sender = { userId: USER, teamId: OWN, userTeamId: OWN, appId: 'A1' };

const says = (user: unknown): SlackAnswer => ({ ok: true, value: { ok: true, user } });
const fails = (failure: SlackFailure): SlackAnswer => ({ ok: false, failure });
const UNKNOWN = fails({ reason: 'notFound', message: 'Slack refused users.info: user_not_found', error: 'user_not_found' });

function slack(user: SlackAnswer, auth: SlackAnswer = { ok: true, value: { ok: true, team_id: OWN, user_id: 'U0BOT' } }): SlackApi & { asked: number } {
  const api = {
    asked: 0,
    async call(method: string): Promise<SlackAnswer> {
      api.asked += 1;
      return method === 'auth.test' ? auth : user;
    },
  };
  return api;
}

const identify = (sender: Partial<Sender>, user: SlackAnswer = says(MEMBER), auth?: SlackAnswer): Promise<Known> =>
  createPeople({ api: auth === undefined ? slack(user) : slack(user, auth), clock: createVirtualClock() }).identify({ ...SENDER, ...sender });

describe('who stands behind a signed request', () => {
  it('is a principal of the user id, and of nothing else that Slack says', async () => {
    expect(await identify({}, says({ ...MEMBER, name: 'root', profile: { email: 'ceo@example.com' }, is_admin: true, is_owner: true }))).toEqual({ ok: true, principal: { id: `slack:${USER}`, kind: 'human', roles: [], slackUser: USER, via: 'slack' } });
  });

  it.each<[string, Partial<Sender>, SlackAnswer]>([
    ['a request that names no workspace', { teamId: null }, says(MEMBER)],
    ['a request that names no workspace at all', { teamId: null, userTeamId: null }, says(MEMBER)],
    ['nothing that says a workspace', { teamId: null, userTeamId: null }, says({ id: USER })],
    ['a user whom Slack does not know by this id', {}, UNKNOWN],
    ['a user whom Slack does not know, in a request without workspace', { teamId: null, userTeamId: null }, UNKNOWN],
    ['a guest', {}, says({ ...MEMBER, is_restricted: true })],
    ['a guest of one channel', {}, says({ ...MEMBER, is_restricted: true, is_ultra_restricted: true })],
    ['a person of an organisation that this workspace belongs to', { userTeamId: 'E0ORG' }, says({ ...MEMBER, team_id: 'E0ORG', enterprise_user: { teams: ['T0OTHER', OWN] } })],
  ])('may be %s', async (_what, sender, user) => {
    expect(await identify(sender, user)).toMatchObject({ ok: true, principal: { slackUser: USER, roles: [] } });
  });

  it.each<[string, Partial<Sender>, SlackAnswer]>([
    ['of another workspace, by the request', { teamId: 'T0OTHER' }, says(MEMBER)],
    ['of another workspace, by the request, and unknown', { teamId: 'T0OTHER' }, UNKNOWN],
    ['of another workspace, by the user of the request', { teamId: null, userTeamId: 'T0OTHER' }, says({ id: USER })],
    ['of another workspace, by the user of the request, and unknown', { teamId: null, userTeamId: 'T0OTHER' }, UNKNOWN],
    ['of another workspace, by users.info', { teamId: null, userTeamId: null }, says({ ...MEMBER, team_id: 'T0OTHER' })],
    ['a stranger', {}, says({ ...MEMBER, is_stranger: true })],
    ['a guest of another workspace', { userTeamId: 'T0OTHER' }, says({ ...MEMBER, team_id: 'T0OTHER', is_restricted: true })],
    ['a person of an organisation, elsewhere in it', { userTeamId: 'E0ORG' }, says({ ...MEMBER, team_id: 'E0ORG', enterprise_user: { teams: ['T0OTHER'] } })],
    ['a bot', {}, says({ ...MEMBER, is_bot: true })],
    ['a workflow', {}, says({ ...MEMBER, is_workflow_bot: true })],
    ['deactivated', {}, says({ ...MEMBER, deleted: true })],
    ['slackbot', { userId: 'USLACKBOT' }, UNKNOWN],
    ['this bot, although Slack does not know it', { userId: 'U0BOT' }, UNKNOWN],
    ['no user id', { userId: 'B0ROBOT' }, UNKNOWN],
  ])('is refused when it is %s', async (_what, sender, user) => {
    expect(await identify(sender, user)).toMatchObject({ ok: false });
  });

  it.each<[string, SlackAnswer]>([
    ['no answer from Slack to users.info', fails({ reason: 'unreachable', message: 'no answer from Slack to users.info' })],
    ['Slack wants users.info slower', fails({ reason: 'rateLimited', message: 'Slack wants users.info slower', retryAfterMs: 1_000 })],
    ['missing_scope', fails({ reason: 'forbidden', message: 'Slack refused users.info: missing_scope', error: 'missing_scope' })],
    ['user_not_visible', fails({ reason: 'invalid', message: 'Slack refused users.info: user_not_visible', error: 'user_not_visible' })],
    ['could not be read', says(undefined)],
    ['could not be read', says({ ...MEMBER, id: 'U0SOMEBODY' })],
    ['could not be read', says({ ...MEMBER, deleted: 'no' })],
  ])('is refused with the reason when Slack cannot be asked: %s', async (because, user) => {
    const known = await identify({}, user);
    expect(known.ok ? '' : known.because).toContain('Slack does not say who you are right now');
    expect(known.ok ? '' : known.because).toContain(because);
  });

  it('is refused while Slack does not say which workspace this is, whatever the request says', async () => {
    const known = await identify({}, says(MEMBER), fails({ reason: 'unreachable', message: 'no answer' }));
    expect(known).toMatchObject({ ok: false, because: expect.stringContaining('auth.test') as string });
  });

  it('is asked of Slack once a minute, and a failure is asked again at once', async () => {
    const clock = createVirtualClock();
    const api = slack(UNKNOWN);
    const people = createPeople({ api, clock });
    await people.identify(SENDER);
    await people.identify(SENDER);
    expect(api.asked).toBe(2);
    await clock.advance(60_000);
    await people.identify(SENDER);
    expect(api.asked).toBe(3);
    const broken = slack(fails({ reason: 'unreachable', message: 'no answer' }));
    const others = createPeople({ api: broken, clock });
    await others.identify(SENDER);
    await others.identify(SENDER);
    expect(broken.asked).toBe(3);
  });
});
