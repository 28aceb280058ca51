/** What Slack sends, as far as it is read. Everything else in a payload is ignored. */
import { z } from 'zod';
import type { Sender } from './people.ts';
import { answersSchema } from './forms.ts';

const id = z.string().min(1).max(64);
const url = z.string().max(2_000);
const team = z.object({ id }).nullish();
const user = z.object({ id, team_id: id.nullish() });

export const clickSchema = z.object({
  type: z.literal('block_actions'),
  team,
  user,
  api_app_id: id.nullish(),
  trigger_id: z.string().max(255).nullish(),
  response_url: url.nullish(),
  channel: z.object({ id }).nullish(),
  container: z.object({ message_ts: id.nullish(), channel_id: id.nullish() }).nullish(),
  message: z.object({ ts: id.nullish() }).nullish(),
  actions: z.array(z.object({ action_id: z.string().max(255), value: z.string().max(2_000).nullish() })).min(1).max(1),
});
export type Click = z.infer<typeof clickSchema>;

export const submissionSchema = z.object({
  type: z.literal('view_submission'),
  team,
  user,
  api_app_id: id.nullish(),
  view: z.object({ id: id.nullish(), callback_id: z.string().max(255), private_metadata: z.string().max(3_000), state: z.object({ values: answersSchema }) }),
});
export type Submission = z.infer<typeof submissionSchema>;

export const slashSchema = z.object({
  command: z.string().max(100),
  text: z.string().max(20_000).default(''),
  user_id: id,
  team_id: id.nullish(),
  api_app_id: id.nullish(),
  channel_id: id.nullish(),
  response_url: url.nullish(),
  trigger_id: z.string().max(255).nullish(),
});
export type Slash = z.infer<typeof slashSchema>;

/** Where the button was pressed, as far as the request says; it may say it twice. */
export function placesOf(click: Click): { readonly messages: readonly string[]; readonly channels: readonly string[] } {
  const said = (...values: readonly (string | null | undefined)[]): readonly string[] => values.filter((value) => value != null);
  return { messages: said(click.container?.message_ts, click.message?.ts), channels: said(click.container?.channel_id, click.channel?.id) };
}

export function senderOf(body: Pick<Click, 'team' | 'user' | 'api_app_id'>): Sender {
  return { userId: body.user.id, teamId: body.team?.id ?? null, userTeamId: body.user.team_id ?? null, appId: body.api_app_id ?? null };
}

export function slashSender(body: Slash): Sender {
  return { userId: body.user_id, teamId: body.team_id ?? null, userTeamId: null, appId: body.api_app_id ?? null };
}
