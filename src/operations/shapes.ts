/**
 * The views as zod schemas: the API documents its answers by them, and the CLI reads them by them. Each is held to its
 * interface by the compiler. A reader ignores fields that it does not know, so a newer bot does not break an older CLI.
 */
import { z } from 'zod';
import type { ApprovalView, EffectView, IncidentView, OfferView, PlanView, RunSummary, RunView, StepView, TimelineEntry } from '#engine/model/views.ts';
import { APPROVAL_STATUSES, EFFECT_STATUSES, OFFER_STATUSES, RUN_STATUSES, STEP_STATUSES } from '#engine/model/views.ts';
import { AHEAD_STATUSES } from '#engine/model/ahead.ts';
import { TRIGGER_KINDS } from '#engine/model/events.ts';
import { TIERS } from '#step-kit/index.ts';
import { FAILURE_REASONS } from '#kernel/failure.ts';
import type { Failure } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { AuditEntry, DrillApprovalView, DrillView, KillSwitchView, RunbookView, ScheduleView, StepReference } from './operations.ts';

const JsonValue: z.ZodType<Json> = z.unknown().transform((value) => value as Json).meta({ id: 'Json', description: 'Any JSON value.' });
const JsonRecord: z.ZodType<JsonObject> = z.record(z.string(), JsonValue);
const Time = z.string().meta({ description: 'ISO 8601, UTC.' });
const Labels = z.record(z.string(), z.string());
const TierName = z.enum(TIERS);

const FailureShape: z.ZodType<Failure> = z
  .object({ reason: z.enum(FAILURE_REASONS), message: z.string(), landed: z.enum(['no', 'maybe']).exactOptional() })
  .meta({ id: 'Failure' });

const PlanShape: z.ZodType<PlanView> = z
  .object({
    summary: z.string(),
    changes: z.array(z.object({ item: z.string(), title: z.string(), current: JsonValue, next: JsonValue })),
    notes: z.array(z.string()),
    digest: z.string().meta({ description: 'What an approver approves.' }),
  })
  .meta({ id: 'Plan' });

const StepShape: z.ZodType<StepView> = z
  .object({
    id: z.string(),
    uses: z.string(),
    status: z.enum(STEP_STATUSES),
    attempt: z.number(),
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
    output: JsonValue,
    artifact: z
      .object({ id: z.string().nullable(), bytes: z.number(), note: z.string() })
      .nullable()
      .meta({ description: 'Set when `output` was cut: what was left out, and the id of the whole answer (`GET /artifacts/{id}`) while it is kept.' }),
    failure: FailureShape.nullable(),
    because: z.string().nullable(),
  })
  .meta({ id: 'Step' });

const InputField = z.object({
  name: z.string(),
  type: z.enum(['string', 'int', 'double', 'bool', 'list']),
  title: z.string(),
  required: z.boolean(),
  default: JsonValue,
  options: z.array(z.string()).nullable(),
});

const Wave = z.object({ index: z.number(), size: z.number(), done: z.number(), returned: z.number(), failed: z.number(), unknown: z.number() });

export const OfferShape: z.ZodType<OfferView> = z
  .object({
    id: z.string(),
    title: z.string(),
    uses: z.string(),
    tier: TierName,
    status: z.enum(OFFER_STATUSES),
    because: z.string().nullable(),
    approvalId: z.string().nullable(),
    inputs: z.array(InputField),
    plan: PlanShape.nullable(),
    waves: z.array(Wave),
    progress: z.object({ total: z.number(), applied: z.number(), failed: z.number(), skipped: z.number(), unknown: z.number() }),
    verified: z.object({ outcome: z.enum(['passed', 'failed', 'unknown']), say: z.string() }).nullable(),
  })
  .meta({ id: 'Offer' });

const EffectShape: z.ZodType<EffectView> = z
  .object({
    key: z.string(),
    offerId: z.string(),
    item: z.string(),
    wave: z.number(),
    status: z.enum(EFFECT_STATUSES),
    intendedAt: Time.nullable(),
    endedAt: Time.nullable(),
    result: JsonValue,
    failure: FailureShape.nullable(),
    evidence: z.string().nullable(),
    settledBy: z.string().nullable(),
  })
  .meta({ id: 'Effect' });

const runSummary = {
  id: z.string(),
  incidentId: z.string().nullable(),
  runbook: z.string(),
  title: z.string(),
  revision: z.string(),
  target: z.string(),
  status: z.enum(RUN_STATUSES),
  because: z.string().nullable(),
  trigger: z.object({ kind: z.enum(TRIGGER_KINDS), requester: z.string() }),
  dryRun: z.boolean(),
  startedAt: Time,
  endedAt: Time.nullable(),
};
export const RunSummaryShape: z.ZodType<RunSummary> = z.object(runSummary).meta({ id: 'RunSummary' });

export const RunShape: z.ZodType<RunView> = z
  .object({
    ...runSummary,
    alert: z.object({ firing: z.boolean(), resolved: z.boolean(), labels: Labels, annotations: Labels, startsAt: z.string() }),
    inputs: JsonRecord,
    steps: z.array(StepShape),
    findings: z.array(z.object({ severity: z.enum(['info', 'warning', 'critical']), say: z.string(), recommends: z.string().exactOptional() })),
    unknowns: z.array(z.string()),
    offers: z.array(OfferShape),
    effects: z.array(EffectShape),
  })
  .meta({ id: 'Run' });

const AheadShape = z.object({ id: z.string(), at: Time, from: Time, to: Time }).meta({ description: 'It was given before there was a plan, for this window.' });

export const ApprovalShape: z.ZodType<ApprovalView> = z
  .object({
    id: z.string(),
    runId: z.string(),
    incidentId: z.string().nullable(),
    offerId: z.string(),
    title: z.string(),
    target: z.string(),
    tier: TierName,
    status: z.enum(APPROVAL_STATUSES),
    because: z.string().nullable(),
    plan: PlanShape,
    needs: z.object({ approvers: z.number(), roles: z.array(z.string()), excluded: z.array(z.string()) }),
    requester: z.string(),
    moved: z.array(z.string()),
    decisions: z.array(z.object({ principal: z.string(), decision: z.enum(['approve', 'deny']), reason: z.string().nullable(), via: z.string(), at: Time, ahead: AheadShape.exactOptional() })),
    confirm: z.string().nullable(),
    requestedAt: Time,
    expiresAt: Time,
  })
  .meta({ id: 'Approval' });

export const IncidentShape: z.ZodType<IncidentView> = z
  .object({
    id: z.string(),
    status: z.enum(['open', 'closed']),
    title: z.string(),
    severity: z.string(),
    target: z.string(),
    runbook: z.string().nullable(),
    alerts: z.array(
      z.object({
        fingerprint: z.string(),
        status: z.enum(['firing', 'resolved']),
        labels: Labels,
        annotations: Labels,
        startsAt: Time,
        endsAt: Time.nullable(),
        generatorURL: z.string(),
      }),
    ),
    runs: z.array(z.string()),
    notes: z.array(z.string()),
    openedAt: Time,
    closedAt: Time.nullable(),
    closedBy: z.string().nullable(),
    closedBecause: z.string().nullable(),
  })
  .meta({ id: 'Incident' });

export const TimelineEntryShape: z.ZodType<TimelineEntry> = z
  .object({ version: z.number(), at: Time, actor: z.string(), type: z.string(), say: z.string(), data: JsonRecord })
  .meta({ id: 'TimelineEntry' });

export const KillSwitchShape: z.ZodType<KillSwitchView> = z
  .object({ on: z.boolean(), by: z.string().nullable(), reason: z.string().nullable(), at: Time.nullable() })
  .meta({ id: 'KillSwitch' });

export const RunbookShape: z.ZodType<RunbookView> = z
  .object({
    name: z.string(),
    title: z.string(),
    owner: z.string(),
    revision: z.string(),
    triggers: z.array(z.string()),
    inputs: z.array(InputField),
    steps: z.array(z.object({ id: z.string(), uses: z.string() })),
    offers: z.array(z.object({ id: z.string(), uses: z.string(), tier: z.string() })),
    problems: z.array(z.string()),
  })
  .meta({ id: 'Runbook' });

export const StepReferenceShape: z.ZodType<StepReference> = z
  .object({ name: z.string(), summary: z.string(), kind: z.enum(['read', 'write']), tier: z.string(), input: JsonRecord, output: JsonRecord })
  .meta({ id: 'StepReference' });

export const DrillApprovalShape: z.ZodType<DrillApprovalView> = z
  .object({
    id: z.string(),
    drill: z.string(),
    target: z.string(),
    status: z.enum(AHEAD_STATUSES).meta({ description: '`waiting`: the window has not begun. `open`: a run that plans now uses it. The rest is over.' }),
    by: z.string(),
    via: z.string(),
    reason: z.string().nullable(),
    at: Time,
    from: Time,
    to: Time,
    digest: z.string().meta({ description: 'Of the configuration that was approved.' }),
    runId: z.string().nullable(),
    revokedBy: z.string().nullable(),
    revokedReason: z.string().nullable(),
  })
  .meta({ id: 'DrillApproval' });

export const DrillShape: z.ZodType<DrillView> = z
  .object({
    name: z.string(),
    target: z.string().nullable(),
    backups: z.string(),
    choice: z.enum(['latest', 'random']),
    overdue: z.boolean(),
    stores: z.array(
      z.object({
        store: z.string(),
        lastStatus: z.enum(['passed', 'failed', 'never']),
        lastAt: Time.nullable(),
        lastAgeSeconds: z.number().nullable(),
        backup: z.string().nullable(),
        backupAgeSeconds: z.number().nullable(),
        rpoSeconds: z.number().nullable(),
        rtoSeconds: z.number().nullable(),
        failed: z.array(z.object({ name: z.string(), detail: z.string() })),
        bundle: z.string().nullable(),
        lastPassedAt: Time.nullable(),
        passedAgeSeconds: z.number().nullable(),
      }),
    ),
    nextAt: Time.nullable(),
    approvals: z.array(DrillApprovalShape),
  })
  .meta({ id: 'Drill' });

export const ScheduleShape: z.ZodType<ScheduleView> = z
  .object({
    name: z.string(),
    runbook: z.string(),
    drill: z.string().nullable(),
    target: z.string().nullable(),
    cron: z.string(),
    timeZone: z.string(),
    nextAt: Time.nullable(),
    lastSlot: Time.nullable(),
    lastRunId: z.string().nullable(),
    lastMissedBecause: z.string().nullable(),
  })
  .meta({ id: 'Schedule' });

export const AuditEntryShape: z.ZodType<AuditEntry> = z
  .object({ position: z.number(), at: Time, actor: z.string(), action: z.string(), subject: z.string(), detail: JsonValue })
  .meta({ id: 'AuditEntry' });

/** A list as the API answers it. */
export function listOf<Item>(item: z.ZodType<Item>): z.ZodType<{ items: Item[]; nextCursor: string | null }> {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** An error as the API answers it (RFC 9457). */
export const ProblemShape = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string().meta({ description: 'Stable; scripts compare it.' }),
    detail: z.string(),
    field: z.string().optional(),
    rule: z.string().optional(),
    requestId: z.string(),
  })
  .meta({ id: 'Problem' });
