/** What `cordum.dlq.triage` hands to findings and offers. `safe` is what `cordum.dlq.retry` takes as `entries`. */
import { z } from '#step-kit/index.ts';
import { judgedEntry } from './records.ts';

export const triageOutput = z.object({
  /** One row a reason code, the most frequent first. `code` is `(none)` where Cordum gave none. */
  byReason: z.array(z.object({ code: z.string(), count: z.int(), meaning: z.string(), safe: z.int(), unsafe: z.int(), unknown: z.int() })),
  safe: z.array(judgedEntry),
  unsafe: z.array(judgedEntry),
  unknown: z.array(judgedEntry),
  /** One row a topic, the most frequent first. `pool` is empty and `workers` −1 where Cordum did not say. */
  topics: z.array(z.object({ topic: z.string(), pool: z.string(), count: z.int(), workers: z.int() })),
  total: z.int(),
  /** What could not be seen; empty when nothing was in the way. */
  note: z.string(),
});
export type TriageOutput = z.output<typeof triageOutput>;
