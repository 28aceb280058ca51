import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';

export type Node = ASTNode;

const LONGEST_EXPRESSION = 4_096;
const LIMITS = { maxAstNodes: 1_000, maxDepth: 40, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 };

/**
 * The CEL library. It parses, and its functions and operators compute on scalars. Checking and walking are ours: its types
 * know no fields behind a nullable value or inside `has()`, and its evaluation has no budget
 * (docs/decisions/0006).
 */
export const cel = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, limits: LIMITS });

/** A mistake inside an expression; offsets count from the start of its text. */
export interface Mistake {
  readonly start: number;
  readonly end: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type Parsed = { readonly ok: true; readonly ast: Node } | { readonly ok: false; readonly mistake: Mistake };

export function parseExpression(text: string): Parsed {
  if (text.trim() === '') return { ok: false, mistake: { start: 0, end: text.length, code: 'bad-expression', message: 'the expression is empty' } };
  if (text.length > LONGEST_EXPRESSION) {
    return { ok: false, mistake: { start: 0, end: 0, code: 'bad-expression', message: `an expression may be at most ${LONGEST_EXPRESSION} characters` } };
  }
  try {
    return { ok: true, ast: cel.parse(text).ast };
  } catch (error) {
    if (error instanceof ParseError) {
      const start = error.range?.start ?? 0;
      return { ok: false, mistake: { start, end: error.range?.end ?? start, code: 'bad-expression', message: `not a CEL expression: ${error.summary}` } };
    }
    return { ok: false, mistake: { start: 0, end: 0, code: 'bad-expression', message: `not a CEL expression: ${error instanceof Error ? error.message : String(error)}` } };
  }
}
