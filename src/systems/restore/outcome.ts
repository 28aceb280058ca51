/** What each item of a restore returns, whichever store it is for: services are stopped, what is there is saved, then restored, then services start. Pure. */
import { type AppliedItem, type ItemEnd, z } from '#step-kit/index.ts';

/** The item that backs up what is there: the rollback point of the restore. */
export const SAFETY = 'safety-backup';

export const restoreOutput = z.object({
  /** The item: `stop/scheduler`, `safety-backup`, a key, a stream or a shard. */
  key: z.string(),
  done: z.enum(['stopped', 'saved', 'restored', 'removed', 'started']),
  /** The backup of what was there before: of the item that takes it. Empty where nothing was there. */
  set: z.string(),
  /** Whether there was something before; of services: whether it ran. */
  wasThere: z.boolean(),
  /** Of a service: how many it had when it was stopped, or was started with. Else 0. */
  replicas: z.int(),
});
export type RestoreOutput = z.output<typeof restoreOutput>;

export function outcome(key: string, done: RestoreOutput['done'], more: Partial<RestoreOutput> = {}): RestoreOutput {
  return { key, done, set: '', wasThere: false, replicas: 0, ...more };
}

export function outcomesOf(applied: readonly AppliedItem[]): RestoreOutput[] {
  return applied.map(({ result }) => restoreOutput.parse(result));
}

/** The stamp of the backup that the restore took first; empty when it took none. */
export function safetySetOf(applied: readonly AppliedItem[]): string {
  return outcomesOf(applied).find(({ done }) => done === 'saved')?.set ?? '';
}

/** How one item ended, and a sentence on it; an empty one adds nothing. */
export interface End {
  readonly end: ItemEnd;
  readonly say: string;
}
