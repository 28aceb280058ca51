/** When a schedule is due. Pure: the same schedule and the same time give the same answer, on every machine. */
import { Cron } from 'croner';
import { sha256 } from '#kernel/digest.ts';

const DAY_MS = 24 * 3_600_000;
/** A blackout that never ends is none: after so many days a slot is due where it is. */
const MOVED_DAYS_MAX = 400;
/** Slots that one look goes through; of older ones nobody asks which was the last. */
const SLOTS_MAX = 2_000;

export interface Times {
  readonly name: string;
  /** Five fields, as cron has them. */
  readonly cron: string;
  /** IANA. */
  readonly timeZone: string;
  /** A slot is due by chance up to this much later; always the same for the same slot. */
  readonly jitterMs: number;
  /** Local days on which nothing starts, both included. A slot within moves on by whole days. */
  readonly blackout: readonly { readonly from: string; readonly to: string }[];
}

/** One moment that the cron expression names, and when it is due after blackout and jitter. */
export interface Slot {
  readonly slotMs: number;
  readonly dueMs: number;
}

/** The first slot after this moment; undefined: the expression names none any more. */
export function slotAfter(times: Times, afterMs: number): Slot | undefined {
  const next = new Cron(times.cron, { timezone: times.timeZone, paused: true, mode: '5-part' }).nextRun(new Date(afterMs));
  return next === null ? undefined : slotAt(times, next.getTime());
}

/** The newest slot after `sinceMs` that is due by now, how many older ones went by, and the first that is not due yet. */
export function dueSlots(times: Times, sinceMs: number, nowMs: number): { readonly due: Slot | undefined; readonly passedOver: number; readonly next: Slot | undefined } {
  let due: Slot | undefined;
  let passedOver = -1;
  let next = slotAfter(times, sinceMs);
  for (let i = 0; next !== undefined && next.dueMs <= nowMs; i += 1) {
    due = next;
    passedOver += 1;
    next = slotAfter(times, i < SLOTS_MAX ? next.slotMs : Math.max(next.slotMs, nowMs - DAY_MS));
    if (i > 2 * SLOTS_MAX) break;
  }
  return { due, passedOver: Math.max(0, passedOver), next };
}

function slotAt(times: Times, slotMs: number): Slot {
  const draw = Number.parseInt(sha256(`${times.name}\n${slotMs}`).slice(0, 8), 16) / 2 ** 32;
  let dueMs = slotMs + Math.floor(draw * times.jitterMs);
  // What jitter pushes over midnight starts on the next day.
  for (let days = 0; days < MOVED_DAYS_MAX && isBlackout(times, dueMs); days += 1) dueMs += DAY_MS;
  return { slotMs, dueMs };
}

/** Whether this moment is on a day of the blackout. */
export function isBlackout({ blackout, timeZone }: Pick<Times, 'blackout' | 'timeZone'>, ms: number): boolean {
  if (blackout.length === 0) return false;
  // Swedish writes dates as ISO 8601 does.
  const day = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(ms);
  return blackout.some(({ from, to }) => from <= day && day <= to);
}
