import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryJournal } from '#journal/memory.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import { createVirtualClock, settle } from '../../kit/clock.ts';
import { startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { startWorkspace, type Workspace } from '../../kit/slack/workspace.ts';

let workspace: Workspace;
let running: TestSlack[] = [];
const said: string[] = [];
const log: Log = { ...silentLog, warn: (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`) };

const start = async (given: Parameters<typeof startSlack>[1]): Promise<TestSlack> => {
  const started = await startSlack(workspace, { log, ...given });
  running.push(started);
  return started;
};

afterEach(async () => {
  for (const one of running) await one.stop();
  await workspace.close();
  running = [];
  said.length = 0;
});

describe('a channel that is configured by name', () => {
  it.each(['ops', '#ops'])('is looked up once, and the card is posted there: %s', async (channel) => {
    workspace = await startWorkspace();
    const { clock } = await start({ channel });
    await until(async () => (await workspace.cards()).length === 1, clock);
    expect(workspace.callsOf('chat.postMessage')[0]?.args['channel']).toBe(workspace.channel);
    expect(workspace.callsOf('conversations.list')).toHaveLength(1);
  });

  it('is found with the scope for its kind of channels alone', async () => {
    workspace = await startWorkspace({ scopes: ['chat:write', 'channels:history', 'channels:read', 'users:read'] });
    const { clock } = await start({ channel: 'ops' });
    await until(async () => (await workspace.cards()).length === 1, clock);
    expect(said).toEqual([]);
  });

  it('keeps nothing from starting while it cannot be looked up, and the card is posted later', async () => {
    workspace = await startWorkspace();
    workspace.failAll({ kind: 'answer', status: 503, body: {} });
    const { clock } = await start({ channel: 'ops' });
    await until(() => workspace.callsOf('conversations.list').length >= 2, clock, 1_000);
    expect(workspace.callsOf('chat.postMessage')).toEqual([]);
    expect(said.filter((line) => line.startsWith('slack.channel: the name cannot be looked up'))).toHaveLength(1);
    workspace.failAll(undefined);
    await until(async () => (await workspace.cards()).length === 1, clock, 1_000);
  });

  it('is named in the log when it is not there, and nothing is posted anywhere', async () => {
    workspace = await startWorkspace();
    const { clock } = await start({ channel: '#nowhere' });
    await until(() => workspace.callsOf('conversations.list').length >= 3, clock, 1_000);
    expect(said.some((line) => line.includes('slack.channel: no channel that the bot can see is called #nowhere'))).toBe(true);
    expect(said.filter((line) => line.startsWith('slack.channel:'))).toHaveLength(1);
    expect(workspace.callsOf('chat.postMessage')).toEqual([]);
  });

  it('that is configured anew takes the card that the old one refused', async () => {
    workspace = await startWorkspace();
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    const first = await start({ clock, journal, channel: 'C0WRONGCHANNEL' });
    await until(() => workspace.callsOf('chat.postMessage').length === 1);
    await settle(20);
    await first.stop();
    running = [];
    await start({ clock, journal, channel: 'ops' });
    await until(async () => (await workspace.cards()).length === 1, clock);
  });
});

describe('calls of the Web API', () => {
  it('are told to whoever counts them, with Slack’s word for what went wrong', async () => {
    workspace = await startWorkspace();
    workspace.fail('chat.postMessage', { kind: 'answer', status: 200, body: { ok: false, error: 'not_in_channel' } });
    workspace.fail('chat.postMessage', { kind: 'answer', status: 429, body: {}, headers: { 'retry-after': '1' } });
    workspace.fail('chat.postMessage', { kind: 'answer', status: 503, body: {} });
    const calls: string[] = [];
    const { clock } = await start({ observe: (method, result) => void calls.push(`${method} ${result}`) });
    await until(async () => (await workspace.cards()).length === 1, clock, 1_000);
    await until(() => calls.filter((call) => call === 'chat.postMessage ok').length >= 1, clock);
    expect(calls).toContain('auth.test ok');
    for (const result of ['not_in_channel', 'rateLimited', 'unavailable', 'ok']) expect(calls).toContain(`chat.postMessage ${result}`);
  });
});
