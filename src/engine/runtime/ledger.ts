/** What was written to which target lately: rates, the breaker and the loop breaker count from it. A projection of the journal. */
import type { Clock } from '#kernel/clock.ts';
import type { AppliedRecord } from '#policy/breaker.ts';
import type { Journal, Recorded } from '../ports.ts';

/** Rates look back this far, whatever the policy says of the breakers. */
const RATE_WINDOW_MS = 3_600_000;
/** Events read at a time when the window is rebuilt at start. */
const READ_BATCH = 1_000;
/** Forgotten entries are swept out when this many have come in. */
const SWEEP_EVERY = 1_000;

/** A place within the rate, from the moment that it was free until its intent is written or given up. */
export interface Slot {
  release(): void;
}

export interface Ledger {
  /** Reads the last window of the journal, then follows it. `windowMs`: what the breakers look back over. */
  load(windowMs?: number): Promise<void>;
  /** When effects of this step were intended on this target, ms. Places that are taken count as intended now. */
  intents(target: string, uses: string): readonly number[];
  reserve(target: string, uses: string): Slot;
  /** Redeemed approvals and verdicts within the window. */
  applies(): readonly AppliedRecord[];
}

export function createLedger({ journal, clock }: { journal: Journal; clock: Clock }): Ledger {
  const intents = new Map<string, number[]>();
  const reserved = new Map<string, number>();
  let applies: AppliedRecord[] = [];
  let appliesWindowMs = RATE_WINDOW_MS;
  let seen = 0;

  const take = (event: Recorded): void => {
    const { target, uses } = event.data;
    if (typeof target !== 'string' || typeof uses !== 'string') return;
    if (event.type === 'EffectIntended') {
      const key = keyOf(target, uses);
      const times = intents.get(key) ?? [];
      times.push(event.at);
      intents.set(key, times);
    } else if (event.type === 'ApprovalRedeemed') applies.push({ target, uses, at: event.at });
    else if (event.type === 'Verified') applies.push({ target, uses, at: event.at, verified: event.data['outcome'] as AppliedRecord['verified'] });
    else return;
    seen += 1;
    if (seen % SWEEP_EVERY === 0) sweep();
  };
  const sweep = (): void => {
    const since = clock.now() - RATE_WINDOW_MS;
    applies = applies.filter((entry) => entry.at >= clock.now() - appliesWindowMs);
    for (const [key, times] of intents) intents.set(key, times.filter((at) => at >= since));
  };

  return {
    async load(windowMs = RATE_WINDOW_MS) {
      appliesWindowMs = Math.max(windowMs, RATE_WINDOW_MS);
      let position = await journal.positionBefore(clock.now() - appliesWindowMs);
      for (;;) {
        const batch = await journal.readAll(position, READ_BATCH);
        for (const event of batch) take(event);
        const last = batch.at(-1);
        if (last === undefined) break;
        position = last.position;
      }
      const after = position;
      journal.onAppended((events) => {
        for (const event of events) if (event.position > after) take(event);
      });
    },
    intents(target, uses) {
      const written = intents.get(keyOf(target, uses)) ?? [];
      const taken = reserved.get(keyOf(target, uses)) ?? 0;
      return taken === 0 ? written : [...written, ...new Array<number>(taken).fill(clock.now())];
    },
    reserve(target, uses) {
      const key = keyOf(target, uses);
      reserved.set(key, (reserved.get(key) ?? 0) + 1);
      let held = true;
      return {
        release() {
          if (held) reserved.set(key, (reserved.get(key) ?? 1) - 1);
          held = false;
        },
      };
    },
    applies: () => applies,
  };
}

function keyOf(target: string, uses: string): string {
  return `${target}\n${uses}`;
}
