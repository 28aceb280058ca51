/** What Alertmanager answers (0.25 and 0.28, by recordings), tolerant of what is not used. */
import { z } from 'zod';
import { isLabels, type Labels } from '#kernel/labels.ts';

const labels = z.custom<Labels>(isLabels);
const ids = z.array(z.string()).default([]);

export const alertsAnswer = z.array(
  z.object({
    fingerprint: z.string().min(1),
    labels,
    annotations: labels.optional(),
    startsAt: z.string().default(''),
    status: z.object({ state: z.string().default(''), silencedBy: ids, inhibitedBy: ids }).optional(),
  }),
);
export type AlertData = z.output<typeof alertsAnswer>[number];

/** `uptime` is the time at which it started. */
export const statusAnswer = z.object({
  uptime: z.iso.datetime({ offset: true }),
  versionInfo: z.object({ version: z.string().default('') }).optional(),
  cluster: z.object({ status: z.string().default(''), peers: z.array(z.object({ name: z.string().default('') })).nullish() }).optional(),
});
export type StatusData = z.output<typeof statusAnswer>;

/** `isEqual` is absent for what was made by older clients, and then true. */
const matcher = z.object({ name: z.string(), value: z.string(), isRegex: z.boolean(), isEqual: z.boolean().default(true) });
export type Matcher = z.output<typeof matcher>;

export const silenceAnswer = z.object({
  id: z.string().min(1),
  status: z.object({ state: z.string() }),
  matchers: z.array(matcher),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string().default(''),
  comment: z.string().default(''),
});
export type SilenceData = z.output<typeof silenceAnswer>;
export const silencesAnswer = z.array(silenceAnswer);
export const createdAnswer = z.object({ silenceID: z.string().min(1) });
export const nothing = z.unknown();
