import { fileURLToPath } from 'node:url';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadClientConfig } from '#config/client.ts';
import { credentialRoles, type Config } from '#config/config.ts';
import type { ReadFile } from '#config/files.ts';
import { loadConfig } from '#config/load.ts';
import { EMPTY_POLICY } from '#policy/defaults.ts';

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/config/${name}`, import.meta.url), 'utf8');
const ALICE = 'alice-0123456789abcdef';
const SECRETS = {
  '/etc/bot/secrets/bob.key': ' bob-0123456789abcdef\n',
  '/etc/bot/secrets/am.password': 'pa55word\r\n',
  '/etc/bot/secrets/bot.token': 'xoxb-1\n',
  '/etc/bot/secrets/cordum.key': 'ck_1\n',
};

/** A disk of its own: file name → text; `open` names those that every user can read. */
function disk(files: Record<string, string>, open: readonly string[] = []): ReadFile {
  return (path) => {
    const text = files[path];
    return text === undefined ? { ok: false, missing: true, because: 'it does not exist' } : { ok: true, text, worldReadable: open.includes(path) };
  };
}

function load(yaml: string, more: Record<string, string> = {}, env: Record<string, string> = {}, open: readonly string[] = []) {
  return loadConfig({ configPath: 'bot.yaml', env, cwd: '/etc/bot', readFile: disk({ '/etc/bot/bot.yaml': yaml, ...more }, open) });
}
function good(...args: Parameters<typeof load>): Config {
  const loaded = load(...args);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}
function problems(...args: Parameters<typeof load>): readonly string[] {
  const loaded = load(...args);
  return loaded.ok ? [] : loaded.problems.map((line) => line.replace('/etc/bot/bot.yaml:', ''));
}
const complete = (): Config => good(fixture('complete.yaml'), { ...SECRETS, '/etc/bot/policy.yaml': fixture('policy.yaml') }, { ALICE_KEY: ALICE, CORDUM_HOST: 'cordum.example.com' });

describe('a secret in the file itself', () => {
  const KEYED = 'auth: { apiKeys: [{ key: alice-0123456789abcdef, principal: alice }] }';
  const warningsOf = (yaml: string, open: readonly string[]): readonly string[] => {
    const loaded = load(yaml, {}, { KEY: ALICE }, open);
    return loaded.ok ? loaded.warnings : loaded.problems;
  };

  test('is a warning once when every user can read the file, and never shown', () => {
    expect(warningsOf(KEYED, ['/etc/bot/bot.yaml'])).toEqual(['/etc/bot/bot.yaml:1 auth.apiKeys[0].key: every user of this machine can read this file and the secret in it: chmod 600 it, or name a file of its own']);
  });

  test('is none when the file is private, or when the secret stands in a variable', () => {
    expect(warningsOf(KEYED, [])).toEqual([]);
    expect(warningsOf('auth: { apiKeys: [{ key: "${KEY}", principal: alice }] }', ['/etc/bot/bot.yaml'])).toEqual([]);
  });
});

describe('a complete configuration', () => {
  test('is read with its paths from the file, its variables and its secrets', () => {
    const config = complete();
    expect(config).toMatchObject({
      file: '/etc/bot/bot.yaml',
      http: { host: '::1', port: 9090 },
      journal: { kind: 'sqlite', path: '/etc/bot/data/journal.db' },
      runbooksDir: '/etc/runbooks',
      policyFile: '/etc/bot/policy.yaml',
      console: { enabled: false },
      alertmanager: { kind: 'basic', username: 'am' },
      slack: { mode: 'http', apiUrl: 'http://127.0.0.1:4000/api/', channel: 'C0001' },
      drills: [{ name: 'redis', target: null, stores: ['redis'], backups: '/etc/bot/backups', choice: { kind: 'latest' }, limits: { maxAgeMs: 7_200_000 }, bundles: '/etc/bot/drill-evidence' }],
      schedules: [{ name: 'nightly', runbook: 'restore-drill', drill: 'redis', target: null, cron: '0 3 * * *', timeZone: 'UTC', jitterMs: 0, blackout: [], catchUp: true }],
    });
    expect(config.auth.apiKeys.map(({ key, principal, roles }) => [key.reveal(), principal, roles])).toEqual([[ALICE, 'alice', ['oncall']], ['bob-0123456789abcdef', 'bob', []]]);
    expect([...credentialRoles(config.auth)]).toEqual(['oncall']);
    expect(config.alertmanager.kind === 'basic' && config.alertmanager.password.reveal()).toBe('pa55word');
    expect(config.slack.mode === 'http' && config.slack.botToken.reveal()).toBe('xoxb-1');
    const [prod, rest] = config.targets;
    expect(prod?.cordum).toMatchObject({ url: 'https://cordum.example.com:8443', tenant: 'acme' });
    expect(prod?.cordum?.apiKey?.reveal()).toBe('ck_1');
    expect(Object.entries(prod?.match ?? {})).toEqual([['cluster', 'prod'], ['__proto__', 'x']]);
    expect(prod?.redis?.url?.reveal()).toBe('redis://:hunter2@redis:6379');
    expect(prod?.kubernetes).toEqual({ namespace: 'cordum', profile: 'kustomize', names: {}, replicas: {}, kubeconfig: '/etc/bot/kube/config' });
    expect(rest).toMatchObject({ name: 'rest', match: {}, cordum: { url: 'http://127.0.0.1:8081', tenant: 'default' } });
    expect(Object.keys(config.policy.tiers)).toEqual(['R1', 'R2', 'R3']);
  });

  test('prints without any of its secrets', () => {
    const printed = inspect(complete(), { depth: 20 }) + JSON.stringify(complete());
    for (const secret of [ALICE, 'bob-0123456789abcdef', 'pa55word', 'xoxb-1', 'ck_1', 'hunter2', '0123456789ABCDEF']) expect(printed).not.toContain(secret);
  });

  test('warns of secrets that every user can read, and of a webhook that is open to other machines', () => {
    const guessed = load('auth: { apiKeys: [{ key: aaaabbbbaaaabbbbaaaa, principal: ann }] }');
    expect(guessed.ok && guessed.warnings).toEqual(['/etc/bot/bot.yaml:1 auth.apiKeys[0].key: this key can be guessed; `openssl rand -hex 24` makes a good one']);
    const loaded = load('http: { listen: "0.0.0.0:80" }\nauth:\n  apiKeys:\n    - { keyFile: k, principal: ann }\n', { '/etc/bot/k': ALICE }, {}, ['/etc/bot/k']);
    expect(loaded).toMatchObject({
      ok: true,
      warnings: ['/etc/bot/bot.yaml:1 http.listen: other machines can reach this address, and alertmanager{} names no credential for the webhook', '/etc/bot/bot.yaml:4 auth.apiKeys[0].keyFile: every user of this machine can read /etc/bot/k: chmod 600 it'],
    });
  });
});

describe('where the configuration comes from', () => {
  const files = { '/a/x.yaml': 'journal: sqlite:x', '/b/y.yaml': 'journal: sqlite:y', '/w/runbook-bot.yaml': 'journal: sqlite:w' };
  const pathOf = (configPath: string | undefined, env: Record<string, string>, cwd = '/w'): string => {
    const loaded = loadConfig({ configPath, env, cwd, readFile: disk(files) });
    return loaded.ok ? loaded.config.journal.path : loaded.problems.join();
  };

  test('is --config, then RUNBOOK_BOT_CONFIG, then the directory, then the defaults', () => {
    expect(pathOf('../a/x.yaml', { RUNBOOK_BOT_CONFIG: '/b/y.yaml' })).toBe('/a/x');
    expect(pathOf(undefined, { RUNBOOK_BOT_CONFIG: '/b/y.yaml' })).toBe('/b/y');
    expect(pathOf(undefined, {})).toBe('/w/w');
    expect(pathOf(undefined, {}, '/elsewhere')).toBe('/elsewhere/runbook-bot.db');
  });

  test('must be there when it was named', () => {
    expect(pathOf('none.yaml', {})).toBe('/w/none.yaml: expected a configuration file that can be read (--config): it does not exist');
    expect(pathOf(undefined, { RUNBOOK_BOT_CONFIG: 'none.yaml' })).toContain('(RUNBOOK_BOT_CONFIG)');
  });

  test('is the same for an empty file and for none: everything off, nobody with a role', () => {
    const { file, ...config } = good('# nothing\n');
    expect(file).toBe('/etc/bot/bot.yaml');
    expect(config).toEqual({
      http: { host: '127.0.0.1', port: 8080 },
      journal: { kind: 'sqlite', path: '/etc/bot/runbook-bot.db' },
      runbooksDir: fileURLToPath(new URL('../../../runbooks', import.meta.url)),
      policyFile: null,
      policy: EMPTY_POLICY,
      console: { enabled: true },
      auth: { apiKeys: [] },
      alertmanager: { kind: 'none' },
      slack: { mode: 'off' },
      targets: [],
      drills: [],
      schedules: [],
    });
  });
});

describe('mistakes', () => {
  test('are all told at once, with line, key and what was expected, and without values', () => {
    const lines = problems(fixture('mistakes.yaml'));
    expect(lines).toEqual([
      '2 http.lisen: unknown key; did you mean "listen"?',
      '3 journal: expected sqlite:PATH; a journal in Redis is not part of this version',
      '4 runbooks: expected a text; put it in quotes',
      '7 auth.apiKeys[0].key: expected the environment variable NOT_SET, which is not set',
      '8 auth.apiKeys[1].principal: expected a text; put it in quotes',
      '10 slack.mode: expected one of off, socket, http',
      '11 slack.apiUrl: expected a URL that begins with http:// or https://',
      '14 targets[0].cordum.url: expected a URL that begins with http:// or https://',
      '14 targets[0].cordum.apikey: unknown key; did you mean "apiKey"?',
      '15 targets[1].name: missing: expected a text',
      '15 targets[1].cordum.url: expected a URL without user name and password: they belong into a key of their own',
    ]);
    expect(lines.join()).not.toContain('hunter2');
  });

  test.each<[string, string, string]>([
    ['a port that is too high', 'http: { listen: "localhost:65536" }', '1 http.listen: expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080'],
    ['a port alone', 'http: { listen: 8080 }', '1 http.listen: expected a text; put it in quotes'],
    ['a journal without scheme', 'journal: ./x.db', '1 journal: expected sqlite:PATH, such as sqlite:./runbook-bot.db'],
    ['a list for a section', 'http: []', '1 http: expected keys and values'],
    ['JWT', 'auth: { jwt: { issuer: x } }', '1 auth.jwt: expected no such key: JWT is not part of this version; use auth.apiKeys'],
    ['a key from nowhere', 'auth: { apiKeys: [{ principal: ann }] }', '1 auth.apiKeys[0]: expected key or keyFile'],
    ['a key from two places', `auth: { apiKeys: [{ principal: ann, key: ${ALICE}, keyFile: k }] }`, '1 auth.apiKeys[0].keyFile: expected either key or keyFile, not both'],
    ['a key file that is missing', 'auth: { apiKeys: [{ principal: ann, keyFile: k }] }', '1 auth.apiKeys[0].keyFile: expected a file that can be read: /etc/bot/k: it does not exist'],
    ['a short key', 'auth: { apiKeys: [{ principal: ann, key: abcdef0 }] }', '1 auth.apiKeys[0].key: expected a key of 16 or more random characters, such as `openssl rand -hex 24` makes'],
    ['a Cordum without a key', 'targets: [{ name: prod, match: {}, cordum: { url: "http://c" } }]', '1 targets[0].cordum.apiKeyFile: expected the file that holds the API key of Cordum (or apiKey)'],
    ['a key that no header carries', 'auth: { apiKeys: [{ principal: ann, key: "abcdefgh ijklmnopé" }] }', '1 auth.apiKeys[0].key: expected a key of visible ASCII characters without spaces: it is sent in an HTTP header'],
    ['a key for the bot itself', `auth: { apiKeys: [{ principal: Alertmanager, key: ${ALICE} }] }`, '1 auth.apiKeys[0].principal: expected another name: this one belongs to a part of the bot'],
    ['a principal that poses as a Slack user', `auth: { apiKeys: [{ principal: "slack:U1", key: ${ALICE} }] }`, '1 auth.apiKeys[0].principal: expected a name of letters, digits and . _ @ + -'],
    ['the same key twice', `auth:\n  apiKeys:\n    - { principal: ann, key: ${ALICE} }\n    - { principal: bob, key: ${ALICE} }`, '4 auth.apiKeys[1].key: expected a key of its own: this one is that of auth.apiKeys[0]'],
    ['two ways for Alertmanager', 'alertmanager: { bearerToken: x, basic: { username: u, password: p } }', '1 alertmanager.basic: expected either basic or bearerToken, not both'],
    ['basic without password', 'alertmanager: { basic: { username: u } }', '1 alertmanager.basic: expected password or passwordFile'],
    ['a catch-all that is not last', 'targets:\n  - { name: a, match: {} }\n  - { name: b }', '2 targets[0].match: expected at least one label: without any it takes every alert, and that is for the last target only'],
    ['the same target twice', 'targets:\n  - { name: a, match: { x: y } }\n  - { name: a }', '3 targets[1].name: expected a name of its own: this one is that of targets[0]'],
    ['a label that is a number', 'targets: [{ name: a, match: { shard: 1 } }]', '1 targets[0].match: expected labels with their exact values, such as { cluster: prod }; put numbers in quotes'],
    ['a variable with a default', 'journal: "sqlite:${X:-y}"', '1 journal: expected ${NAME} with the name of an environment variable'],
    ['a variable that never ends', 'journal: "sqlite:${X"', '1 journal: expected ${NAME} with the name of an environment variable'],
    ['a variable of the prototype', 'runbooks: "${toString}"', '1 runbooks: expected the environment variable toString, which is not set'],
    ['a policy that is missing', 'policy: p.yaml', '1 policy: expected a policy file that can be read: /etc/bot/p.yaml: it does not exist'],
    ['the same key twice in YAML', 'journal: sqlite:a\njournal: sqlite:b', '2: this key is written twice (keep one of them)'],
  ])('%s', (_what, yaml, line) => {
    expect(problems(yaml)).toEqual([line]);
  });

  test('Slack names what its mode needs', () => {
    expect(problems('slack: { mode: http }')).toEqual([
      '1 slack.botToken: missing: mode http needs botToken or botTokenFile',
      '1 slack.signingSecret: missing: mode http needs signingSecret or signingSecretFile',
      '1 slack.channel: missing: mode http needs the channel that cards are posted to',
    ]);
    expect(problems('slack: { mode: socket, channel: C1, botTokenFile: t }', { '/etc/bot/t': 'xoxb' })).toEqual(['1 slack.appToken: missing: mode socket needs appToken or appTokenFile']);
    expect(problems('slack: { mode: http, channel: C1, botToken: x, signingSecret: not-hex }')).toEqual(['1 slack.signingSecret: expected the signing secret of the Slack app: 32 or more hexadecimal digits']);
    expect(good('slack: { mode: socket, channel: C1, botToken: x, appToken: y }').slack.mode).toBe('socket');
    expect(problems('slack: { mode: http, channel: C1, botTokenFile: t, signingSecret: 0123456789abcdef0123456789abcdef }', { '/etc/bot/t': ' \n' })).toEqual(['1 slack.botTokenFile: expected a secret in /etc/bot/t, which is empty']);
  });

  test('of the policy file stand beside those of the configuration', () => {
    const loaded = load('policy: p.yaml\nauth: { jwt: x }', { '/etc/bot/p.yaml': 'tiers: { R3: { roles: [admin], approvers: 1 } }' });
    expect(loaded).toMatchObject({ ok: false, problems: [expect.stringMatching(/^\/etc\/bot\/bot.yaml:2 auth.jwt/), expect.stringMatching(/^\/etc\/bot\/p.yaml:1 tiers.R3.roles\[0\]/), expect.stringMatching(/^\/etc\/bot\/p.yaml:1 tiers.R3.approvers/)] });
  });
});

describe('environment variables', () => {
  test('add text and never structure, and are replaced once', () => {
    const config = good('runbooks: "${DIR}"\ntargets: [{ name: a, match: { "${KEY}": "${VALUE}-${VALUE}" } }]', {}, { DIR: 'x: [1]\n  y: &a ${VALUE}', KEY: 'no', VALUE: '$&' });
    expect(config.runbooksDir).toBe('/etc/bot/x: [1]\n  y: &a ${VALUE}');
    expect(config.targets[0]?.match).toEqual({ '${KEY}': '$&-$&' });
  });

  test('tell the command line where the bot is, and as whom to speak', () => {
    const read = (url: string | undefined, env: Record<string, string>): unknown => {
      const loaded = loadClientConfig(url, env);
      return loaded.ok ? [loaded.client.url, loaded.client.apiKey?.reveal()] : loaded.problem;
    };
    expect(read(undefined, {})).toEqual(['http://127.0.0.1:8080', undefined]);
    expect(read(undefined, { RUNBOOK_BOT_URL: 'https://bot/', RUNBOOK_BOT_API_KEY: ' k\n' })).toEqual(['https://bot', 'k']);
    expect(read('http://x:1', { RUNBOOK_BOT_URL: 'https://bot/' })).toEqual(['http://x:1', undefined]);
    expect(read(undefined, { RUNBOOK_BOT_URL: 'http://u:hunter2@bot' })).toBe('RUNBOOK_BOT_URL: expected a URL without user name and password: the key is RUNBOOK_BOT_API_KEY');
    expect(read('bot:8080', {})).toBe('--url: expected a URL that begins with http:// or https://');
  });
});
