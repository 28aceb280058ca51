import { defineRead, succeed, z } from '#step-kit/index.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { joinNotes } from '../reading.ts';
import type { RuleGroupData } from '../schema.ts';
import { Prometheus } from '../system.ts';

const MOST = 1_000;
/** A rule that was not evaluated for so many intervals of its group is late. */
const LATE_INTERVALS = 3;
const LATE_AT_LEAST_SECONDS = 60;

const rule = z.object({
  group: z.string(),
  name: z.string(),
  type: z.string().describe('`alerting` or `recording`.'),
  state: z.string().describe('Of an alerting rule: `inactive`, `pending` or `firing`.'),
  health: z.string().describe('`ok`, `err` or `unknown` (not evaluated yet).'),
  healthy: z.boolean().describe('Evaluated lately, and without an error.'),
  late: z.boolean(),
  lastError: z.string(),
  lastEvaluation: z.string(),
  ageSeconds: z.int().describe('Since the last evaluation; 0 when there was none.'),
  evaluationMs: z.int(),
});

export const rulesList = defineRead({
  name: 'prometheus.rules.list',
  summary: 'Lists the rules that Prometheus has loaded: whether they are evaluated, with what error, and which alert.',
  input: z.object({
    group: z.string().default('').describe('Only of this group; empty: all.'),
    type: z.enum(['any', 'alerting', 'recording']).default('any'),
    expected: z.array(z.string().min(1)).max(200).default([]).describe('Names of rules that should be there; `missing` says which are not.'),
    limit: z.int().min(1).max(MOST).default(200),
  }),
  output: z.object({
    healthy: z.boolean().describe('There are rules, each is healthy, and none is missing.'),
    items: z.array(rule),
    failing: z.array(rule).describe('Those that are not healthy, also where `items` is cut.'),
    missing: z.array(z.object({ name: z.string() })),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Are the alert rules of Cordum there',
      with: { type: 'alerting', expected: ['CordumNATSDown'] },
      output: {
        healthy: true,
        items: [{ group: 'cordum', name: 'CordumNATSDown', type: 'alerting', state: 'inactive', health: 'ok', healthy: true, late: false, lastError: '', lastEvaluation: '2026-11-20T19:24:38.864Z', ageSeconds: 12, evaluationMs: 1 }],
        failing: [], missing: [], total: 1, truncated: false, note: '', say: '1 rule, all evaluated without an error.',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await ctx.use(Prometheus).rules({ signal: ctx.signal });
    if (!answer.ok) return answer;
    const all = answer.value.data.filter(({ name }) => input.group === '' || name === input.group).flatMap((group) => recordsOf(group, answer.value.atMs));
    const found = all.filter(({ type }) => input.type === 'any' || type === input.type);
    const names = new Set(found.map(({ name }) => name));
    const missing = [...new Set(input.expected)].filter((name) => !names.has(name)).map((name) => ({ name }));
    const failing = found.filter(({ healthy }) => !healthy);
    const truncated = found.length > input.limit;
    return succeed({
      healthy: found.length > 0 && failing.length === 0 && missing.length === 0,
      items: found.slice(0, input.limit),
      failing: failing.slice(0, input.limit),
      missing,
      total: found.length,
      truncated,
      note: joinNotes([...(truncated ? [`${found.length} rules are there, ${input.limit} are shown.`] : []), ...answer.value.remarks]),
      say: say(found.length, failing.length, missing),
    });
  },
});

function recordsOf(group: RuleGroupData, nowMs: number): z.output<typeof rule>[] {
  return group.rules.map((one) => {
    const evaluatedMs = Date.parse(one.lastEvaluation);
    // Of a rule that was never evaluated Prometheus gives the year 1.
    const known = !Number.isNaN(evaluatedMs) && evaluatedMs > 0;
    const ageSeconds = known ? Math.max(0, Math.floor((nowMs - evaluatedMs) / 1_000)) : 0;
    const late = !known || ageSeconds > Math.max(LATE_AT_LEAST_SECONDS, LATE_INTERVALS * group.interval);
    return {
      group: group.name,
      name: one.name,
      type: one.type,
      state: one.state,
      health: one.health,
      healthy: one.health === 'ok' && !late,
      late,
      lastError: cutText(redact(one.lastError), 500),
      lastEvaluation: known ? one.lastEvaluation : '',
      ageSeconds,
      evaluationMs: Math.round(one.evaluationTime * 1_000),
    };
  });
}

function say(total: number, failing: number, missing: readonly { readonly name: string }[]): string {
  const absent = missing.length === 0 ? '' : ` Missing: ${cutText(missing.map(({ name }) => name).join(', '), 200)}.`;
  if (total === 0) return `There are no such rules.${absent}`;
  const count = `${total} rule${total === 1 ? '' : 's'}`;
  return `${count}, ${failing === 0 ? 'all evaluated without an error' : `${failing} failing, late or not yet evaluated`}.${absent}`;
}
