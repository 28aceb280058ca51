import { describe, expect, it } from 'vitest';
import { createPacer } from '#systems/cordum/pacer.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

describe('the pace of reads', () => {
  it('lets no second hold more than rate and burst, and is a burst ahead again after a quiet while', async () => {
    const clock = createVirtualClock();
    const pacer = createPacer(clock, 35, 10);
    const turns: number[] = [];
    const take = (times: number): Promise<unknown> => Promise.all(Array.from({ length: times }, () => pacer.turn().then(() => turns.push(clock.now()))));
    const first = take(200);
    await clock.advance(10_000);
    await first;
    const second = take(200);
    await clock.advance(10_000);
    await second;
    expect(turns).toHaveLength(400);
    for (const from of turns) expect(turns.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(46);
    expect((turns[199] ?? 0) - (turns[0] ?? 0)).toBeLessThan(6_000);
    expect(turns.filter((at) => at === turns[200]).length).toBeGreaterThanOrEqual(9);
  });

  it('holds nobody whose run has ended', async () => {
    const clock = createVirtualClock();
    const pacer = createPacer(clock, 1, 1);
    const run = new AbortController();
    await pacer.turn();
    const waiting = pacer.turn(run.signal);
    run.abort();
    await expect(waiting).resolves.toBeUndefined();
    expect(clock.pending()).toBe(0);
  });
});
