/** Puts the operations together. */
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import { approvalView, runView } from '#engine/model/view.ts';
import { timelineEntry } from '#engine/model/timeline.ts';
import type { ApprovalView, IncidentView, RunSummary } from '#engine/model/views.ts';
import type { IndexEntry, IndexQuery } from '#engine/ports.ts';
import { mayClose, mayKill, mayRearm } from '#policy/access.ts';
import type { Principal } from '#policy/model.ts';
import { isWrite, type AnyStep } from '#step-kit/index.ts';
import { heldRoles, permitted, refuse } from './access.ts';
import { approveDrill, drillApprovals, revokeDrillApproval } from './ahead.ts';
import { createChanges } from './changes.ts';
import type { Context } from './context.ts';
import { decideApproval } from './decide.ts';
import { drillViews, noticeViews } from './drills.ts';
import { PAGE_MAX, type Answer, type Operations, type Page, type PageQuery, type RunbookView, type StepReference } from './operations.ts';
import { reasonText } from './reason.ts';
import { cancelRun, planOffer, settleEffect, startForm, startRun } from './runs.ts';

const PAGE_DEFAULT = 50;
/** Index rows looked at for one page of runs of one status. */
const SCAN_MAX = 5_000;

export function createOperations(ctx: Context): Operations {
  const { engine, journal, incidents } = ctx;
  return {
    receiveAlerts: (notification) => incidents.receive(notification),
    startRun: (principal, request) => startRun(ctx, principal, request),
    cancelRun: (principal, runId, reason) => cancelRun(ctx, principal, runId, reason),
    planOffer: (principal, runId, offerId, inputs) => planOffer(ctx, principal, runId, offerId, inputs),
    decide: (principal, approvalId, decision) => decideApproval(ctx, principal, approvalId, decision),
    settleEffect: (principal, runId, key, outcome, reason) => settleEffect(ctx, principal, runId, key, outcome, reason),
    closeIncident: (principal, id, reason) => closeIncident(ctx, principal, id, reason),
    setKillSwitch: async (principal, on, reason) => {
      const no = await permitted(ctx, principal, on ? 'kill-switch.on' : 'kill-switch.off', 'kill-switch', (held) => (on ? mayKill : mayRearm)(principal, held, ctx.policy()));
      if (no !== undefined) return no;
      if (reason.trim() === '') return refuse('invalid', 'say why', 'reason');
      return { ok: true, value: await ctx.killSwitch.set(principal.id, on, reasonText(reason)) };
    },
    incidents: (query) => incidents.list(query),
    incident: (id) => incidents.view(id),
    runs: (query) => runPage(ctx, query),
    run: async (id) => {
      const read = await engine.read(id);
      return read === undefined ? undefined : runView(read.run, read.runbook);
    },
    runEvents: async (id, afterVersion = 0) => {
      const events = await journal.read(`run:${id}`, afterVersion + 1);
      if (events.length === 0 && (await journal.find('run', id)) === undefined) return undefined;
      return events.map(timelineEntry);
    },
    approvals: (query) => approvalPage(ctx, query),
    approval: async (id) => {
      const entry = await journal.find('approval', id);
      return entry === undefined ? undefined : approvalOf(ctx, entry);
    },
    artifact: (id) => ctx.artifacts.read(id),
    runbooks: () => runbookViews(ctx),
    steps: () => [...ctx.steps.values()].map(stepReference),
    approveDrill: (principal, drill, request) => approveDrill(ctx, principal, drill, request),
    revokeDrillApproval: (principal, drill, id, reason) => revokeDrillApproval(ctx, principal, drill, id, reason),
    drillApprovals: (drill) => drillApprovals(ctx, drill),
    drills: () => drillViews(ctx),
    notices: () => noticeViews(ctx),
    schedules: () => ctx.schedules(),
    audit: (query) => ctx.audit.page(query),
    killSwitch: () => ctx.killSwitch.state(),
    rolesOf: async (principal) => (await heldRoles(ctx, principal)).roles,
    ready: async () => {
      const journalState = await journal.probe();
      if (!journalState.writable) return { ready: false, because: journalState.because ?? 'the journal cannot be written' };
      return ctx.runbooks.list().length > 0 ? { ready: true } : { ready: false, because: 'no runbook is loaded' };
    },
    onChange: createChanges(ctx),
  };
}

async function closeIncident(ctx: Context, principal: Principal, id: string, reason: string): Promise<Answer<IncidentView>> {
  const no = await permitted(ctx, principal, 'incident.close', id, (held) => mayClose(principal, held, ctx.policy()));
  if (no !== undefined) return no;
  if (reason.trim() === '') return refuse('invalid', 'say why it is over', 'reason');
  const closed = await ctx.incidents.close(principal.id, id, reasonText(reason));
  // Nobody waits for its runs any longer: what they still ask is withdrawn, an effect under way gets its outcome.
  if (closed.ok) for (const runId of closed.value.runs) await cancelRun(ctx, principal, runId, `incident ${id} was closed: ${reason}`);
  return closed;
}

async function runPage(ctx: Context, query: PageQuery & { readonly status?: string; readonly incidentId?: string }): Promise<Page<RunSummary>> {
  const limit = limitOf(query);
  const key = query.incidentId === undefined ? {} : { key: query.incidentId };
  const items: RunSummary[] = [];
  let before = query.cursor;
  for (let scanned = 0; scanned < SCAN_MAX; ) {
    const rows = await ctx.journal.query({ kind: 'run', ...key, ...(before === undefined ? {} : { before }), limit: PAGE_MAX });
    for (const row of rows) {
      if (items.length === limit) return { items, nextCursor: before ?? null };
      before = row.id;
      scanned += 1;
      const summary = row.summary as unknown as RunSummary;
      if (query.status === undefined || summary.status === query.status) items.push(summary);
    }
    if (rows.length < PAGE_MAX) return { items, nextCursor: null };
  }
  return { items, nextCursor: before ?? null };
}

async function approvalPage(ctx: Context, query: PageQuery & { readonly status?: string }): Promise<Page<ApprovalView>> {
  const limit = limitOf(query);
  const filter: IndexQuery = { kind: 'approval', limit: limit + 1, ...(query.status === undefined ? {} : { key: query.status }), ...(query.cursor === undefined ? {} : { before: query.cursor }) };
  const rows = await ctx.journal.query(filter);
  const shown = rows.slice(0, limit);
  const views = await Promise.all(shown.map((row) => approvalOf(ctx, row)));
  return { items: views.filter((view) => view !== undefined), nextCursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
}

async function approvalOf(ctx: Context, entry: IndexEntry): Promise<ApprovalView | undefined> {
  const read = await ctx.engine.read(String(entry.summary['runId']));
  const approval = read?.run.approvals.get(entry.id);
  return read === undefined || approval === undefined ? undefined : approvalView(read.run, approval);
}

function limitOf(query: PageQuery): number {
  return Math.min(PAGE_MAX, Math.max(1, query.limit ?? PAGE_DEFAULT));
}

function runbookViews(ctx: Context): RunbookView[] {
  const problems = ctx.runbookProblems();
  const loaded = ctx.runbooks.list().map((runbook): RunbookView => ({
    name: runbook.name,
    title: runbook.title,
    owner: runbook.owner,
    revision: runbook.revision,
    triggers: runbook.triggers.map((trigger) => trigger.matchers.map((m) => `${m.label}${m.op}${JSON.stringify(m.value)}`).join(', ')),
    inputs: startForm(runbook),
    steps: runbook.steps.map((node) => ({ id: node.id, uses: node.uses.name })),
    offers: runbook.offers.map((offer) => ({ id: offer.id, uses: offer.uses.name, tier: offer.tier })),
    problems: problems.get(runbook.name) ?? [],
  }));
  const names = new Set(loaded.map(({ name }) => name));
  // A file that was never good is no runbook, and says so where its author looks for it.
  const broken = [...problems].filter(([name]) => !names.has(name));
  return [...loaded, ...broken.map(([name, mistakes]): RunbookView => ({ name, title: `${name} (cannot be loaded)`, owner: '', revision: '', triggers: [], inputs: [], steps: [], offers: [], problems: mistakes }))];
}

function stepReference(step: AnyStep): StepReference {
  return {
    name: step.name,
    summary: step.summary,
    kind: step.kind,
    tier: isWrite(step) ? step.tier : 'R0',
    input: z.toJSONSchema(step.input, { io: 'input', unrepresentable: 'any' }) as JsonObject,
    output: z.toJSONSchema(step.output, { unrepresentable: 'any' }) as JsonObject,
  };
}
