import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PHASES } from '#drills/context.ts';
import { phaseTimes } from '#drills/phase-times.ts';

describe('the times of phases', () => {
  it('count each moment once, for the earliest of the phases that overlap', () => {
    expect(phaseTimes([{ phase: 'fetch', fromMs: 0, toMs: 10 }, { phase: 'verify', fromMs: 10, toMs: 40 }, { phase: 'verify', fromMs: 10, toMs: 25 }, { phase: 'restore', fromMs: 10, toMs: 30 }, { phase: 'verify', fromMs: 50, toMs: 55 }])).toEqual({ live: 0, detect: 0, fetch: 10, restore: 20, verify: 15, ready: 0, teardown: 0 });
  });

  it('add up to the time in which anything was done', () => {
    const span = fc.record({ phase: fc.constantFrom(...PHASES), fromMs: fc.nat(60), length: fc.nat(20) }).map(({ phase, fromMs, length }) => ({ phase, fromMs, toMs: fromMs + length }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
        const busy = new Set(spans.flatMap(({ fromMs, toMs }) => Array.from({ length: toMs - fromMs }, (_, i) => fromMs + i)));
        expect(Object.values(phaseTimes(spans)).reduce((sum, ms) => sum + ms, 0)).toBe(busy.size);
      }),
    );
  });
});
