const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(?:\d+(?:ms|s|m|h|d|w))+$/;

/** Reads a duration as Prometheus writes it (`30s`, `1h30m`, `14d`). Returns milliseconds, or undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d|w)/g)) totalMs += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** `90_000` → `1m30s`: the two largest units that are not zero, for people. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const parts: string[] = [];
  let restMs = Math.round(ms / 1_000) * 1_000;
  for (const unit of ['d', 'h', 'm', 's']) {
    const unitMs = UNIT_MS[unit] ?? 1;
    const amount = Math.floor(restMs / unitMs);
    if (amount > 0) parts.push(`${amount}${unit}`);
    restMs -= amount * unitMs;
  }
  return parts.slice(0, 2).join('');
}
