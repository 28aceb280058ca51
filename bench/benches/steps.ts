/** How fast the engine goes through steps, next to what durable commits alone would allow. */
import type { StepsInput, StepsResult } from '../processes/steps.ts';
import { resultOf } from '../kit/process.ts';
import type { BenchOptions, Report } from '../kit/report.ts';
import { short, spread } from '../kit/stats.ts';

export async function benchSteps({ quick, say }: BenchOptions): Promise<Report> {
  const series: readonly StepsInput[] = [
    { runs: quick ? 40 : 200, atOnce: 1 },
    { runs: quick ? 200 : 1_000, atOnce: 16 },
  ];
  const rounds = quick ? 1 : 3;
  const measured = series.map((): StepsResult[] => []);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, input] of series.entries()) {
      const result = await resultOf<StepsResult>('bench/processes/steps.ts', input);
      measured[i]?.push(result);
      say(`steps ${round}/${rounds}: ${input.atOnce} at once: ${short(result.stepsPerSecond)} steps/s`);
    }
  }
  const rows = series.map((input, i) => {
    const results = measured[i] ?? [];
    const column = (pick: (result: StepsResult) => number): string => spread(results.map(pick));
    return [String(input.atOnce), String(input.runs), column((r) => r.stepsPerSecond), column((r) => r.appendsPerSecond), column((r) => r.rawPerSecond), column((r) => r.appendsPerSecond / r.rawPerSecond)];
  });
  return {
    title: 'Steps of the engine',
    columns: ['runs at once', 'runs', 'steps/s', 'appends/s', 'raw commits/s', 'of raw commits'],
    rows,
    verdicts: [],
    notes: [
      'A run has five read steps, one after another, that look at nothing; their inputs are CEL over the step before. Raw: the same appends as text, one durable commit each, one after another, without index or audit chain.',
      'Runs at the same time share commits, so the engine may pass the raw commits.',
    ],
  };
}
