import { z } from 'zod';
import { parseDuration } from '#kernel/duration.ts';
import { TIERS } from '#step-kit/index.ts';

const MAX_STEPS = 100;
const MAX_RULES = 100;
const MAX_TRIGGERS = 50;
const MAX_WAVE_SIZES = 20;

const text = z.string().min(1, 'expected a text').max(4_000);
/** Ids are read in expressions, so they are words of CEL. */
const id = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'expected a word of a-z, 0-9 and _ that begins with a letter');
const duration = z.string().transform((value, ctx) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms <= 0) ctx.addIssue({ code: 'custom', message: `expected a duration such as 30s, 5m or 1h30m, got ${JSON.stringify(value)}` });
  return ms ?? 0;
});
const expression = z.string().min(1, 'expected an expression, ${{ … }}');

export const inputShape = z.strictObject({
  name: id,
  type: z.enum(['string', 'int', 'double', 'bool', 'list']).default('string'),
  title: text.optional(),
  required: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
  options: z.union([z.array(z.string()).min(1).max(1_000), expression]).optional(),
});

export const stepShape = z.strictObject({
  id,
  uses: z.string().min(1, 'expected the name of a step'),
  with: z.record(z.string(), z.unknown()).default({}),
  if: expression.optional(),
  'for-each': z.union([expression, z.strictObject({ over: expression, as: id.default('item'), concurrency: z.int().min(1).max(20).default(4) })]).optional(),
  retry: z.strictObject({ attempts: z.int().min(1).max(10).default(1), delay: duration.default(1_000) }).default({ attempts: 1, delay: 1_000 }),
  timeout: duration.optional(),
  'on-failure': z.enum(['continue', 'stop']).default('continue'),
});

export const parallelShape = z.strictObject({ parallel: z.array(z.unknown()).min(1).max(MAX_STEPS) });

export const findingShape = z.strictObject({
  if: expression,
  severity: z.enum(['info', 'warning', 'critical']),
  say: text,
  recommends: id.optional(),
});

const waveSize = z.union([z.int().min(1), z.string()]).transform((size, ctx) => {
  if (typeof size === 'number') return size;
  const percent = /^(\d{1,3})%$/.exec(size)?.[1];
  if (percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100) return { percent: Number(percent) };
  ctx.addIssue({ code: 'custom', message: `expected a count such as 5 or a share such as 25%, got ${JSON.stringify(size)}` });
  return 1;
});

const DEFAULT_WAVES = { sizes: [1, 5, 25, { percent: 100 }] as (number | { percent: number })[], pause: 30_000, deadline: 300_000 };

const wavesShape = z.strictObject({
  sizes: z.array(waveSize).min(1).max(MAX_WAVE_SIZES).default(DEFAULT_WAVES.sizes),
  pause: z.union([duration, z.literal(0).transform(() => 0)]).default(DEFAULT_WAVES.pause),
  halt: expression.optional(),
  deadline: duration.default(DEFAULT_WAVES.deadline),
});

export const offerShape = z.strictObject({
  id,
  title: text,
  if: expression,
  uses: z.string().min(1, 'expected the name of a write step'),
  with: z.record(z.string(), z.unknown()).default({}),
  inputs: z.array(z.unknown()).max(20).default([]),
  tier: z.enum(TIERS).optional(),
  waves: wavesShape.default({ ...DEFAULT_WAVES }),
});

export const runbookShape = z.strictObject({
  runbook: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a name of a-z, 0-9 and -'),
  title: text,
  owner: text,
  description: text.optional(),
  triggers: z.array(z.strictObject({ alert: z.array(z.string()).min(1).max(20) })).max(MAX_TRIGGERS).default([]),
  inputs: z.array(z.unknown()).max(20).default([]),
  steps: z.array(z.unknown()).max(MAX_STEPS).default([]),
  findings: z.array(z.unknown()).max(MAX_RULES).default([]),
  offers: z.array(z.unknown()).max(MAX_RULES).default([]),
  done: z.strictObject({ when: expression.optional(), within: duration.default(3_600_000) }).default({ within: 3_600_000 }),
});
