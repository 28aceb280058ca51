/** Numbers of several runs, as they are told: the median, and how far the runs were apart. */

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank; NaN when there are no values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** "3.52 (2.01-4.49)". */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return 'not measured';
  if (values.length === 1) return short(values[0] ?? Number.NaN);
  return `${short(median(values))} (${short(Math.min(...values))}-${short(Math.max(...values))})`;
}

/** Three digits that count. */
export function short(value: number): string {
  if (Number.isNaN(value)) return 'not measured';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}
