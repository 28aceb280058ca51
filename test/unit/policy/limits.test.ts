import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { breakerVerdict, loopVerdict, type AppliedRecord } from '#policy/breaker.ts';
import { capacityCap, checkCapacity } from '#policy/caps.ts';
import { DEFAULT_LIMITS, EMPTY_POLICY } from '#policy/defaults.ts';
import { freezeVerdict, frozenAt, nextFreezeBoundary } from '#policy/freeze.ts';
import type { Policy } from '#policy/model.ts';
import { lowerRate, nextSlot, type Rate } from '#policy/rate.ts';

describe('the cap on serving capacity', () => {
  test.each([
    [{ total: 100, floor: 0 }, 5, 5],
    [{ total: 100, floor: 0 }, 50, 20],
    [{ total: 14, floor: 0 }, 5, 2],
    [{ total: 3, floor: 1 }, 5, 1],
    [{ total: 3, floor: 3 }, 5, 0],
    [{ total: 1, floor: 0 }, 5, 1],
    [{ total: 10, floor: 9 }, 5, 1],
    [{ total: 2, floor: 5 }, 5, 0],
    [{ total: 0, floor: 0 }, 5, 0],
    [{ total: 10, floor: 0 }, 0, 0],
    [{ total: Number.NaN, floor: 0 }, 5, 0],
    [{ total: 10, floor: -1 }, 5, 0],
    [{ total: 10, floor: 0 }, Number.NaN, 0],
  ])('of %j with at most %s is %s', (capacity, capacityMax, cap) => {
    expect(capacityCap(capacity, capacityMax)).toBe(cap);
  });

  test('no wave within it goes below the floor, over the maximum, or over a fifth where a fifth is one or more', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 500 }), fc.integer({ min: -5, max: 500 }), fc.integer({ min: -1, max: 60 }), (total, floor, capacityMax) => {
        const cap = capacityCap({ total, floor }, capacityMax);
        expect(Number.isSafeInteger(cap) && cap >= 0).toBe(true);
        if (cap === 0) return;
        expect(total - cap).toBeGreaterThanOrEqual(floor);
        expect(cap).toBeLessThanOrEqual(capacityMax);
        expect(cap).toBeLessThanOrEqual(Math.max(1, total / 5));
      }),
    );
  });

  test('is what a wave is held to, and its refusal says why', () => {
    expect(checkCapacity({ total: 10, floor: 5 }, 2, 5).allowed).toBe(true);
    expect(checkCapacity({ total: 10, floor: 5 }, 3, 5)).toMatchObject({ allowed: false, rule: 'capacity' });
    expect(checkCapacity({ total: 3, floor: 3 }, 1, 5)).toMatchObject({ allowed: false, because: '3 serve and 3 must be left, so none can be spared' });
    expect(checkCapacity({ total: 10, floor: 5 }, Number.NaN, 5).allowed).toBe(false);
  });
});

describe('the rate', () => {
  const mostIn = (times: readonly number[], windowMs: number): number => Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + windowMs).length));

  test('is never exceeded in any window, however the requests come, and nobody waits for longer than it takes', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 120 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 60 }), (waits, perSecond, perHour) => {
        const history: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const at = nextSlot(history, { perSecond, perHour }, now);
          expect(at).toBeGreaterThanOrEqual(now);
          const sooner = [...history, at - 1];
          expect(at === now || mostIn(sooner, 1_000) > perSecond || mostIn(sooner, 3_600_000) > perHour).toBe(true);
          now = at;
          history.push(at);
        }
        expect(mostIn(history, 1_000)).toBeLessThanOrEqual(perSecond);
        expect(mostIn(history, 3_600_000)).toBeLessThanOrEqual(perHour);
      }),
      { numRuns: 60 },
    );
  });

  test('below one a second spreads effects, and a rate of none or of nonsense never lets one pass', () => {
    expect(nextSlot([10_000], { perSecond: 0.5, perHour: 100 }, 10_000)).toBe(12_000);
    for (const perSecond of [0, -1, Number.NaN]) expect(nextSlot([], { perSecond, perHour: 10 }, 5)).toBe(Number.POSITIVE_INFINITY);
  });

  test('takes intents in any order, and from a clock that went back', () => {
    expect(nextSlot([9_000, 5_000, 7_000], { perSecond: 1, perHour: 2 }, 6_000)).toBe(7_000 + 3_600_000);
  });

  test('the lower of two rates holds, second and hour each for itself', () => {
    const a: Rate = { perSecond: 10, perHour: 100 };
    expect(lowerRate(a, { perSecond: 2, perHour: 500 })).toEqual({ perSecond: 2, perHour: 100 });
    expect(lowerRate(undefined, a)).toBe(a);
    expect(lowerRate(undefined, undefined)).toBeUndefined();
  });
});

describe('the breakers', () => {
  const now = 10_000_000;
  const record = (agoMs: number, more: Partial<AppliedRecord> = {}): AppliedRecord => ({ target: 'prod', uses: 'cordum.dlq.retry', at: now - agoMs, ...more });

  test('open after two failed or unknown verifications on one target, until one of them is old', () => {
    const failed = [record(1_000, { verified: 'failed' }), record(29 * 60_000, { verified: 'unknown', uses: 'other.thing.do' })];
    expect(breakerVerdict(failed, DEFAULT_LIMITS, 'prod', now)).toMatchObject({ allowed: false, rule: 'breaker-open', because: expect.stringContaining(new Date(now + 60_000).toISOString()) as string });
    expect(breakerVerdict(failed, DEFAULT_LIMITS, 'prod', now + 60_000).allowed).toBe(true);
    expect(breakerVerdict(failed, DEFAULT_LIMITS, 'stage', now).allowed).toBe(true);
    expect(breakerVerdict([record(1, { verified: 'passed' }), record(2), record(3, { verified: 'failed' })], DEFAULT_LIMITS, 'prod', now).allowed).toBe(true);
  });

  test('stop the fourth same remedy on the same target within the hour', () => {
    const applied = [record(1_000), record(2_000, { verified: 'passed' }), record(59 * 60_000)];
    const of = { target: 'prod', uses: 'cordum.dlq.retry' };
    expect(loopVerdict(applied, DEFAULT_LIMITS, of, now)).toMatchObject({ allowed: false, rule: 'loop' });
    expect(loopVerdict(applied, DEFAULT_LIMITS, of, now + 60_000).allowed).toBe(true);
    expect(loopVerdict(applied, DEFAULT_LIMITS, { ...of, uses: 'cordum.dlq.delete' }, now).allowed).toBe(true);
    expect(loopVerdict(applied, DEFAULT_LIMITS, { ...of, target: 'stage' }, now).allowed).toBe(true);
  });
});

describe('a freeze', () => {
  const policy: Policy = { ...EMPTY_POLICY, freeze: [{ fromMs: 100, untilMs: 200, reason: 'launch' }, { fromMs: 150, untilMs: 300, reason: 'holidays' }] };

  test('holds from its first moment up to, and without, its last; of two the longer is named', () => {
    expect([99, 100, 160, 250, 299, 300].map((at) => frozenAt(policy, at)?.reason)).toEqual([undefined, 'launch', 'holidays', 'holidays', 'holidays', undefined]);
    expect(freezeVerdict(policy, 250)).toEqual({ allowed: false, rule: 'frozen', because: 'frozen until 1970-01-01T00:00:00.300Z: holidays' });
    expect(freezeVerdict(policy, 300).allowed).toBe(true);
  });

  test('tells when the next one begins or ends', () => {
    expect([0, 100, 150, 200, 300].map((at) => nextFreezeBoundary(policy, at))).toEqual([100, 150, 200, 300, undefined]);
  });
});
