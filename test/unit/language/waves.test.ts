import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Waves } from '#language/runbook.ts';
import { waveSizes } from '#language/waves.ts';

function waves(...sizes: Waves['sizes']): Waves {
  return { sizes, pauseMs: 0, deadlineMs: 0 };
}

describe('waves', () => {
  it.each([
    [waves(1, 5, 25, { percent: 100 }), 240, [1, 5, 25, 209]],
    [waves(1, 5, 25, { percent: 100 }), 31, [1, 5, 25]],
    [waves(1, 5, 25, { percent: 100 }), 3, [1, 2]],
    [waves(1, 5, 25, { percent: 100 }), 0, []],
    [waves(2), 5, [2, 2, 1]],
    [waves({ percent: 1 }), 5, [1, 1, 1, 1, 1]],
    [waves({ percent: 25 }), 10, [3, 3, 3, 1]],
    [waves(10, { percent: 50 }), 100, [10, 50, 40]],
  ])('cuts %j into a plan of %i items as %j', (given, total, sizes) => {
    expect(waveSizes(given, total)).toEqual(sizes);
  });

  it('holds every item exactly once, and no wave is empty', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.record({ percent: fc.integer({ min: 1, max: 100 }) }));
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 5 }), fc.integer({ min: 0, max: 2_000 }), (sizes, total) => {
        const cut = waveSizes(waves(...sizes), total);
        expect(cut.reduce((sum, each) => sum + each, 0)).toBe(total);
        expect(cut.every((each) => each >= 1)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
