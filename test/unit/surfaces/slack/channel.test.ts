import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '#kernel/log.ts';
import type { SlackAnswer, SlackApi } from '#surfaces/slack/api.ts';
import { canBeChannel, createChannel, type Channel } from '#surfaces/slack/channel.ts';
import { createVirtualClock, type VirtualClock } from '../../../kit/clock.ts';

const ID = 'C0123456789';
const UNREACHABLE: SlackAnswer = { ok: false, failure: { reason: 'unreachable', message: 'no answer from Slack to conversations.list' } };
const NO_SCOPE: SlackAnswer = { ok: false, failure: { reason: 'forbidden', message: 'Slack refused conversations.list: missing_scope', error: 'missing_scope' } };

function page(names: readonly string[], next = ''): SlackAnswer {
  return { ok: true, value: { ok: true, channels: names.map((name) => ({ id: name === 'ops' ? ID : `C${name.toUpperCase().padEnd(8, '0')}`, name })), response_metadata: { next_cursor: next } } };
}

interface World {
  readonly channel: Channel;
  readonly clock: VirtualClock;
  readonly asked: Readonly<Record<string, unknown>>[];
  readonly warned: string[];
}

function world(configured: string, answer: (args: Readonly<Record<string, unknown>>) => SlackAnswer): World {
  const clock = createVirtualClock();
  const asked: Readonly<Record<string, unknown>>[] = [];
  const warned: string[] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => void warned.push(`${message} ${JSON.stringify(fields)}`) };
  const api: SlackApi = {
    async call(method, args) {
      asked.push({ method, ...args });
      return answer(args);
    },
  };
  return { channel: createChannel({ api, channel: configured, clock, log }), clock, asked, warned };
}

describe('slack.channel', () => {
  it.each(['C0123456789', 'G0123456789', 'ops', '#ops', 'ops_alerts-2', '#障害', 'größe', 'x'.repeat(80)])('may be %j', (text) => {
    expect(canBeChannel(text)).toBe(true);
  });

  it.each(['', '#', 'Ops', 'C012345678x', 'ops alerts', 'ops.alerts', '##ops', 'ops\n', '@ops', '<!channel>', 'https://example.slack.com/archives/C0123456789', 'x'.repeat(81)])('can be neither id nor name when it is %j', (text) => {
    expect(canBeChannel(text)).toBe(false);
  });

  it('asks Slack nothing when it is an id', async () => {
    const { channel, asked } = world(ID, () => UNREACHABLE);
    expect(await channel.find()).toEqual({ ok: true, id: ID });
    expect(asked).toEqual([]);
  });

  it.each(['ops', '#ops'])('is looked up by name once, however many cards want it: %s', async (name) => {
    const { channel, asked } = world(name, () => page(['general', 'ops']));
    expect(asked).toEqual([]);
    expect(await Promise.all([channel.find(), channel.find()])).toEqual([{ ok: true, id: ID }, { ok: true, id: ID }]);
    expect(await channel.find()).toEqual({ ok: true, id: ID });
    expect(asked).toEqual([{ method: 'conversations.list', types: 'public_channel,private_channel', exclude_archived: true, limit: 999 }]);
  });

  it('is the channel of exactly this name, on whatever page it is', async () => {
    const { channel, asked } = world('ops', ({ cursor }) => (cursor === undefined ? page(['ops-eu', 'devops'], 'two') : cursor === 'two' ? page([], 'three') : page(['ops'])));
    expect(await channel.find()).toEqual({ ok: true, id: ID });
    expect(asked.map((one) => one['cursor'])).toEqual([undefined, 'two', 'three']);
  });

  it('does not turn pages for ever', async () => {
    const { channel, asked } = world('ops', () => page(['general'], 'more'));
    expect(await channel.find()).toMatchObject({ ok: false, failure: { reason: 'tooLarge' } });
    expect(asked).toHaveLength(20);
  });

  it.each([
    ['public', 'public_channel', 'private channels (scope groups:read)'],
    ['private', 'private_channel', 'public channels (scope channels:read)'],
  ])('is found among the %s channels when the app may list only those, and else the missing scope is named', async (_kind, allowed, missing) => {
    const only = (names: readonly string[]) => ({ types }: Readonly<Record<string, unknown>>): SlackAnswer => (types === allowed ? page(names) : NO_SCOPE);
    expect(await world('ops', only(['ops'])).channel.find()).toEqual({ ok: true, id: ID });
    const failed = await world('ops', only(['general'])).channel.find();
    expect(failed).toMatchObject({ ok: false, failure: { reason: 'forbidden' } });
    expect(JSON.stringify(failed)).toContain(missing);
    expect(JSON.stringify(failed)).toContain('no channel that the bot can see is called #ops');
  });

  it('names both scopes when the app has neither', async () => {
    expect(await world('ops', () => NO_SCOPE).channel.find()).toMatchObject({ failure: { message: expect.stringMatching(/^slack\.channel: the app may not list public channels \(scope channels:read\) and private channels \(scope groups:read\)/) as string } });
  });

  it('that is not there is said once, with the key, and looked up again after half a minute', async () => {
    let names = ['general'];
    const { channel, clock, asked, warned } = world('#ops', () => page(names));
    for (let at = 0; at < 10; at += 1) expect(await channel.find()).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(asked).toHaveLength(1);
    await clock.advance(30_000);
    await channel.find();
    expect(asked).toHaveLength(2);
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatch(/^slack\.channel: .*no channel that the bot can see is called #ops/);
    names = ['ops'];
    await clock.advance(30_000);
    expect(await channel.find()).toEqual({ ok: true, id: ID });
  });

  it('is looked up again soon when Slack cannot be reached, and when Slack says when it answers 429', async () => {
    let answer: SlackAnswer = UNREACHABLE;
    const { channel, clock, asked, warned } = world('ops', () => answer);
    await channel.find();
    await clock.advance(4_000);
    await channel.find();
    expect(asked).toHaveLength(1);
    answer = { ok: false, failure: { reason: 'rateLimited', message: 'Slack wants conversations.list slower', retryAfterMs: 20_000 } };
    await clock.advance(1_000);
    expect(await channel.find()).toMatchObject({ ok: false, failure: { reason: 'rateLimited', retryAfterMs: 20_000 } });
    answer = page(['ops']);
    await clock.advance(19_000);
    expect(await channel.find()).toMatchObject({ ok: false });
    await clock.advance(1_000);
    expect(await channel.find()).toEqual({ ok: true, id: ID });
    expect(warned).toHaveLength(2);
  });

  it('is looked up anew when what was known no longer holds', async () => {
    const { channel, asked } = world('ops', () => page(['ops']));
    await channel.find();
    channel.forget();
    await channel.find();
    expect(asked).toHaveLength(2);
  });

  it.each([[{ ok: true, channels: 'none' }], [{ ok: true }], [null]])('is not guessed from the answer %j', async (value) => {
    expect(await world('ops', () => ({ ok: true, value })).channel.find()).toMatchObject({ ok: false, failure: { reason: 'unexpected' } });
  });
});
