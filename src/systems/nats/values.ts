/** How nats-server writes numbers, times and durations, and what we make of them. Everything here comes from outside. */
import { isoTime } from '#kernel/clock.ts';
import { cutText } from '#kernel/text.ts';
import { z } from '#step-kit/index.ts';

/** Names of servers, streams and clients that stand in outputs, in characters. */
const LONGEST_NAME = 256;
const NS_PER_MS = 1_000_000;

/** A number that Go leaves out when it is zero. Unlimited and unsigned 64-bit values are brought into the safe range. */
export const count = z.number().transform(safeInt).default(0);

/** Nanoseconds, as milliseconds. */
export const nanos = z
  .number()
  .transform(msOfNanos)
  .default(0);

/** A time as milliseconds since the epoch. 0: never; Go's zero time (year 1) is that as well. */
export const instant = z.string().transform(instantMs).default(0);

export const name = z
  .string()
  .transform((text) => cutText(text, LONGEST_NAME))
  .default('');

export const flag = z.boolean().default(false);

/** Go writes an empty list as null, or leaves it out. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z
    .array(item)
    .nullish()
    .transform((items): readonly z.output<Item>[] => items ?? []);
}

export function msOfNanos(value: number): number {
  return safeInt(value / NS_PER_MS);
}

export function safeInt(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.trunc(Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER));
}

export function instantMs(text: string): number {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

/** RFC 3339, or an empty text for never. */
export function timeText(ms: number): string {
  return ms > 0 && ms <= 8.64e15 ? isoTime(ms) : '';
}

/** How long ago, in whole seconds; never negative, since the clocks of two machines differ. 0 for never: look at the time beside it. */
export function ageSeconds(ms: number, nowMs: number): number {
  return ms === 0 ? 0 : Math.max(0, Math.round((nowMs - ms) / 1_000));
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 31_536_000_000 };

/** `346µs`, `1.5ms`, `6m48s` as whole milliseconds, rounded up so that something is never nothing. Unreadable text is 0. */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, number = '', unit = ''] of text.slice(0, 64).matchAll(/(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|μs|ms|s|m|h|d|y)/g)) total += Number(number) * (UNIT_MS[unit] ?? 0);
  return safeInt(Math.ceil(total));
}

/** `a, b and 3 more`: names for a sentence, bounded. */
export function someOf(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
