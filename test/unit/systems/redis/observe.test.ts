import { describe, expect, it } from 'vitest';
import type { Survey } from '#systems/redis/client.ts';
import { observe } from '#systems/redis/observe.ts';
import { parseInfo } from '#systems/redis/info.ts';

/** A server whose pings take these times, one after another, ms. */
function surveyOf(pings: readonly number[]) {
  const time = { nowMs: 0, asked: 0 };
  const node = {
    address: 'redis:6379',
    ping: async () => {
      time.nowMs += pings[time.asked] ?? 0;
      time.asked += 1;
      return { ok: true, value: undefined };
    },
    info: async () => ({ ok: true, value: parseInfo('role:master\r\n') }),
  };
  const survey = { mode: 'standalone', servers: [{ node, role: 'master' }] } as unknown as Survey;
  return { survey, time, watch: { signal: new AbortController().signal, now: () => time.nowMs } };
}

describe('how long a Redis takes to answer', () => {
  it.each([
    ['is that of one ping where it is quick', [3], 3, 1],
    ['does not count a moment in which our own machine was busy', [300, 2], 2, 2],
    ['is long where each of three is', [80, 60, 70], 60, 3],
  ])('%s', async (_title, pings, latencyMs, asked) => {
    const { survey, time, watch } = surveyOf(pings);
    expect(await observe(survey, watch)).toMatchObject([{ latencyMs }]);
    expect(time.asked).toBe(asked);
  });
});
