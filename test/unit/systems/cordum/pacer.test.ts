import { describe, expect, it } from 'vitest';
import { createPacer } from '#systems/cordum/pacer.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

describe('the pace of reads', () => {
  it('lets no second hold more than rate and burst, and is a burst ahead again after a quiet while', async () => {
    const clock = createVirtualClock();
    const pacer = createPacer(clock, { perSecond: 35, burst: 10 });
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

  it('goes faster while nobody minds, and much slower for a while once somebody does', async () => {
    const clock = createVirtualClock();
    const pacer = createPacer(clock, { perSecond: 10, mostPerSecond: 100, burst: 1 });
    const within = async (ms: number): Promise<number> => {
      const until = clock.now() + ms;
      let turns = 0;
      const takeTurns = async (): Promise<void> => {
        for (await pacer.turn(); clock.now() <= until; await pacer.turn()) turns += 1;
      };
      const taking = takeTurns();
      await clock.advanceTo(until + 1_000);
      await taking;
      return turns;
    };
    expect(await within(1_000)).toBeLessThanOrEqual(11);
    await within(10_000);
    expect(await within(1_000)).toBeGreaterThanOrEqual(95);
    for (let together = 0; together < 5; together += 1) pacer.refused();
    const careful = await within(1_000);
    expect(careful).toBeLessThanOrEqual(52);
    expect(careful).toBeGreaterThanOrEqual(45);
  });

  it('holds nobody whose run has ended', async () => {
    const clock = createVirtualClock();
    const pacer = createPacer(clock, { perSecond: 1, burst: 1 });
    const run = new AbortController();
    await pacer.turn();
    const waiting = pacer.turn(run.signal);
    run.abort();
    await expect(waiting).resolves.toBeUndefined();
    expect(clock.pending()).toBe(0);
  });
});
