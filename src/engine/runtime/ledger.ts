/** What was written to which target lately: rates, the breaker and the loop breaker count from it. A projection of the journal. */
import type { Clock } from '#kernel/clock.ts';
import type { Journal, Recorded } from '../ports.ts';

/** The longest window that any limit looks back over. */
const WINDOW_MS = 3_600_000;
/** Events read at a time when the window is rebuilt at start. */
const READ_BATCH = 1_000;
/** Forgotten entries are swept out when this many have come in. */
const SWEEP_EVERY = 1_000;

export interface Applied {
  readonly target: string;
  readonly uses: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly verified: 'passed' | 'failed' | 'unknown' | undefined;
}

export interface Ledger {
  /** Reads the last window of the journal, then follows it. */
  load(): Promise<void>;
  /** When effects of this step were intended on this target, oldest first, ms. */
  intents(target: string, uses: string): readonly number[];
  /** Redeemed approvals and verdicts within the window. */
  applies(): readonly Applied[];
}

export function createLedger({ journal, clock }: { journal: Journal; clock: Clock }): Ledger {
  const intents = new Map<string, number[]>();
  let applies: Applied[] = [];
  let seen = 0;

  const take = (event: Recorded): void => {
    const { target, uses } = event.data;
    if (typeof target !== 'string' || typeof uses !== 'string') return;
    if (event.type === 'EffectIntended') {
      const key = `${target}\n${uses}`;
      const times = intents.get(key) ?? [];
      times.push(event.at);
      intents.set(key, times);
    } else if (event.type === 'ApprovalRedeemed') applies.push({ target, uses, at: event.at, verified: undefined });
    else if (event.type === 'Verified') applies.push({ target, uses, at: event.at, verified: event.data['outcome'] as Applied['verified'] });
    else return;
    seen += 1;
    if (seen % SWEEP_EVERY === 0) sweep();
  };
  const sweep = (): void => {
    const since = clock.now() - WINDOW_MS;
    applies = applies.filter((entry) => entry.at >= since);
    for (const [key, times] of intents) intents.set(key, times.filter((at) => at >= since));
  };

  return {
    async load() {
      let position = await journal.positionBefore(clock.now() - WINDOW_MS);
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
    intents: (target, uses) => intents.get(`${target}\n${uses}`) ?? [],
    applies: () => applies,
  };
}
