import { CronPattern } from 'croner';
import { z } from 'zod';
import { parseDuration } from '#kernel/duration.ts';
import { text } from './values.ts';

/** The YAML of one schedule: when what is started. */

const MOST_BLACKOUTS = 100;
/** More than a day of chance, and slots of a daily schedule would change places. */
const JITTER_MAX_MS = 24 * 3_600_000;

const cron = text.superRefine((value, ctx) => {
  try {
    void new CronPattern(value, undefined, { mode: '5-part' });
  } catch {
    ctx.addIssue({ code: 'custom', message: 'expected five fields of cron, such as "0 6 1 */3 *" (06:00 on the first day of each quarter)' });
  }
});
const timeZone = text.refine(isTimeZone, 'expected a time zone, such as Europe/Berlin or UTC');
const jitter = text.transform((value, ctx) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms > JITTER_MAX_MS) ctx.addIssue({ code: 'custom', message: 'expected a duration of at most 24h, such as 30m' });
  return ms ?? 0;
});
const day = z.iso.date('expected a day in quotes, such as "2026-12-24"');

export const scheduleShape = z.strictObject({
  name: text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a name of lower case letters, digits and -'),
  drill: text.optional(),
  runbook: text.optional(),
  target: text.optional(),
  cron,
  timeZone: timeZone.default('UTC'),
  jitter: jitter.default(0),
  blackout: z.array(z.strictObject({ from: day, to: day.optional() }), 'expected a list of days').max(MOST_BLACKOUTS).default([]),
  catchUp: z.boolean('expected true or false').default(true),
});

export type ScheduleYaml = z.output<typeof scheduleShape>;

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
