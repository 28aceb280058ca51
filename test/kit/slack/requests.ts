/** Requests as Slack sends and signs them. */
import { createHmac } from 'node:crypto';
import type { BlockAction, ButtonAction, ViewSubmitAction } from '@slack/bolt';

export const SIGNING_SECRET = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
export const APP_ID = 'A0123456789';

export interface SignedRequest {
  readonly method: 'POST';
  readonly url: '/slack/events';
  readonly headers: Record<string, string>;
  readonly payload: string;
}

/** `nowMs` is the time that the signature carries. */
export function signed(payload: string, nowMs: number, contentType = 'application/x-www-form-urlencoded', secret = SIGNING_SECRET): SignedRequest {
  const timestamp = String(Math.floor(nowMs / 1_000));
  return { method: 'POST', url: '/slack/events', headers: { 'content-type': contentType, 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signatureOf(payload, timestamp, secret) }, payload };
}

export function signatureOf(payload: string, timestamp: string, secret = SIGNING_SECRET): string {
  return `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${payload}`).digest('hex')}`;
}

export interface Press {
  readonly userId: string;
  readonly teamId: string;
  readonly channel: string;
  readonly messageTs: string;
  readonly actionId: string;
  readonly value?: string;
  readonly triggerId?: string;
  readonly responseUrl?: string;
  readonly userTeamId?: string;
}

/** A button pressed on a message, with all that Slack sends. */
export function click(press: Press): Record<string, unknown> {
  const body: BlockAction<ButtonAction> = {
    type: 'block_actions',
    user: { id: press.userId, username: 'somebody', name: 'somebody', team_id: press.userTeamId ?? press.teamId },
    api_app_id: APP_ID,
    token: 'legacy',
    container: { type: 'message', message_ts: press.messageTs, channel_id: press.channel, is_ephemeral: false },
    trigger_id: press.triggerId ?? '1234567890.123456789.0a1b2c3d4e5f60718293a4b5c6d7e8f9',
    team: { id: press.teamId, domain: 'example' },
    is_enterprise_install: false,
    channel: { id: press.channel, name: 'ops' },
    message: { type: 'message', subtype: 'bot_message', user: 'U0RUNBOOK', bot_id: 'B0RUNBOOK', app_id: APP_ID, team: press.teamId, ts: press.messageTs, edited: { user: 'B0RUNBOOK', ts: '1772359200.000000' }, text: 'DLQ overflow: waits for approval', blocks: [] },
    state: { values: {} },
    response_url: press.responseUrl ?? '',
    actions: [{ type: 'button', block_id: 'b', action_id: press.actionId, action_ts: '1772359200.123456', text: { type: 'plain_text', text: 'Approve', emoji: false }, ...(press.value === undefined ? {} : { value: press.value }) }],
  };
  // Bolt's types leave out that Slack sends this as null. A click whose answer is to come by chat.postEphemeral has no response URL here.
  const { response_url: responseUrl, ...rest } = body;
  return { ...rest, enterprise: null, ...(responseUrl === '' ? {} : { response_url: responseUrl }) };
}

/** A form that was sent. `view` is what `views.open` was given. */
export function submission(who: { readonly userId: string; readonly teamId: string }, view: { readonly callback_id: string; readonly private_metadata: string }, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const body: Omit<ViewSubmitAction, 'view'> = {
    type: 'view_submission',
    team: { id: who.teamId, domain: 'example' },
    user: { id: who.userId, name: 'somebody', team_id: who.teamId },
    api_app_id: APP_ID,
    token: 'legacy',
    trigger_id: '1234567890.123456789.1a1b2c3d4e5f60718293a4b5c6d7e8f9',
    is_enterprise_install: false,
    response_urls: [],
  };
  const texts = { title: { type: 'plain_text', text: 'Approve', emoji: false }, submit: { type: 'plain_text', text: 'Approve', emoji: false }, close: { type: 'plain_text', text: 'Back', emoji: false } };
  const ids = { id: 'V0123456789', team_id: who.teamId, hash: '1772359200.abcdefgh', root_view_id: 'V0123456789', previous_view_id: null, app_id: APP_ID, app_installed_team_id: who.teamId, bot_id: 'B0RUNBOOK', external_id: '' };
  return { ...body, enterprise: null, view: { ...ids, ...texts, type: 'modal', blocks: [], callback_id: view.callback_id, private_metadata: view.private_metadata, state: { values }, clear_on_close: false, notify_on_close: false } };
}

export function form(payload: Readonly<Record<string, unknown>>): string {
  return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
}

export function slash(who: { readonly userId: string; readonly teamId: string; readonly channel: string; readonly responseUrl?: string }, text: string): string {
  return new URLSearchParams({
    token: 'legacy',
    team_id: who.teamId,
    team_domain: 'example',
    channel_id: who.channel,
    channel_name: 'ops',
    user_id: who.userId,
    user_name: 'somebody',
    command: '/runbook',
    text,
    api_app_id: APP_ID,
    is_enterprise_install: 'false',
    response_url: who.responseUrl ?? '',
    trigger_id: '9.9.9',
  }).toString();
}
