/** One run at work, as its moves and the engine see it. */
import type { Runbook } from '#language/runbook.ts';
import type { RunEvent } from '../model/events.ts';
import type { RunState } from '../model/state.ts';

/** Either the events to append, or the reason why there are none. */
export type Change<Refusal> = { readonly events: readonly RunEvent[] } | { readonly refused: Refusal };

export interface RunActor {
  readonly id: string;
  /** The newest durable state. Undefined when there is no such run. */
  read(): Promise<{ readonly run: RunState; readonly runbook: Runbook | undefined } | undefined>;
  /** Appends what `make` says for the newest state. Rejects when the journal cannot store. Returns the refusal, if any. */
  change<Refusal>(actor: string, make: (run: RunState) => Change<Refusal>): Promise<{ readonly ok: true; readonly run: RunState } | { readonly ok: false; readonly refused: Refusal }>;
  /** As `change`, by the bot itself, and it does not give up while the journal cannot store. */
  record(make: (run: RunState) => readonly RunEvent[]): Promise<void>;
  /** Looks at the run and does what is next. */
  poke(): void;
  busy(): boolean;
  /** Starts nothing more; aborts reads; resolves when effects under way have their outcome. */
  stop(): Promise<void>;
  abort(): void;
}
