/** Starting, cancelling, planning again and settling. */
import { sha256 } from '#kernel/digest.ts';
import type { JsonObject } from '#kernel/json.ts';
import { mayPlanAgain } from '#engine/model/decide-end.ts';
import type { AlertFacts, RunTrigger } from '#engine/model/events.ts';
import type { RunState } from '#engine/model/state.ts';
import { inputViews, offerView, runView, summaryOf } from '#engine/model/view.ts';
import type { OfferView, RunSummary, RunView } from '#engine/model/views.ts';
import { fillIn, type FormField } from '#language/form.ts';
import type { Runbook } from '#language/runbook.ts';
import { mayCancel, maySettle, mayStart } from '#policy/access.ts';
import type { Principal } from '#policy/model.ts';
import type { Tier } from '#step-kit/index.ts';
import { permitted, refuse, type Refused } from './access.ts';
import type { Context } from './context.ts';
import type { Answer, StartRun } from './operations.ts';
import { reasonText } from './reason.ts';

/** A run that no alert started: nothing fires, so what waits for the alert to resolve need not wait. */
const NO_ALERT: AlertFacts = { firing: false, resolved: true, labels: {}, annotations: {}, startsAt: '' };

export async function startRun(ctx: Context, principal: Principal, request: StartRun): Promise<Answer<RunSummary>> {
  const no = await permitted(ctx, principal, 'run.start', request.runbook, (held) => mayStart(principal, held, ctx.policy()));
  if (no !== undefined) return no;
  const runbook = ctx.runbooks.get(request.runbook);
  if (runbook === undefined) return refuse('not-found', `there is no runbook ${request.runbook}; there are: ${ctx.runbooks.list().map((known) => known.name).join(', ') || 'none'}`);
  const target = targetOf(ctx, request.target);
  if (!target.ok) return target;
  const inputs = checkInputs(startForm(runbook), request.inputs ?? {});
  if (!inputs.ok) return inputs;
  const started = await ctx.engine.startRun({
    runbook,
    target: target.value,
    trigger: { kind: triggerKind(principal), requester: principal.id },
    incidentId: null,
    inputs: inputs.value,
    dryRun: request.dryRun ?? false,
    alert: NO_ALERT,
    ...(request.idempotencyKey === undefined ? {} : { idempotencyKey: `${principal.id}\n${request.idempotencyKey}` }),
  });
  if (!started.ok) return refuse('conflict', started.conflict);
  return summary(ctx, started.runId);
}

function checkInputs(fields: readonly FormField[], given: JsonObject): Answer<JsonObject> {
  const filled = fillIn(fields, given);
  return filled.ok ? { ok: true, value: filled.inputs } : refuse('invalid', filled.message, `inputs.${filled.field}`);
}

/** What a person may fill in to start it. */
export function startForm(runbook: Runbook): FormField[] {
  return runbook.inputs.map((field) => ({ ...field, default: field.default ?? null, options: plainOptions(field.options) }));
}

function plainOptions(options: Runbook['inputs'][number]['options']): readonly string[] | null {
  return options === undefined || 'evaluate' in options ? null : options;
}

function triggerKind(principal: Principal): RunTrigger['kind'] {
  return principal.via === 'slack' || principal.via === 'console' || principal.via === 'cli' || principal.via === 'schedule' ? principal.via : 'api';
}

function targetOf(ctx: Context, wanted: string | undefined): Answer<string> {
  const names = ctx.targets.map((target) => target.name);
  if (wanted !== undefined) return names.includes(wanted) ? { ok: true, value: wanted } : refuse('invalid', `there is no target ${wanted}; there are: ${names.join(', ') || 'none'}`, 'target');
  const last = ctx.targets.at(-1);
  if (last !== undefined && (ctx.targets.length === 1 || last.matchesAll)) return { ok: true, value: last.name };
  return refuse('invalid', `name the target, one of: ${names.join(', ') || 'none is configured'}`, 'target');
}

async function summary(ctx: Context, runId: string): Promise<Answer<RunSummary>> {
  const read = await ctx.engine.read(runId);
  return read === undefined ? refuse('not-found', `there is no run ${runId}`) : { ok: true, value: summaryOf(read.run, read.runbook) };
}

export async function cancelRun(ctx: Context, principal: Principal, runId: string, reason?: string): Promise<Answer<RunSummary>> {
  const no = await permitted(ctx, principal, 'run.cancel', runId, (held) => mayCancel(principal, held, ctx.policy()));
  if (no !== undefined) return no;
  const read = await ctx.engine.read(runId);
  if (read === undefined) return refuse('not-found', `there is no run ${runId}`);
  const result = await ctx.engine.change<Refused>(runId, principal.id, (run) => {
    if (run.cancel !== undefined) return { events: [] };
    if (run.ended !== undefined) return { refused: refuse('not-open', `the run has ${run.ended.status} already`) };
    return { events: [{ type: 'CancelRequested', data: { by: principal.id, reason: reasonText(reason) || null } }] };
  });
  return result.ok ? { ok: true, value: summaryOf(result.run, read.runbook) } : result.refused;
}

export async function planOffer(ctx: Context, principal: Principal, runId: string, offerId: string, given: JsonObject): Promise<Answer<OfferView>> {
  const no = await permitted(ctx, principal, 'offer.plan', `${runId}/${offerId}`, (held) => mayStart(principal, held, ctx.policy()));
  if (no !== undefined) return no;
  const read = await ctx.engine.read(runId);
  if (read?.run.offers.has(offerId) !== true) return refuse('not-found', `run ${runId} has no offer ${offerId}`);
  const { runbook } = read;
  const result = await ctx.engine.change<Refused>(runId, principal.id, (run) => {
    const offer = run.offers.get(offerId);
    if (offer === undefined) return { refused: refuse('not-found', `run ${runId} has no offer ${offerId}`) };
    if (run.ended !== undefined) return { refused: refuse('not-open', `the run has ${run.ended.status}: start a new one`) };
    if (!mayPlanAgain(offer.status)) return { refused: refuse('conflict', `the offer is ${offer.status}; only one that is open, expired, withdrawn, stopped or failed can be planned`) };
    const rule = runbook?.offers.find((candidate) => candidate.id === offerId);
    const inputs = checkInputs(rule === undefined ? [] : inputViews(run, rule), Object.keys(given).length === 0 ? offer.inputs : given);
    if (!inputs.ok) return { refused: inputs };
    return { events: [{ type: 'PlanRequested', data: { offer: offerId, inputs: inputs.value, requester: principal.id } }] };
  });
  if (!result.ok) return result.refused;
  const offer = result.run.offers.get(offerId);
  return offer === undefined ? refuse('not-found', `run ${runId} has no offer ${offerId}`) : { ok: true, value: offerView(result.run, runbook, offer) };
}

export async function settleEffect(ctx: Context, principal: Principal, runId: string, key: string, outcome: 'applied' | 'notApplied', reason: string): Promise<Answer<RunView>> {
  const read = await ctx.engine.read(runId);
  const effect = read?.run.effects.get(key);
  if (read === undefined || effect === undefined) return refuse('not-found', `run ${runId} has no effect ${key}`);
  const tier = tierOf(read.run, effect.approval);
  const no = await permitted(ctx, principal, 'effect.settle', `${runId}/${key}`, (held) => maySettle(principal, held, ctx.policy(), tier));
  if (no !== undefined) return no;
  if (reason.trim() === '') return refuse('invalid', 'say how you know', 'reason');
  const result = await ctx.engine.change<Refused>(runId, principal.id, (run) => {
    const now = run.effects.get(key);
    if (now?.settledBy === principal.id && (now.status === 'succeeded') === (outcome === 'applied')) return { events: [] };
    if (now?.status !== 'unknown') return { refused: refuse('conflict', `the effect is ${now?.status ?? 'gone'}; only an unknown one is settled by a person`) };
    return { events: [{ type: 'EffectSettled', data: { key, outcome, by: principal.id, reason: reasonText(reason) } }] };
  });
  return result.ok ? { ok: true, value: runView(result.run, read.runbook) } : result.refused;
}

function tierOf(run: RunState, approvalId: string): Tier {
  return run.approvals.get(approvalId)?.tier ?? 'R3';
}

/** The id under which the run of an incident is started: one incident, one run. */
export function incidentRunKey(incidentId: string): string {
  return `incident\n${sha256(incidentId)}`;
}
