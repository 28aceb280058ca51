import { z } from 'zod';
import { TIERS } from '#step-kit/index.ts';

const texts = z.record(z.string(), z.string());
const anything = z.record(z.string(), z.unknown());
const wave = z.strictObject({ index: z.int().default(0), size: z.int().default(0), done: z.int().default(0), returned: z.int().default(0), failed: z.int().default(0), unknown: z.int().default(0) });

const offerExpectation = z.strictObject({
  open: z.boolean(),
  title: z.string().optional(),
  tier: z.enum(TIERS).optional(),
  /** What the form was filled in with. */
  inputs: anything.optional(),
  /** These keys of the step's input must have these values. */
  with: anything.optional(),
  /** A part of the reason why it is closed. */
  because: z.string().optional(),
  /** The sizes of the waves for a plan of so many items. */
  waves: z.strictObject({ items: z.int().min(0).max(100_000), sizes: z.array(z.int()) }).optional(),
  /** Whether waves that ended like this halt the rest. */
  halt: z.array(z.strictObject({ wave, halted: z.boolean() })).optional(),
});

/** One case of `<name>.cases.yaml`. */
export const caseShape = z.strictObject({
  case: z.string().min(1, 'expected a title'),
  alert: z.strictObject({ labels: texts.default({}), annotations: texts.default({}), resolved: z.boolean().default(false), startsAt: z.string().default('') }).default({ labels: {}, annotations: {}, resolved: false, startsAt: '' }),
  inputs: anything.default({}),
  target: z.string().default('test'),
  steps: z.record(z.string(), z.union([z.strictObject({ output: anything }), z.strictObject({ failed: z.string().min(1) }), z.strictObject({ skipped: z.string().min(1) })])).default({}),
  expect: z.strictObject({
    /** All findings, in the order of the runbook. `say` is a part of the sentence, `exactly` the whole. */
    findings: z.array(z.strictObject({ severity: z.enum(['info', 'warning', 'critical']), say: z.string().optional(), exactly: z.string().optional(), recommends: z.string().optional() })).optional(),
    noFindings: z.boolean().optional(),
    /** Parts of the sentences on what could not be seen; together they must name all of them. None is expected when this is left out. */
    unknowns: z.array(z.string()).default([]),
    offers: z.record(z.string(), offerExpectation).default({}),
    done: z.boolean().optional(),
  }),
});

export type RunbookCase = z.output<typeof caseShape>;
export type OfferExpectation = z.output<typeof offerExpectation>;
