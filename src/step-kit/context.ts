import type { Log } from '#kernel/log.ts';

/** Names an outside system and the type of its client: `export const Cordum = defineSystem<CordumClient>('cordum')`. */
export interface SystemToken<Client> {
  readonly name: string;
  /** Carries the client's type only; never read. */
  readonly client?: Client;
}

export function defineSystem<Client>(name: string): SystemToken<Client> {
  return { name };
}

/** The whole world of a step. */
export interface StepContext {
  /** The name of the target that this run works on. */
  readonly target: string;
  /** The client of an outside system for this target. Throws a Failure value's message only if the target has none configured; lint says so before. */
  use<Client>(system: SystemToken<Client>): Client;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Waits in the engine's time; ends early when the signal aborts. */
  sleep(ms: number): Promise<void>;
  /** Aborted at the step's timeout, when the run is cancelled and at shutdown. Pass it to every call. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The context of `plan`. */
export interface PlanContext extends StepContext {
  /**
   * When set, only the item of this key is wanted: the re-check just before its effect. A plan without it means that the
   * item no longer qualifies; an item that differs from the approved one has moved. Either way it is skipped and reported.
   */
  readonly only?: string;
}

/** The context of `apply`: one item, once. */
export interface ApplyContext extends StepContext {
  /** Stable for this effect over restarts. Hand it to targets that take idempotency keys. */
  readonly idempotencyKey: string;
  /** Who approved, for attribution at the target (`X-Principal-Id`). The last approver when there are several. */
  readonly approvedBy: string;
  /** Everybody who approved, in order. */
  readonly approvals: readonly GivenApproval[];
  readonly runId: string;
}

/** One person's yes, for evidence. */
export interface GivenApproval {
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
  readonly reason: string | null;
  /** Set when it was given ahead: the window that it was given for. */
  readonly window: { readonly from: string; readonly to: string } | null;
}

/** The context of `probe`. */
export interface ProbeContext extends StepContext {
  readonly idempotencyKey: string;
  /** When the intent became durable, ms since the epoch: nothing of ours can be older than this. */
  readonly intendedAt: number;
}
