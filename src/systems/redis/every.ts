/** Asks every server the same; who does not answer is named, and only when nobody does it is a failure. */
import { cutText } from '#kernel/text.ts';
import { type Result, succeed, z } from '#step-kit/index.ts';
import type { RedisClient, Server, Survey } from './client.ts';
import type { Call } from './connection.ts';
import { type Answer, plain } from './failure.ts';

export const unseen = z.object({ address: z.string(), say: z.string() });

export interface Gathered<T> {
  readonly survey: Survey;
  readonly answers: readonly { readonly server: Server; readonly value: T }[];
  /** Servers that did not answer. */
  readonly unseen: z.output<typeof unseen>[];
}

export async function askEvery<T>(client: RedisClient, call: Call, ask: (server: Server, survey: Survey) => Promise<Answer<T>>, which: (server: Server) => boolean = () => true): Promise<Result<Gathered<T>>> {
  const survey = await client.survey(call);
  if (!survey.ok) return plain(survey.failure);
  const asked = survey.value.servers.filter(which);
  const answers = await Promise.all(asked.map(async (server) => ({ server, answer: await ask(server, survey.value) })));
  const good = answers.flatMap(({ server, answer }) => (answer.ok ? [{ server, value: answer.value }] : []));
  const bad = answers.flatMap(({ server, answer }) => (answer.ok ? [] : [{ server, failure: answer.failure }]));
  const [first] = bad;
  if (good.length === 0 && first !== undefined) return plain(first.failure);
  return succeed({ survey: survey.value, answers: good, unseen: bad.map(({ server, failure }) => ({ address: server.node.address, say: failure.message })) });
}

/** The text that `note` shows for servers that were not seen. */
export function noteOf(missing: readonly { readonly say: string }[]): string {
  return missing.length === 0 ? '' : cutText(`Not seen: ${missing.map(({ say }) => say).join(' ')}`, 1_000);
}
