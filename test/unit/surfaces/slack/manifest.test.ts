import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMAND, EVENTS } from '#surfaces/slack/inbound.ts';

const ROOT = join(import.meta.dirname, '../../../..');

/** Scopes that a bot token needs for each method (docs.slack.dev, reference of each method). `apps.connections.open` is called with the app token. */
const SCOPES_OF: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
  'views.open': [],
  'chat.postMessage': ['chat:write'],
  'chat.update': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'conversations.list': ['channels:read', 'groups:read'],
  'conversations.history': ['channels:history', 'groups:history'],
  'conversations.replies': ['channels:history', 'groups:history'],
  'users.info': ['users:read'],
  'usergroups.users.list': ['usergroups:read'],
};
const SCOPES_OF_EVENTS = ['usergroups:read'];

interface Manifest {
  features: { slash_commands: { command: string }[] };
  oauth_config: { scopes: { bot: string[] } };
  settings: { event_subscriptions: { bot_events: string[] }; interactivity: { is_enabled: boolean }; socket_mode_enabled: boolean };
}
const manifest = parse(readFileSync(join(ROOT, 'manifest.yml'), 'utf8')) as Manifest;

function methodsInTheCode(): readonly string[] {
  const folder = join(ROOT, 'src/surfaces/slack');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(folder, name), 'utf8'));
  const words = sources.flatMap((source) => [...source.matchAll(/'((?:auth|chat|conversations|users|usergroups|usergroups\.users|views|files|reactions)\.[a-zA-Z.]+)'/g)].map((match) => match[1] ?? ''));
  return [...new Set(words)].toSorted();
}

describe('manifest.yml', () => {
  it('asks for the scopes that the calls in the code need, and for no others', () => {
    const methods = methodsInTheCode();
    expect(methods).toEqual(Object.keys(SCOPES_OF).toSorted());
    const needed = new Set(['commands', ...SCOPES_OF_EVENTS, ...methods.flatMap((method) => SCOPES_OF[method] ?? [])]);
    expect(manifest.oauth_config.scopes.bot).toEqual([...needed].toSorted());
  });

  it('names the command and the events that the code handles', () => {
    expect(manifest.features.slash_commands.map((one) => one.command)).toEqual([COMMAND]);
    expect(manifest.settings.event_subscriptions.bot_events).toEqual([...EVENTS]);
    expect(manifest.settings.interactivity.is_enabled).toBe(true);
    expect(manifest.settings.socket_mode_enabled).toBe(true);
  });
});
