/** What may stand in paths, queries and bodies. */
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import { isId } from '#kernel/ids.ts';
import type { IdKind } from '#kernel/ids.ts';
import { PAGE_MAX } from '#operations/operations.ts';
import { REASON_CHARS_MAX } from '#operations/reason.ts';

/** Longer than any effect key: run, step and item. */
export const MAX_PARAM_LENGTH = 1_024;

export function id(kind: IdKind): z.ZodString {
  return z.string().refine((text) => isId(text) && text.startsWith(`${kind}_`), { error: `expected an id such as ${kind}_01jdxk…` });
}

/** Names of runbooks and offers, as they stand in the YAML. */
export const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: 'expected a name: letters, digits, dots, dashes and underscores' });

export const EffectKey = z.string().min(1).max(MAX_PARAM_LENGTH);

/** `art_` and the digest of its text. */
export const ArtifactId = z.string().regex(/^art_[0-9a-f]{64}$/, { error: 'expected the id of an artifact' });

export const Reason = z.string().trim().min(1, { error: 'expected a reason' }).max(REASON_CHARS_MAX);

export const Limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, { error: `expected a number from 1 to ${PAGE_MAX}` })
  .transform(Number)
  .refine((limit) => limit <= PAGE_MAX, { error: `expected a number from 1 to ${PAGE_MAX}` })
  .meta({ description: `1 to ${PAGE_MAX}, default 50.` });

export const Position = z.string().regex(/^\d{1,15}$/, { error: 'expected a whole number, 0 or more' }).transform(Number);

/** The query of a list of things with ids. The cursor is `nextCursor` of the page before. */
export function pageOf(kind: IdKind): { cursor: z.ZodExactOptional<z.ZodString>; limit: z.ZodExactOptional<typeof Limit> } {
  return { cursor: id(kind).meta({ description: '`nextCursor` of the page before.' }).exactOptional(), limit: Limit.exactOptional() };
}

/** Any JSON object. Depth and size have been limited when the body was read. */
export const Inputs: z.ZodType<JsonObject> = z.record(z.string(), z.unknown()).transform((value) => value as JsonObject);
