/**
 * Which alerts are computed from what the exporter publishes, and whether such an alert still holds. Alertmanager's
 * `generatorURL` is Prometheus' own link (`…/graph?g0.expr=<PromQL>&g0.tab=1`); like everything in a webhook anybody may
 * have written it, so it is only ever read, never opened.
 */
const FED_METRICS = ['cordum_dlq_entries', 'cordum_last_heartbeat_timestamp'] as const;
export type FedMetric = (typeof FED_METRICS)[number];

/** What a fresh look at a target's queue saw. */
export type Reading =
  | {
      readonly seen: true;
      readonly target: string;
      /** Distinct entries; when `truncated`, there are at least so many. */
      readonly entries: number;
      readonly truncated: boolean;
      /** When, ms since the epoch. */
      readonly at: number;
    }
  | { readonly seen: false; readonly because: string };

/** The alerts of Cordum's own production guide, for links that hold no expression (another rule engine, a recording rule). */
const KNOWN_ALERTS: ReadonlyMap<string, FedMetric> = new Map([
  ['CordumDLQDepthHigh', 'cordum_dlq_entries'],
  ['CordumWorkerHeartbeatGap', 'cordum_last_heartbeat_timestamp'],
]);
const LONGEST_URL = 16_384;
const LONGEST_EXPRESSION = 4_096;

/** The metric of ours that feeds this alert, or undefined when it is not ours. */
export function feeds(generatorURL: string, labels: Readonly<Record<string, string>>): FedMetric | undefined {
  const words = new Set(withoutStrings(expressionOf(generatorURL) ?? '').match(/[A-Za-z_:][A-Za-z0-9_:]*/g));
  const name = Object.hasOwn(labels, 'alertname') ? labels['alertname'] : undefined;
  return FED_METRICS.find((metric) => words.has(metric)) ?? KNOWN_ALERTS.get(name ?? '');
}

const SIMPLE = /^\s*cordum_dlq_entries\s*(?:\{([^{}]*)\}\s*)?(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)?(?:[eE]\+?\d+)?)\s*$/;

/**
 * Whether an expression of the form `cordum_dlq_entries{…} <op> number` holds for what was read. Undefined when the
 * expression is more than that, is about another target, or when the reading does not decide it.
 */
export function stillHolds(generatorURL: string, reading: Reading): boolean | undefined {
  const [, matchers = '', op = '', number = ''] = SIMPLE.exec(expressionOf(generatorURL) ?? '') ?? [];
  if (op === '' || !reading.seen) return undefined;
  const target = /(?:^|,)\s*target\s*=\s*"([^"\\]*)"/.exec(matchers)?.[1];
  if (target !== undefined && target !== reading.target) return undefined;
  const holds = compare(reading.entries, op, Number(number));
  // At least so many entries: that they are more than the limit is certain, that they are not is not.
  return reading.truncated && !(holds && op.startsWith('>')) ? undefined : holds;
}

function compare(entries: number, op: string, limit: number): boolean {
  switch (op) {
    case '>': return entries > limit;
    case '>=': return entries >= limit;
    case '<': return entries < limit;
    case '<=': return entries <= limit;
    case '==': return entries === limit;
    default: return entries !== limit;
  }
}

function expressionOf(generatorURL: string): string | undefined {
  if (generatorURL.length > LONGEST_URL || !URL.canParse(generatorURL)) return undefined;
  const expression = new URL(generatorURL).searchParams.get('g0.expr');
  return expression === null || expression.length > LONGEST_EXPRESSION ? undefined : expression;
}

/** A metric's name inside a label value is no mention of the metric. One pass, whatever the text holds. */
function withoutStrings(expression: string): string {
  let out = '';
  let quote = '';
  for (let at = 0; at < expression.length; at += 1) {
    const char = expression.charAt(at);
    if (quote === '') {
      if (char === '"' || char === "'" || char === '`') quote = char;
      else out += char;
    } else if (char === '\\' && quote !== '`') at += 1;
    else if (char === quote) {
      quote = '';
      out += ' ';
    }
  }
  return out;
}
