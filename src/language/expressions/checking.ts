import type { Node } from './parse.ts';
import type { CelType } from './types.ts';

/** What is in scope at a place of an expression: the runbook's names and the variables of the macros around it. */
export type Variables = ReadonlyMap<string, CelType>;

/** What the rules for macros and operators need of the checker. */
export interface Checking {
  check(node: Node, variables: Variables): CelType;
  expectBool(node: Node, variables: Variables, what: string): void;
  /** Notes a mistake. What depends on it is `unknown`, so that one slip is one message. */
  mistake(node: Node, code: string, message: string, hint?: string, start?: number): CelType;
  /** Whether the name has a meaning in every expression; iteration variables may not hide those. */
  isTaken(name: string): boolean;
}
