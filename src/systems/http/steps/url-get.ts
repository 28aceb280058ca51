import { defineRead, succeed, type Json, z } from '#step-kit/index.ts';
import { redact, redactJson } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { CONNECTION_CAUSES } from '#kernel/network.ts';
import { pickField } from '../fields.ts';
import type { HttpAnswer } from '../get.ts';
import { Http } from '../system.ts';

const PATH = /^[^.\s]+(?:\.[^.\s]+){0,19}$/;

export const urlGet = defineRead({
  name: 'http.url.get',
  summary: 'Asks an address of the target\'s `http.allow` list with GET and says what came: status, text, and single fields of JSON.',
  input: z.object({
    url: z.string().min(1).max(4_000).describe('http or https. Its host must stand in the target\'s `http.allow`. Redirects are not followed.'),
    status: z.int().min(0).max(599).default(0).describe('The status that is expected; 0: any of 200 to 299.'),
    contains: z.array(z.string().min(1).max(500)).max(20).default([]).describe('Texts that the answer must hold, all of them.'),
    fields: z.array(z.object({ name: z.string().min(1).max(100), path: z.string().max(300).regex(PATH, 'expected a path such as build.version or items.0.name') })).max(50).default([]).describe('Values of a JSON answer to pick.'),
    withinMs: z.int().min(100).max(25_000).default(10_000),
  }),
  output: z.object({
    reachable: z.boolean().describe('Somebody answered, whatever it was.'),
    cause: z.enum(['ok', ...CONNECTION_CAUSES]).describe('Why nobody answered; `ok` when somebody did.'),
    matched: z.boolean().describe('The status is the expected one, and the answer holds every text of `contains`.'),
    status: z.int().describe('0 when nobody answered.'),
    contentType: z.string(),
    location: z.string().describe('Where a redirect points. It is not followed.'),
    durationMs: z.int(),
    body: z.string().describe('The first 64 KiB, without what looks like a secret.'),
    truncated: z.boolean(),
    json: z.boolean().describe('The answer is JSON, so that fields can be picked.'),
    fields: z.array(z.object({ name: z.string(), seen: z.boolean(), value: z.string(), number: z.number(), isTrue: z.boolean() })),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Which version runs',
      with: { url: 'http://cordum-api-gateway:8081/health', fields: [{ name: 'version', path: 'build.version' }] },
      output: {
        reachable: true, cause: 'ok', matched: true, status: 200, contentType: 'application/json', location: '', durationMs: 12, body: '{"build":{"version":"0.9.1"}}', truncated: false, json: true,
        fields: [{ name: 'version', seen: true, value: '0.9.1', number: 0, isTrue: false }], note: '', say: 'It answered 200 in 12 ms.',
      },
    },
  ],
  async run(input, ctx) {
    const read = await ctx.use(Http).get(input.url, { timeoutMs: input.withinMs, signal: ctx.signal });
    if (!read.ok) return read;
    const nothing = { status: 0, contentType: '', location: '', body: '', truncated: false } as const;
    if (!read.value.reachable) {
      const { cause, why, durationMs } = read.value;
      return succeed({ reachable: false, cause, matched: false, ...nothing, durationMs, json: false, fields: input.fields.map((field) => pickField(undefined, field)), note: '', say: `It cannot be reached: ${why}.` });
    }
    const answer = read.value.value;
    const { json, body } = clean(answer);
    const asExpected = input.status === 0 ? answer.status >= 200 && answer.status < 300 : answer.status === input.status;
    const matched = asExpected && input.contains.every((text) => answer.body.includes(text));
    return succeed({
      ...answer,
      reachable: true,
      cause: 'ok' as const,
      matched,
      location: redact(answer.location),
      durationMs: read.value.durationMs,
      body,
      json: json !== undefined,
      fields: input.fields.map((field) => pickField(json, field)),
      note: noteOf(answer, body, json, input.fields.length > 0),
      say: `It answered ${answer.status} in ${read.value.durationMs} ms${matched ? '' : asExpected ? ', without the expected text' : ', which is not what was expected'}.`,
    });
  },
});

/** Fields are picked from JSON that holds no secret any more. */
function clean(answer: HttpAnswer): { readonly json: Json | undefined; readonly body: string } {
  if (answer.truncated) return { json: undefined, body: redact(answer.body) };
  try {
    const json = redactJson(JSON.parse(answer.body) as Json);
    return { json, body: cutText(redact(JSON.stringify(json)), 70_000) };
  } catch {
    return { json: undefined, body: redact(answer.body) };
  }
}

function noteOf(answer: HttpAnswer, body: string, json: Json | undefined, wantsFields: boolean): string {
  const notes: string[] = [];
  if (answer.truncated) notes.push('The answer is longer than 64 KiB and was cut.');
  if (wantsFields && json === undefined) notes.push(answer.truncated ? 'No fields can be picked from an answer that was cut.' : 'The answer is not JSON, so no fields can be picked.');
  if (body.includes('[redacted]') && !answer.body.includes('[redacted]')) notes.push('What looks like a secret was taken out.');
  if (answer.location !== '') notes.push('It redirects; the redirect was not followed.');
  return notes.join(' ');
}
