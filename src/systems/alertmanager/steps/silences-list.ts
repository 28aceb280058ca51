import { defineRead, succeed, z } from '#step-kit/index.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { CREATOR, hidesMuch, isActive, writeMatchers } from '../silences.ts';
import { Alertmanager } from '../system.ts';

const MOST = 500;

export const silencesList = defineRead({
  name: 'alertmanager.silences.list',
  summary: 'Lists the silences: who made them, what they hide, and when they end.',
  input: z.object({
    expired: z.boolean().default(false).describe('Expired ones as well.'),
    ours: z.boolean().default(false).describe('Only those that the bot has made.'),
    limit: z.int().min(1).max(MOST).default(100),
  }),
  output: z.object({
    items: z.array(
      z.object({
        id: z.string(),
        state: z.string().describe('`active`, `pending` or `expired`.'),
        active: z.boolean(),
        ours: z.boolean().describe('Made by the bot; its comment names the run.'),
        hidesMuch: z.boolean().describe('No matcher says what an alert must be.'),
        matchers: z.array(z.object({ name: z.string(), value: z.string(), isRegex: z.boolean(), isEqual: z.boolean() })),
        text: z.string(),
        createdBy: z.string(),
        comment: z.string(),
        startsAt: z.string(),
        endsAt: z.string(),
        remainingSeconds: z.int(),
      }),
    ),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What is silenced',
      with: {},
      output: {
        items: [{ id: 'baaca797-d571-41a9-96a5-fa22247c5d68', state: 'active', active: true, ours: true, hidesMuch: false, matchers: [{ name: 'alertname', value: 'CordumDLQDepthHigh', isRegex: false, isEqual: true }], text: '{alertname="CordumDLQDepthHigh"}', createdBy: 'cordum-runbook-bot (alice)', comment: 'Run 01: rolling upgrade', startsAt: '2026-11-20T19:50:15.991Z', endsAt: '2026-11-20T20:50:15.988Z', remainingSeconds: 3_540 }],
        total: 1, truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await ctx.use(Alertmanager).silences({ signal: ctx.signal });
    if (!answer.ok) return answer;
    const found = answer.value.value.filter((silence) => (input.expired || isActive(silence)) && (!input.ours || silence.createdBy.startsWith(CREATOR)));
    const truncated = found.length > input.limit;
    return succeed({
      items: found.slice(0, input.limit).map((silence) => {
        const endMs = Date.parse(silence.endsAt);
        return {
          id: silence.id,
          state: silence.status.state,
          active: silence.status.state === 'active',
          ours: silence.createdBy.startsWith(CREATOR),
          hidesMuch: hidesMuch(silence),
          matchers: silence.matchers.slice(0, 50).map(({ name, value, isRegex, isEqual }) => ({ name, value: cutText(redact(value), 500), isRegex, isEqual })),
          text: writeMatchers(silence.matchers),
          createdBy: cutText(redact(silence.createdBy), 200),
          comment: cutText(redact(silence.comment), 500),
          startsAt: silence.startsAt,
          endsAt: silence.endsAt,
          remainingSeconds: isActive(silence) && !Number.isNaN(endMs) ? Math.max(0, Math.floor((endMs - answer.value.atMs) / 1_000)) : 0,
        };
      }),
      total: found.length,
      truncated,
      note: truncated ? `${found.length} silences are there, ${input.limit} are shown.` : '',
    });
  },
});
