/** Named drills, as the steps of runbooks see them. `app` puts the desk of each target together. */
import type { Result } from '#kernel/failure.ts';
import { defineSystem } from '#step-kit/index.ts';
import type { DrillLimits } from './context.ts';
import type { Approval } from './evidence/bundle.ts';
import type { Objectives } from './objectives.ts';
import type { DrillScope } from './scope.ts';

export const Drills = defineSystem<DrillDesk>('drill');

export interface NamedDrill {
  readonly name: string;
  /** Whose live systems it compares with; null: with none. */
  readonly target: string | null;
  readonly stores: readonly DrillScope[];
  readonly backups: string;
  readonly sandbox: 'local';
  readonly choice: { readonly kind: 'latest' } | { readonly kind: 'random'; readonly windowMs: number };
  readonly limits: DrillLimits & Objectives;
  readonly bundles: string;
}

/** What is known of a drill that has ended, from its evidence. */
export interface DrillResult {
  readonly id: string;
  readonly store: string;
  readonly status: 'passed' | 'failed';
  readonly endedAt: string;
  /** Null: there was none. */
  readonly backup: { readonly set: string; readonly ageSeconds: number } | null;
  /** Null: no restored record says when it was written. */
  readonly rpoSeconds: number | null;
  readonly rtoSeconds: number;
  /** The path of the bundle. */
  readonly bundle: string;
  /** The checks that failed, and how many were only warned of or skipped. */
  readonly failed: readonly { readonly name: string; readonly detail: string }[];
  readonly warnings: number;
  readonly skipped: number;
  readonly checks: number;
}

/** What the evidence says of one store of a drill. */
export interface DrillStanding {
  readonly store: DrillScope;
  readonly last: DrillResult | null;
  /** When a drill of it last ended with everything passed; null: never, as far back as is looked. */
  readonly lastPassedAt: string | null;
}

export interface DrillToRun {
  readonly drill: NamedDrill;
  readonly store: DrillScope;
  /** Hexadecimal digits that only this drill has; its id and the draw of a backup come of them. */
  readonly token: string;
  readonly requestedBy: string;
  readonly approvals: readonly Approval[];
}

export interface DrillDesk {
  /** Those that may be run on this target. */
  drills(): readonly NamedDrill[];
  standing(drill: NamedDrill): Promise<readonly DrillStanding[]>;
  /** A sentence on the backups of this store; it changes all the time, so it is for people only. */
  backupsSay(drill: NamedDrill, store: DrillScope): Promise<string>;
  /** Fails only where no evidence could be kept. */
  run(request: DrillToRun, signal: AbortSignal): Promise<Result<DrillResult>>;
  /** The evidence of the drill that ran with this token; undefined: there is none. */
  find(drill: NamedDrill, store: DrillScope, token: string): Promise<DrillResult | undefined>;
}
