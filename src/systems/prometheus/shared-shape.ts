/** What the inputs and outputs of several steps have in common. */
import { z } from '#step-kit/index.ts';
import { parseDuration } from '#kernel/duration.ts';
import { LABEL_NAME } from './query-text.ts';
import { STATES } from './reading.ts';

const LONGEST_QUERY = 4_000;
const MOST_LABELS = 20;
const LONGEST_VALUE = 1_000;

export const labelRecord = z.object({ name: z.string(), value: z.string() });

export const queryText = z
  .string()
  .min(1)
  .max(LONGEST_QUERY)
  .describe('PromQL, a constant text. `$labels` in the braces of a selector stands for the matchers of `labels`.')
  // The linter refuses an expression here: a label in the text of a query would be query syntax.
  .meta({ constant: true });

export const selectorText = z
  .string()
  .max(LONGEST_QUERY)
  .default('')
  .describe('A selector whose newest sample says how old the answer is. Needed where the query is more than a selector, since Prometheus then gives no age. `$labels` stands for the same matchers.')
  .meta({ constant: true });

/** An empty value would match every series without that label. */
export const labelValues = z
  .array(z.object({ name: z.string().max(100).regex(LABEL_NAME, 'expected the name of a label'), value: z.string().min(1, 'an empty value would match every series without the label').max(LONGEST_VALUE) }))
  .max(MOST_LABELS)
  .default([])
  .describe('What stands for `$labels`: each must be equal. Values from alerts and inputs belong here, never in the query.');

export const orAll = z.boolean().default(false).describe('Without any label `$labels` stands for no restriction, instead of being refused: for runs that a person starts, which have no labels of an alert.');

export function duration(byDefault: string, meaning: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .refine((text) => (parseDuration(text) ?? 0) > 0, 'expected a duration such as 30s, 5m or 2h')
    .default(byDefault)
    .describe(meaning);
}

export const state = z.enum(STATES).describe('`ok`, or why the numbers are not to be trusted. Only `ok` is evidence of health.');
