import { describe, expect, it } from 'vitest';
import { Pacing } from '#surfaces/slack/pacing.ts';

/** How many messages go out at once, when each goes as soon as it may. */
function burst(pacing: Pacing, now: number, first: boolean): number {
  let sent = 0;
  for (; sent < 1_000 && pacing.mayAt(now, first) <= now; sent += 1) pacing.spend(now, first);
  return sent;
}

describe('pacing', () => {
  it('lets a small burst through, and then a message a second', () => {
    const pacing = new Pacing();
    expect(burst(pacing, 1_000_000, false)).toBe(5);
    expect(pacing.mayAt(1_000_000, false)).toBe(1_001_000);
    let sent = 0;
    for (let now = 1_000_000; now <= 1_060_000; now += 100) sent += burst(pacing, now, false);
    expect(sent).toBe(60);
    expect(burst(pacing, 2_000_000, false)).toBe(5);
  });

  it('keeps no new incident waiting, whatever the updates have spent', () => {
    const pacing = new Pacing();
    burst(pacing, 0, false);
    expect(burst(pacing, 0, true)).toBe(1_000);
    expect(pacing.mayAt(0, false)).toBe(1_000);
  });

  it('is silent for as long as Slack asks, and paces even new incidents for a while after', () => {
    const pacing = new Pacing();
    pacing.slower(0, 30_000);
    expect(pacing.mayAt(10, true)).toBe(30_000);
    expect(burst(pacing, 30_000, true)).toBe(5);
    expect(burst(pacing, 90_001, true)).toBe(1_000);
  });

  it('waits longer after each failure, up to half a minute, and forgets with a success', () => {
    const pacing = new Pacing();
    const waits: number[] = [];
    for (let at = 0; at < 8; at += 1) {
      const now = at * 1_000_000;
      pacing.failed(now);
      waits.push(pacing.mayAt(now, true) - now);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    pacing.succeeded();
    pacing.failed(9_000_000);
    expect(pacing.mayAt(9_000_000, true)).toBe(9_001_000);
  });

  it('takes nothing for a step that sent nothing', () => {
    const pacing = new Pacing();
    for (let at = 0; at < 100; at += 1) pacing.spend(0, false)();
    expect(burst(pacing, 0, false)).toBe(5);
  });
});
