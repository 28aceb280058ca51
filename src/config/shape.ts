import { z } from 'zod';
import { isLabels, type Labels } from '#kernel/labels.ts';

/** The YAML of the configuration file, as it is written. `load.ts` makes a `Config` of it. */

const MOST_TARGETS = 100;
const MOST_API_KEYS = 1_000;
const MOST_ENTRIES = 100;
const LONGEST_TEXT = 4_096;

const text = z.string('expected a text; put it in quotes').min(1, 'expected a text').max(LONGEST_TEXT, `expected at most ${LONGEST_TEXT} characters`);
const path = text;
const flag = z.boolean('expected true or false');

/** Credentials in a URL would be shown wherever the URL is. */
const httpUrl = text.transform((value, ctx) => {
  const url = parseUrl(value);
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) ctx.addIssue({ code: 'custom', message: 'expected a URL that begins with http:// or https://' });
  else if (url.username !== '' || url.password !== '') ctx.addIssue({ code: 'custom', message: 'expected a URL without user name and password: they belong into a key of their own' });
  return value;
});

function urlOf(example: string, ...schemes: string[]) {
  return text.refine((value) => schemes.includes(parseUrl(value)?.protocol ?? ''), `expected a URL such as ${example}`);
}

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

const labels = z.custom<Labels>(isLabels, 'expected labels with their exact values, such as { cluster: prod }; put numbers in quotes');

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

const target = z.strictObject({
  name: text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'expected a name of letters, digits and . _ -'),
  match: labels.default({}),
  cordum: z.strictObject({ url: httpUrl, apiKey: text.optional(), apiKeyFile: path.optional(), tenant: text.default('default') }).optional(),
  prometheus: z.strictObject({ url: httpUrl }).optional(),
  alertmanager: z.strictObject({ url: httpUrl }).optional(),
  redis: z.strictObject({ url: urlOf('redis://host:6379', 'redis:', 'rediss:') }).optional(),
  nats: z.strictObject({ url: urlOf('nats://host:4222', 'nats:', 'tls:'), monitorUrl: httpUrl.optional() }).optional(),
  kubernetes: z.strictObject({ namespace: text, kubeconfig: path.optional() }).optional(),
});

const loose = z.array(z.looseObject({}, 'expected keys and values'), 'expected a list').max(MOST_ENTRIES).default([]);

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
  targets: z.array(target, 'expected a list of targets').max(MOST_TARGETS).default([]),
  drills: loose,
  schedules: loose,
});

export type ConfigYaml = z.output<typeof configShape>;
