/** What the operator's log says of the journal: the few events that tell how the night went. The journal has all of them. */
import type { Log } from '#kernel/log.ts';
import type { Recorded } from '#engine/ports.ts';

const TOLD: Readonly<Record<string, string>> = {
  IncidentOpened: 'incident opened',
  IncidentClosed: 'incident closed',
  RunStarted: 'run started',
  ApprovalRedeemed: 'an approved plan is applied',
  EffectUnknown: 'nobody can tell whether a call landed; a person must settle it',
  RunEnded: 'run ended',
  KillSwitchSwitched: 'kill switch',
};
const FIELDS = ['runbook', 'target', 'status', 'because', 'by', 'on', 'reason', 'title'] as const;
/** In a storm of alerts the log must not cost more than storing them does. */
const LINES_PER_SECOND_MAX = 50;

/** A listener for `journal.onAppended`. */
export function createEventLog(log: Log): (events: readonly Recorded[]) => void {
  let second = 0;
  let lines = 0;
  const hasRoom = (at: number): boolean => {
    const now = Math.floor(at / 1_000);
    if (now !== second && lines > LINES_PER_SECOND_MAX) log.warn({ left: lines - LINES_PER_SECOND_MAX }, 'too much happened for the log; the audit has all of it');
    if (now !== second) lines = 0;
    second = now;
    lines += 1;
    return lines <= LINES_PER_SECOND_MAX;
  };
  return (events) => {
    for (const { type, stream, actor, at, data } of events) {
      const message = Object.hasOwn(TOLD, type) ? TOLD[type] : undefined;
      if (message === undefined || !hasRoom(at)) continue;
      const known = FIELDS.flatMap((field) => (data[field] === undefined ? [] : [[field, data[field]] as const]));
      log.info({ stream, actor, ...Object.fromEntries(known) }, message);
    }
  };
}
