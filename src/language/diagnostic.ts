/** One mistake in a runbook, with the place, what was expected and a hint: `runbooks/x.yaml:12:9 …`. */
export interface Diagnostic {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly severity: 'error' | 'warning';
  /** Stable, for scripts: `unknown-key`, `unknown-step`, `bad-expression`, … */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export function formatDiagnostic(d: Diagnostic): string {
  const hint = d.hint === undefined ? '' : `\n    hint: ${d.hint}`;
  return `${d.file}:${d.line}:${d.column} ${d.severity} ${d.code}: ${d.message}${hint}`;
}
