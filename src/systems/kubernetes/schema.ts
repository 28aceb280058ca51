/** What the API answers to the calls that are not about an object of Cordum's. */
import { z } from 'zod';

/** An item is read by the schema that the caller gives. */
export const listAnswer = z.object({
  items: z.array(z.unknown()).nullable(),
  metadata: z.object({ continue: z.string().optional() }).optional(),
});

/** A denial has neither a reason nor a `denied` (recording ssar_denied). */
export const reviewAnswer = z.object({ status: z.object({ allowed: z.boolean() }) });

export const versionAnswer = z.object({ gitVersion: z.string().max(100) });
