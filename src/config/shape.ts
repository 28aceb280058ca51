import { z } from 'zod';
import { drillShape } from './drill-shape.ts';
import { scheduleShape } from './schedule-shape.ts';
import { targetShape } from './target-shape.ts';
import { text, httpUrl, path } from './values.ts';

/** The YAML of the configuration file, as it is written. `load.ts` makes a `Config` of it. */

const MOST_TARGETS = 100;
const MOST_API_KEYS = 1_000;
const MOST_ENTRIES = 100;

const flag = z.boolean('expected true or false');

export const LISTEN = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/;
const listen = text.refine((value) => Number(LISTEN.exec(value)?.groups?.['port'] ?? Number.NaN) <= 65_535, 'expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080');

const journal = text.superRefine((value, ctx) => {
  if (/^rediss?:/.test(value)) ctx.addIssue({ code: 'custom', message: 'expected sqlite:PATH; a journal in Redis is not part of this version' });
  else if (!/^sqlite:(?!\/\/).+/.test(value)) ctx.addIssue({ code: 'custom', message: 'expected sqlite:PATH, such as sqlite:./runbook-bot.db' });
});

const apiKey = z.strictObject({
  key: text.optional(),
  keyFile: path.optional(),
  principal: text.regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/, 'expected a name of letters, digits and . _ @ + -'),
  roles: z.array(text, 'expected a list of roles').max(MOST_ENTRIES).default([]),
});

export const configShape = z.strictObject({
  http: z.strictObject({ listen: listen.default('127.0.0.1:8080') }).prefault({}),
  journal: journal.default('sqlite:./runbook-bot.db'),
  runbooks: path.optional(),
  policy: path.optional(),
  console: z.strictObject({ enabled: flag.default(true) }).prefault({}),
  auth: z.strictObject({ apiKeys: z.array(apiKey, 'expected a list of API keys').max(MOST_API_KEYS).default([]), jwt: z.unknown().optional() }).prefault({}),
  alertmanager: z
    .strictObject({
      bearerToken: text.optional(),
      bearerTokenFile: path.optional(),
      basic: z.strictObject({ username: text, password: text.optional(), passwordFile: path.optional() }).optional(),
    })
    .prefault({}),
  slack: z
    .strictObject({
      mode: z.enum(['off', 'socket', 'http']).default('off'),
      apiUrl: httpUrl.default('https://slack.com/api/'),
      botToken: text.optional(),
      botTokenFile: path.optional(),
      appToken: text.optional(),
      appTokenFile: path.optional(),
      signingSecret: text.optional(),
      signingSecretFile: path.optional(),
      channel: text.optional(),
    })
    .prefault({}),
  targets: z.array(targetShape, 'expected a list of targets').max(MOST_TARGETS).default([]),
  drills: z.array(drillShape, 'expected a list of drills').max(MOST_ENTRIES).default([]),
  schedules: z.array(scheduleShape, 'expected a list of schedules').max(MOST_ENTRIES).default([]),
});

export type ConfigYaml = z.output<typeof configShape>;
