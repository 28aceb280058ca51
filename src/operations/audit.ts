/** The record of who did what: a projection of the journal, with refusals as entries of their own. */
import { isoTime } from '#kernel/clock.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import type { Journal, Recorded } from '#engine/ports.ts';
import type { AuditEntry, Problem } from './operations.ts';

const REFUSALS = 'audit:refusals';
/** Two processes may refuse at once; the loser reads the version and appends again, this often. */
const TRIES_MAX = 5;
/** Events looked at for one page; a page may be shorter than asked although there is more, then `next` says where to go on. */
const SCAN_MAX = 5_000;
const SCAN_BATCH = 500;

export interface Audit {
  /** Records that somebody was refused. Never fails: a refusal stands even when it cannot be stored, and the log has it. */
  refused(actor: string, action: string, subject: string, problem: Problem): void;
  page(query: { readonly after?: number; readonly limit?: number }): Promise<{ readonly items: readonly AuditEntry[]; readonly next: number | null }>;
  /** Resolves when all refusals so far are stored (or given up). */
  flush(): Promise<void>;
}

export function createAudit({ journal, log }: { journal: Journal; log: Log }): Audit {
  let version: number | undefined;
  let queue: Promise<void> = Promise.resolve();

  const store = async (actor: string, data: JsonObject): Promise<void> => {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      version ??= (await journal.read(REFUSALS)).at(-1)?.version ?? 0;
      const appended = await journal.append({ stream: REFUSALS, expectedVersion: version, events: [{ type: 'Refused', actor, data }] });
      version = appended.ok ? version + 1 : appended.actualVersion;
      if (appended.ok) return;
    }
  };

  return {
    refused(actor, action, subject, problem) {
      log.warn({ actor, action, subject, code: problem.code, rule: problem.rule }, 'refused');
      const data = { action, subject, code: problem.code, because: problem.message, ...(problem.rule === undefined ? {} : { rule: problem.rule }) };
      queue = queue.then(() => store(actor, data)).catch((error: unknown) => log.error({ error }, 'a refusal could not be stored'));
    },
    flush: () => queue,
    async page({ after = 0, limit = 50 }) {
      const items: AuditEntry[] = [];
      let position = after;
      for (let scanned = 0; scanned < SCAN_MAX && items.length < limit; ) {
        const batch = await journal.readAll(position, SCAN_BATCH);
        if (batch.length === 0) return { items, next: null };
        for (const event of batch) {
          if (items.length >= limit) break;
          position = event.position;
          scanned += 1;
          const entry = entryOf(event);
          if (entry !== undefined) items.push(entry);
        }
      }
      return { items, next: position };
    },
  };
}

/** What belongs into the record: everything that a person or an alert caused, and every effect on a target. */
const ACTIONS: Readonly<Record<string, string>> = {
  RunStarted: 'run.started',
  PlanRequested: 'plan.requested',
  ApprovalRequested: 'approval.requested',
  DecisionRecorded: 'approval.decided',
  ApprovalRedeemed: 'approval.redeemed',
  ApprovalWithdrawn: 'approval.withdrawn',
  ApprovalExpired: 'approval.expired',
  ApprovedAhead: 'approval.ahead.given',
  AheadRevoked: 'approval.ahead.revoked',
  AheadUsed: 'approval.ahead.used',
  EffectIntended: 'effect.intended',
  EffectSucceeded: 'effect.succeeded',
  EffectFailed: 'effect.failed',
  EffectUnknown: 'effect.unknown',
  EffectSettled: 'effect.settled',
  EffectReleased: 'effect.released',
  Verified: 'change.verified',
  CancelRequested: 'run.cancelled',
  RunEnded: 'run.ended',
  IncidentOpened: 'incident.opened',
  IncidentClosed: 'incident.closed',
  KillSwitchSwitched: 'kill-switch.switched',
  Refused: 'refused',
};

function entryOf(event: Recorded): AuditEntry | undefined {
  const action = Object.hasOwn(ACTIONS, event.type) ? ACTIONS[event.type] : undefined;
  if (action === undefined) return undefined;
  return { position: event.position, at: isoTime(event.at), actor: event.actor, action, subject: event.stream, detail: detailOf(event) };
}

/** A plan can be long; the record names it by its digest, and the run has it. */
function detailOf(event: Recorded): Json {
  const { plan, ...rest } = event.data;
  if (plan === null || typeof plan !== 'object' || Array.isArray(plan)) return event.data;
  const { digest, summary, items } = plan as JsonObject;
  return { ...rest, plan: { digest: digest ?? null, summary: summary ?? null, items: Array.isArray(items) ? items.length : 0 } };
}
