import { z } from 'zod';
import { parseDuration } from '#kernel/duration.ts';
import { STEP_NAME } from '#step-kit/index.ts';

/** The YAML of the policy file, as it is written. `policy.ts` makes a `Policy` of it. */

const MOST_MEMBERS = 10_000;
const MOST_FREEZES = 1_000;
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

const text = z.string('expected a text; put it in quotes').min(1, 'expected a text').max(256, 'expected at most 256 characters');
const count = (most: number) => z.int(`expected a whole number from 1 to ${most}`).min(1, `expected a whole number from 1 to ${most}`).max(most, `expected a whole number from 1 to ${most}`);

function duration(mostMs: number, most: string) {
  return z.string('expected a duration such as 15m').transform((value, ctx) => {
    const ms = parseDuration(value);
    if (ms === undefined || ms < 1_000) ctx.addIssue({ code: 'custom', message: 'expected a duration such as 30s, 15m or 1h' });
    else if (ms > mostMs) ctx.addIssue({ code: 'custom', message: `expected at most ${most}` });
    return ms ?? 0;
  });
}

/** An instant needs its offset: a freeze that begins at somebody's local midnight begins twice. */
const instant = z.string('expected a time such as 2026-12-24T00:00:00Z').transform((value, ctx) => {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) ctx.addIssue({ code: 'custom', message: 'expected a time with its offset, such as 2026-12-24T00:00:00Z' });
  return ms;
});

const list = (entry: z.ZodType<string>) => z.array(entry, 'expected a list').max(MOST_MEMBERS).default([]);

const role = z.strictObject({
  principals: list(text),
  slackUsers: list(text.regex(/^[UW][A-Z0-9]+$/, 'expected a Slack user id, such as U012AB3CD')),
  slackGroups: list(text.regex(/^S[A-Z0-9]+$/, 'expected a Slack user group id, such as S0614TZR7')),
  emails: list(text.regex(/^[^\s@]+@[^\s@]+$/, 'expected an e-mail address')),
  oidcGroups: list(text),
});

const tier = z.strictObject({
  approvers: count(10).optional(),
  roles: z.array(text, 'expected the roles that may approve').min(1, 'expected at least one role: with none, nobody could approve'),
  excludeRequester: z.boolean('expected true or false').optional(),
  validFor: duration(HOUR_MS, '60m').default(15 * 60_000),
});

const rate = z.strictObject({
  perSecond: z.number('expected a number above 0').positive('expected a number above 0').max(1_000, 'expected at most 1000'),
  perHour: count(1_000_000),
});

export const policyShape = z.strictObject({
  roles: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, 'expected a role name of a-z, 0-9, - and _'), role).default({}),
  tiers: z.strictObject({ R1: tier.optional(), R2: tier.optional(), R3: tier.optional() }).default({}),
  limits: z
    .strictObject({
      rates: z.record(z.string().regex(STEP_NAME, 'expected the name of a step, such as cordum.dlq.retry'), rate).default({}),
      capacityMax: count(1_000).optional(),
      breaker: z.strictObject({ failures: count(100), within: duration(WEEK_MS, '7d') }).optional(),
      loop: z.strictObject({ applies: count(100), within: duration(WEEK_MS, '7d') }).optional(),
    })
    .prefault({}),
  freeze: z.array(z.strictObject({ from: instant, until: instant, reason: text }), 'expected a list of freezes').max(MOST_FREEZES).default([]),
});

export type PolicyYaml = z.output<typeof policyShape>;
