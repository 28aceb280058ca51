/** Approvals that people gave ahead, for a named window: a stream for each thing that may be approved so, and what it adds up to. Pure. */
import { digestOf } from '#kernel/digest.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { Item } from '#step-kit/index.ts';
import type { Recorded } from '../ports.ts';

/** A window ends at most this long after its approval (DESIGN §2). */
export const AHEAD_MAX_MS = 14 * 24 * 3_600_000;

/** Who approved, as far as it is needed to ask the policy again. What a credential carries is looked up anew. */
export interface AheadPrincipal {
  readonly slackUser?: string;
  readonly email?: string;
}

export type AheadEvent =
  | {
      type: 'ApprovedAhead';
      data: {
        id: string;
        /** The step, and what it calls the thing that was approved. */
        uses: string;
        subject: string;
        target: string;
        /** Of the configuration that was approved: `aheadDigest`. */
        digest: string;
        from: string;
        to: string;
        reason: string | null;
        via: 'api' | 'slack' | 'console' | 'cli';
        principal: AheadPrincipal;
        /** The request that it came with: the same request again adds nothing. */
        key: string | null;
      };
    }
  | { type: 'AheadRevoked'; data: { id: string; reason: string | null } }
  /** It counted for this approval of this run, and never counts again. */
  | { type: 'AheadUsed'; data: { id: string; runId: string; approval: string } };

export type ApprovedAhead = Extract<AheadEvent, { type: 'ApprovedAhead' }>['data'];

export interface AheadState extends ApprovedAhead {
  readonly by: string;
  /** ms since the epoch. */
  readonly at: number;
  revoked: { readonly by: string; readonly at: number; readonly reason: string | null } | undefined;
  used: { readonly runId: string; readonly approval: string; readonly at: number } | undefined;
}

export interface AheadBook {
  /** Of the stream: whoever appends has seen this. */
  readonly version: number;
  /** When its newest event was written, ms; 0 for none. */
  readonly lastAt: number;
  /** Oldest first. */
  readonly all: readonly AheadState[];
}

export const AHEAD_STATUSES = ['waiting', 'open', 'used', 'revoked', 'expired'] as const;
export type AheadStatus = (typeof AHEAD_STATUSES)[number];

export function aheadStream(uses: string, subject: string): string {
  return `ahead:${uses}/${subject}`;
}

export function foldAhead(events: readonly Recorded[]): AheadBook {
  const all = new Map<string, AheadState>();
  for (const { type, data, actor, at } of events) {
    const id = String(data['id']);
    const known = all.get(id);
    if (type === 'ApprovedAhead' && known === undefined) all.set(id, { ...(data as unknown as ApprovedAhead), by: actor, at, revoked: undefined, used: undefined });
    if (known === undefined) continue;
    if (type === 'AheadRevoked') known.revoked ??= { by: actor, at, reason: textOf(data, 'reason') };
    if (type === 'AheadUsed') known.used ??= { runId: String(data['runId']), approval: String(data['approval']), at };
  }
  return { version: events.at(-1)?.version ?? 0, lastAt: Math.max(0, ...events.map(({ at }) => at)), all: [...all.values()] };
}

export function aheadStatus(one: AheadState, nowMs: number): AheadStatus {
  if (one.used !== undefined) return 'used';
  if (one.revoked !== undefined) return 'revoked';
  if (Date.parse(one.to) <= nowMs) return 'expired';
  return Date.parse(one.from) <= nowMs ? 'open' : 'waiting';
}

/** Binds what decides that a plan is the one that was approved ahead. The revision of a runbook does not: it shows, and changes nothing. */
export function aheadDigest({ uses, target, input, items }: { readonly uses: string; readonly target: string; readonly input: JsonObject; readonly items: readonly Item[] }): string {
  return digestOf({ uses, target, input, items: items as unknown as Json });
}

function textOf(data: JsonObject, name: string): string | null {
  const value = data[name];
  return typeof value === 'string' ? value : null;
}
