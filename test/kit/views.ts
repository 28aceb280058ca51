/** Canned views for tests of surfaces: one incident with one run that waits for one approval. Override what a test is about. */
import type { ApprovalView, EffectView, IncidentView, OfferView, PlanView, RunView, TimelineEntry } from '#engine/model/views.ts';
import type { AuditEntry, DrillApprovalView, DrillView, NoticeView, RunbookView, StepReference } from '#operations/operations.ts';

export const INCIDENT_ID = 'inc_00000000000000000000000001';
export const RUN_ID = 'run_00000000000000000000000001';
export const APPROVAL_ID = 'apr_00000000000000000000000001';
export const DIGEST = '5f3c'.repeat(16);
export const EFFECT_KEY = `${RUN_ID}:retry:job-7/α`;

export function planView(overrides: Partial<PlanView> = {}): PlanView {
  return {
    summary: 'Retry 2 entries that never reached a worker.',
    changes: [
      { item: 'job-1', title: 'job-1 on job.default', current: { status: 'DLQ' }, next: { status: 'PENDING' } },
      { item: 'job-2', title: 'job-2 on job.default', current: { status: 'DLQ' }, next: { status: 'PENDING' } },
    ],
    notes: ['3 entries were left out: a worker has run them.'],
    digest: DIGEST,
    ...overrides,
  };
}

export function offerView(overrides: Partial<OfferView> = {}): OfferView {
  return {
    id: 'retry',
    title: 'Retry the 2 safe entries',
    uses: 'cordum.dlq.retry',
    tier: 'R2',
    status: 'pending',
    because: null,
    approvalId: APPROVAL_ID,
    inputs: [],
    plan: planView(),
    waves: [],
    progress: { total: 2, applied: 0, failed: 0, skipped: 0, unknown: 0 },
    verified: null,
    ...overrides,
  };
}

export function effectView(overrides: Partial<EffectView> = {}): EffectView {
  return {
    key: EFFECT_KEY,
    offerId: 'retry',
    item: 'job-7',
    wave: 0,
    status: 'unknown',
    intendedAt: '2026-03-01T10:02:00.000Z',
    endedAt: null,
    result: null,
    failure: null,
    evidence: 'The trace dlq-retry-job-7 is empty, and the entry is gone.',
    settledBy: null,
    ...overrides,
  };
}

export function runView(overrides: Partial<RunView> = {}): RunView {
  return {
    id: RUN_ID,
    incidentId: INCIDENT_ID,
    runbook: 'dlq-overflow',
    title: 'DLQ overflow',
    revision: 'ab'.repeat(32),
    target: 'production',
    status: 'waiting',
    because: 'an approval is open',
    trigger: { kind: 'alert', requester: 'alertmanager' },
    dryRun: false,
    startedAt: '2026-03-01T10:00:00.000Z',
    endedAt: null,
    alert: {
      firing: true,
      resolved: false,
      labels: { alertname: 'CordumDLQDepthHigh', severity: 'warning' },
      annotations: { summary: 'The DLQ is deep.' },
      startsAt: '2026-03-01T09:59:00.000Z',
    },
    inputs: {},
    steps: [
      {
        id: 'entries',
        uses: 'cordum.dlq.list',
        status: 'succeeded',
        attempt: 1,
        startedAt: '2026-03-01T10:00:00.000Z',
        endedAt: '2026-03-01T10:00:01.000Z',
        output: { items: [], truncated: false },
        artifact: null,
        failure: null,
        because: null,
      },
    ],
    findings: [{ severity: 'warning', say: '2 entries never reached a worker.', recommends: 'retry' }],
    unknowns: [],
    offers: [offerView()],
    effects: [],
    ...overrides,
  };
}

export function approvalView(overrides: Partial<ApprovalView> = {}): ApprovalView {
  return {
    id: APPROVAL_ID,
    runId: RUN_ID,
    incidentId: INCIDENT_ID,
    offerId: 'retry',
    title: 'Retry the 2 safe entries',
    target: 'production',
    tier: 'R2',
    status: 'pending',
    because: null,
    plan: planView(),
    needs: { approvers: 1, roles: ['oncall'], excluded: ['alertmanager'] },
    requester: 'alertmanager',
    moved: [],
    decisions: [],
    confirm: null,
    requestedAt: '2026-03-01T10:00:02.000Z',
    expiresAt: '2026-03-01T10:15:02.000Z',
    ...overrides,
  };
}

export function incidentView(overrides: Partial<IncidentView> = {}): IncidentView {
  return {
    id: INCIDENT_ID,
    status: 'open',
    title: 'DLQ overflow',
    severity: 'warning',
    target: 'production',
    runbook: 'dlq-overflow',
    alerts: [
      {
        fingerprint: '0123456789abcdef',
        status: 'firing',
        labels: { alertname: 'CordumDLQDepthHigh', severity: 'warning' },
        annotations: { summary: 'The DLQ is deep.' },
        startsAt: '2026-03-01T09:59:00.000Z',
        endsAt: null,
        generatorURL: 'http://prometheus:9090/graph',
      },
    ],
    runs: [RUN_ID],
    notes: [],
    openedAt: '2026-03-01T10:00:00.000Z',
    closedAt: null,
    closedBy: null,
    closedBecause: null,
    ...overrides,
  };
}

export function timelineEntry(overrides: Partial<TimelineEntry> = {}): TimelineEntry {
  return { version: 1, at: '2026-03-01T10:00:00.000Z', actor: 'alertmanager', type: 'RunStarted', say: 'The run started.', data: { runbook: 'dlq-overflow' }, ...overrides };
}

export function drillApproval(overrides: Partial<DrillApprovalView> = {}): DrillApprovalView {
  return {
    id: 'ahd_01jdxk0000000000000000001a',
    drill: 'redis-quarterly',
    target: 'prod',
    status: 'waiting',
    by: 'alice',
    via: 'api',
    reason: 'agreed with the team',
    at: '2026-11-20T06:30:00.000Z',
    from: '2026-12-01T08:00:00.000Z',
    to: '2026-12-01T10:00:00.000Z',
    digest: 'd'.repeat(64),
    runId: null,
    revokedBy: null,
    revokedReason: null,
    ...overrides,
  };
}

export function drillView(overrides: Partial<DrillView> = {}): DrillView {
  return {
    name: 'redis-quarterly',
    target: 'prod',
    backups: '/backups',
    choice: 'latest',
    overdue: false,
    stores: [
      {
        store: 'redis',
        lastStatus: 'passed',
        lastAt: '2026-11-20T06:30:00.000Z',
        lastAgeSeconds: 3_600,
        backup: 'redis-20261120T060000Z',
        backupAgeSeconds: 1_800,
        rpoSeconds: 1_810,
        rtoSeconds: 2.5,
        failed: [],
        bundle: '/evidence/drill-20261120T063000Z-redis-0011223344556677.json',
        lastPassedAt: '2026-11-20T06:30:00.000Z',
        passedAgeSeconds: 3_600,
      },
    ],
    nextAt: null,
    approvals: [],
    ...overrides,
  };
}

export function runbookView(overrides: Partial<RunbookView> = {}): RunbookView {
  return {
    name: 'dlq-overflow',
    title: 'DLQ overflow',
    owner: 'platform-oncall',
    revision: 'ab'.repeat(32),
    triggers: ['alertname="CordumDLQDepthHigh"'],
    inputs: [],
    steps: [{ id: 'entries', uses: 'cordum.dlq.list' }],
    offers: [{ id: 'retry', uses: 'cordum.dlq.retry', tier: 'R2' }],
    problems: [],
    ...overrides,
  };
}

export function stepReference(overrides: Partial<StepReference> = {}): StepReference {
  return { name: 'cordum.dlq.list', summary: 'Lists the dead-lettered entries.', kind: 'read', tier: 'R0', input: { type: 'object' }, output: { type: 'object' }, ...overrides };
}

export function auditEntry(overrides: Partial<AuditEntry> = {}): AuditEntry {
  return { position: 1, at: '2026-03-01T10:00:00.000Z', actor: 'alertmanager', action: 'RunStarted', subject: RUN_ID, detail: {}, ...overrides };
}

export function noticeView(overrides: Partial<NoticeView> = {}): NoticeView {
  return {
    id: 'ntc_0123456789abcdef0123456789',
    kind: 'week',
    schedule: 'redis-each-quarter',
    drill: 'redis-quarterly',
    runbook: 'restore-drill',
    dueAt: '2026-01-06T09:00:00.000Z',
    at: '2025-12-30T09:00:00.000Z',
    because: null,
    live: true,
    drillView: drillView(),
    approvals: [],
    ...overrides,
  };
}
