import { buildTarget } from './build-target.ts';
import type { Building } from './building.ts';
import type { AlertmanagerAuth, ApiKeyConfig, HttpConfig, SlackConfig, TargetConfig } from './config.ts';
import { LISTEN, type ConfigYaml } from './shape.ts';

const SHORTEST_KEY = 8;
/** What nobody guesses. */
const GOOD_KEY = 16;
/** Fewer different characters than this and a key of any length can be guessed. */
const FEWEST_CHARACTERS = 6;
const SIGNING_SECRET = /^[0-9a-f]{32,}$/i;
/** Ids that the bot itself gives to whoever comes in another way; a key with such a name would pass for them. */
const RESERVED_PRINCIPAL = /^(?:bot|alertmanager|alertmanager-poll|grafana|incident|schedule|console|(?:slack|local|oidc)[:._@+-].*)$/i;

export function buildHttp({ listen }: ConfigYaml['http']): HttpConfig {
  const { v6, host, port } = LISTEN.exec(listen)?.groups ?? {};
  return { host: v6 ?? host ?? '127.0.0.1', port: Number(port) };
}

export function buildApiKeys(apiKeys: ConfigYaml['auth']['apiKeys'], { secrets, mistakes, warnings }: Building): ApiKeyConfig[] {
  const seen = new Map<string, number>();
  return apiKeys.flatMap((entry, i): ApiKeyConfig[] => {
    const path = ['auth', 'apiKeys', i];
    const given = entry.key ?? entry.keyFile;
    if (given === undefined) mistakes.push({ path, expected: 'expected key or keyFile' });
    if (RESERVED_PRINCIPAL.test(entry.principal)) mistakes.push({ path: [...path, 'principal'], expected: 'expected another name: this one belongs to a part of the bot' });
    const key = secrets.read(entry, path, 'key');
    if (key === undefined) return [];
    const value = key.reveal();
    const keyPath = [...path, entry.key === undefined ? 'keyFile' : 'key'];
    const dull = new Set(value).size < FEWEST_CHARACTERS;
    if (value.length < SHORTEST_KEY) mistakes.push({ path: keyPath, expected: `expected a key of ${GOOD_KEY} or more random characters, such as \`openssl rand -hex 24\` makes` });
    else if (value.length < GOOD_KEY || dull) warnings.push({ path: keyPath, expected: `this key can be guessed; \`openssl rand -hex 24\` makes a good one` });
    if (/[^\x21-\x7e]/.test(value)) mistakes.push({ path: keyPath, expected: 'expected a key of visible ASCII characters without spaces: it is sent in an HTTP header' });
    const first = seen.get(value);
    if (first === undefined) seen.set(value, i);
    else mistakes.push({ path: keyPath, expected: `expected a key of its own: this one is that of auth.apiKeys[${first}]` });
    return [{ key, principal: entry.principal, roles: entry.roles }];
  });
}

export function buildAlertmanager(section: ConfigYaml['alertmanager'], { secrets, mistakes }: Building): AlertmanagerAuth {
  const token = secrets.read(section, ['alertmanager'], 'bearerToken');
  const bearer = section.bearerToken ?? section.bearerTokenFile;
  if (section.basic === undefined) return token === undefined ? { kind: 'none' } : { kind: 'bearer', token };
  if (bearer !== undefined) mistakes.push({ path: ['alertmanager', 'basic'], expected: 'expected either basic or bearerToken, not both' });
  const { basic } = section;
  if (basic.password === undefined && basic.passwordFile === undefined) mistakes.push({ path: ['alertmanager', 'basic'], expected: 'expected password or passwordFile' });
  const password = secrets.read(basic, ['alertmanager', 'basic'], 'password');
  return password === undefined ? { kind: 'none' } : { kind: 'basic', username: basic.username, password };
}

export function buildSlack(section: ConfigYaml['slack'], { secrets, mistakes }: Building): SlackConfig {
  const botToken = secrets.read(section, ['slack'], 'botToken');
  const appToken = secrets.read(section, ['slack'], 'appToken');
  const signingSecret = secrets.read(section, ['slack'], 'signingSecret');
  const { mode, apiUrl, channel } = section;
  if (mode === 'off') return { mode };
  const written = new Set(Object.keys(section));
  const need = (key: string): void => {
    if (!written.has(key) && !written.has(`${key}File`)) mistakes.push({ path: ['slack', key], expected: `missing: mode ${mode} needs ${key} or ${key}File` });
  };
  need('botToken');
  need(mode === 'http' ? 'signingSecret' : 'appToken');
  if (channel === undefined) mistakes.push({ path: ['slack', 'channel'], expected: `missing: mode ${mode} needs the channel that cards are posted to` });
  if (signingSecret !== undefined && mode === 'http' && !SIGNING_SECRET.test(signingSecret.reveal())) {
    mistakes.push({ path: ['slack', written.has('signingSecret') ? 'signingSecret' : 'signingSecretFile'], expected: 'expected the signing secret of the Slack app: 32 or more hexadecimal digits' });
  }
  if (botToken === undefined || channel === undefined) return { mode: 'off' };
  if (mode === 'http') return signingSecret === undefined ? { mode: 'off' } : { mode, apiUrl, channel, botToken, signingSecret };
  return appToken === undefined ? { mode: 'off' } : { mode, apiUrl, channel, botToken, appToken };
}

export function buildTargets(targets: ConfigYaml['targets'], building: Building): TargetConfig[] {
  const { mistakes } = building;
  const seen = new Map<string, number>();
  return targets.map((target, i) => {
    const first = seen.get(target.name);
    if (first === undefined) seen.set(target.name, i);
    else mistakes.push({ path: ['targets', i, 'name'], expected: `expected a name of its own: this one is that of targets[${first}]` });
    if (Object.keys(target.match).length === 0 && i < targets.length - 1) {
      mistakes.push({ path: ['targets', i, 'match'], expected: 'expected at least one label: without any it takes every alert, and that is for the last target only' });
    }
    return buildTarget(target, ['targets', i], building);
  });
}
