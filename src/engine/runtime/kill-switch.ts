/** One switch that stops every write. It lives in the journal, so a restart or a redeploy does not re-arm anything. */
import type { Clock } from '#kernel/clock.ts';
import { isoTime } from '#kernel/clock.ts';
import type { Journal, Recorded } from '../ports.ts';

const STREAM = 'control:kill-switch';
/** Two people at the switch at once: the second reads and tries again, this often. */
const TRIES_MAX = 5;

export interface KillSwitchState {
  /** `true`: every write is stopped. */
  readonly on: boolean;
  readonly by: string | null;
  readonly reason: string | null;
  readonly at: string | null;
}

export interface KillSwitch {
  /** Reads the journal; before that the switch counts as on. */
  load(): Promise<void>;
  state(): KillSwitchState;
  /** Stops (or re-arms) at once in this process; resolves with the state that is durable then: a stop at the same moment beats a re-arm. Rejects when it cannot be stored: it then stays on. */
  set(by: string, on: boolean, reason: string): Promise<KillSwitchState>;
  onSwitch(listener: (state: KillSwitchState) => void): void;
}

export function createKillSwitch({ journal, clock }: { journal: Journal; clock: Clock }): KillSwitch {
  // Fail closed: until the journal has been read nobody knows that writing is allowed.
  let state: KillSwitchState = { on: true, by: null, reason: 'the journal has not been read yet', at: null };
  let version = 0;
  /** Stops that are not durable: on their way, failed, and failed before a re-arm that knew of them. While one holds, nothing that is read lets writes happen. */
  const stops = { pending: 0, failed: 0, forgiven: 0 };
  const listeners: ((state: KillSwitchState) => void)[] = [];
  const change = (next: KillSwitchState): void => {
    state = next;
    for (const listener of listeners) listener(next);
  };
  const load = async (): Promise<void> => {
    const events = await journal.read(STREAM);
    version = events.at(-1)?.version ?? 0;
    const read = readState(events);
    change((stops.pending > 0 || stops.failed > stops.forgiven) && state.on && !read.on ? state : read);
  };
  return {
    load,
    state: () => state,
    async set(by, on, reason) {
      // Stopping does not wait for the disk; re-arming does.
      const known = stops.failed;
      if (on) {
        stops.pending += 1;
        change({ on, by, reason, at: isoTime(clock.now()) });
      }
      let stored = false;
      try {
        for (let tries = 0; tries < TRIES_MAX; tries += 1) {
          const appended = await journal.append({ stream: STREAM, expectedVersion: version, events: [{ type: 'KillSwitchSwitched', actor: by, data: { on, reason } }] });
          stored = appended.ok;
          if (stored && !on) stops.forgiven = Math.max(stops.forgiven, known);
          await load();
          // Whoever re-arms has not seen what came in between. Should that be a stop, the stop holds.
          if (stored || !on) return state;
        }
        throw new Error('the kill switch is being switched by others all the time');
      } finally {
        if (on) stops.pending -= 1;
        if (on && !stored) stops.failed += 1;
      }
    },
    onSwitch: (listener) => {
      listeners.push(listener);
    },
  };
}

function readState(events: readonly Recorded[]): KillSwitchState {
  const last = events.findLast((event) => event.type === 'KillSwitchSwitched');
  if (last === undefined) return { on: false, by: null, reason: null, at: null };
  return { on: last.data['on'] !== false, by: last.actor, reason: typeof last.data['reason'] === 'string' ? last.data['reason'] : null, at: isoTime(last.at) };
}
