import { z } from 'zod';
import { duration, path, text } from './values.ts';

/** The YAML of one drill: which backups are restored where, and what they must be worth. */

/** It stands in URLs, labels and Slack commands. */
const name = text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a name of lower case letters, digits and -');

export const drillShape = z.strictObject({
  name,
  target: text.optional(),
  store: z.enum(['redis', 'nats', 'config', 'all']),
  backups: path,
  sandbox: z.literal('local').default('local'),
  choice: z.enum(['latest', 'random']).default('latest'),
  window: duration.default(7 * 24 * 3_600_000),
  maxAge: duration.default(2 * 3_600_000),
  rpo: duration.optional(),
  rto: duration.default(15 * 60_000),
  tolerance: z.number('expected a share from 0 to 1').min(0, 'expected a share from 0 to 1').max(1, 'expected a share from 0 to 1').default(0.5),
  bundles: path.default('./drill-evidence'),
  key: path.optional(),
  temp: path.optional(),
});

export type DrillYaml = z.output<typeof drillShape>;
