/** What a bench has to say, and how it is shown. */

export interface Verdict {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  readonly met: boolean;
}

export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly verdicts: readonly Verdict[];
  /** What one must know to read the numbers. */
  readonly notes: readonly string[];
}

export interface BenchOptions {
  /** Fewer and shorter runs: to see that it works, not to quote. */
  readonly quick: boolean;
  /** What is under way: stderr. */
  say(line: string): void;
}

export type Bench = (options: BenchOptions) => Promise<Report>;

/** Markdown, since the terminal reads it as well as docs/performance.md. */
export function showReport(report: Report): string {
  const verdicts = report.verdicts.map(({ what, measured, target, met }) => [what, measured, target, met ? 'met' : 'MISSED']);
  return [
    `## ${report.title}`,
    '',
    ...table(report.columns, report.rows),
    ...(verdicts.length === 0 ? [] : ['', ...table(['Target', 'measured', 'wanted', ''], verdicts)]),
    ...(report.notes.length === 0 ? [] : ['', ...report.notes.map((note) => `- ${note}`)]),
    '',
  ].join('\n');
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, i) => Math.max(column.length, 3, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string => `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(columns), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)];
}
