/** Views of a run: what the API, the console and Slack show. */
import { isoTime } from '#kernel/clock.ts';
import { formOf } from '#language/form.ts';
import type { OfferRule, Runbook } from '#language/runbook.ts';
import { effectsOf } from './decide-apply.ts';
import { statusOf } from './decide-end.ts';
import type { PlanRecord } from './events.ts';
import { scopeOf } from './scope.ts';
import type { ApprovalState, EffectState, OfferState, RunState } from './state.ts';
import type { ApprovalView, EffectView, InputFieldView, OfferView, PlanView, RunSummary, RunView, StepView } from './views.ts';

export function summaryOf(run: RunState, runbook: Runbook | undefined): RunSummary {
  return {
    id: run.id,
    incidentId: run.incidentId,
    runbook: run.runbook,
    title: runbook?.title ?? run.runbook,
    revision: run.revision,
    target: run.target,
    status: statusOf(run),
    because: run.ended?.because ?? null,
    trigger: run.trigger,
    dryRun: run.dryRun,
    startedAt: isoTime(run.startedAt),
    endedAt: run.ended === undefined ? null : isoTime(run.ended.at),
  };
}

export function runView(run: RunState, runbook: Runbook | undefined): RunView {
  return {
    ...summaryOf(run, runbook),
    alert: run.alert,
    inputs: run.inputs,
    steps: stepViews(run, runbook),
    findings: run.findings,
    unknowns: run.unknowns,
    offers: [...run.offers.values()].map((offer) => offerView(run, runbook, offer)),
    effects: effectViews(run),
  };
}

function stepViews(run: RunState, runbook: Runbook | undefined): StepView[] {
  const order = runbook?.steps.map((node) => node.id) ?? [...run.steps.keys()];
  return order.map((id) => {
    const step = run.steps.get(id);
    return {
      id,
      uses: runbook?.steps.find((node) => node.id === id)?.uses.name ?? '',
      status: step?.status ?? 'pending',
      attempt: step?.attempt ?? 0,
      startedAt: time(step?.startedAt),
      endedAt: time(step?.endedAt),
      output: step?.output ?? null,
      artifact: step?.artifact ?? null,
      failure: step?.failure ?? null,
      because: step?.because ?? null,
    };
  });
}

export function offerView(run: RunState, runbook: Runbook | undefined, offer: OfferState): OfferView {
  const rule = runbook?.offers.find((candidate) => candidate.id === offer.id);
  const approval = offer.approvalId === undefined ? undefined : run.approvals.get(offer.approvalId);
  const effects = approval === undefined ? [] : effectsOf(run, approval);
  const plan = approval?.plan ?? offer.plan;
  return {
    id: offer.id,
    title: offer.title,
    uses: rule?.uses.name ?? offer.undo?.uses ?? '',
    tier: approval?.tier ?? rule?.tier ?? 'R3',
    status: offer.status === 'applying' && approval !== undefined && isVerifying(approval) ? 'verifying' : offer.status,
    because: offer.because ?? null,
    approvalId: offer.approvalId ?? null,
    inputs: rule === undefined ? [] : inputViews(run, rule),
    plan: plan === undefined ? null : planView(plan),
    waves: approval?.waves.flatMap((wave) => (wave.checked === undefined ? [] : [wave.checked.count])) ?? [],
    progress: progressOf(effects, approval),
    verified: approval?.verified ?? null,
  };
}

function isVerifying(approval: ApprovalState): boolean {
  const taken = approval.waves.reduce((sum, wave) => sum + wave.items.length, 0);
  const checked = approval.waves.every((wave) => wave.checked !== undefined);
  return checked && (approval.halted !== undefined || taken >= approval.plan.items.length);
}

function progressOf(effects: readonly EffectState[], approval: ApprovalState | undefined): OfferView['progress'] {
  const count = (status: EffectState['status']): number => effects.filter((effect) => effect.status === status).length;
  return {
    total: approval?.plan.items.length ?? 0,
    applied: count('succeeded'),
    failed: count('failed'),
    skipped: approval?.skipped.size ?? 0,
    unknown: count('unknown'),
  };
}

/** The fields of an offer's form, with choices that come from evidence worked out. */
export function inputViews(run: RunState, rule: OfferRule): InputFieldView[] {
  return formOf(rule.inputs, scopeOf(run));
}

export function planView(plan: PlanRecord): PlanView {
  return {
    summary: plan.summary,
    changes: plan.items.map((item) => ({ item: item.key, title: item.title, current: item.current, next: item.next })),
    notes: plan.notes,
    digest: plan.digest,
  };
}

function effectViews(run: RunState): EffectView[] {
  const views: EffectView[] = [];
  for (const approval of run.approvals.values()) {
    for (const effect of effectsOf(run, approval)) views.push(effectView(effect, approval.offer));
    for (const [item, skipped] of approval.skipped) views.push(skippedView(approval, item, skipped));
  }
  return views;
}

function effectView(effect: EffectState, offerId: string): EffectView {
  return {
    key: effect.key,
    offerId,
    item: effect.item,
    wave: effect.wave,
    status: effect.status,
    intendedAt: isoTime(effect.intendedAt),
    endedAt: time(effect.endedAt),
    result: effect.result ?? null,
    failure: effect.failure ?? null,
    evidence: effect.evidence ?? null,
    settledBy: effect.settledBy ?? null,
  };
}

function skippedView(approval: ApprovalState, item: string, skipped: { readonly because: string; readonly wave: number; readonly at: number }): EffectView {
  return {
    key: `${approval.id}:${item}`,
    offerId: approval.offer,
    item,
    wave: skipped.wave,
    status: 'skipped',
    intendedAt: null,
    endedAt: isoTime(skipped.at),
    result: null,
    failure: null,
    evidence: skipped.because,
    settledBy: null,
  };
}

export function approvalView(run: RunState, approval: ApprovalState): ApprovalView {
  return {
    id: approval.id,
    runId: run.id,
    incidentId: run.incidentId,
    offerId: approval.offer,
    title: approval.title,
    target: run.target,
    tier: approval.tier,
    status: approval.status,
    because: approval.because ?? null,
    plan: planView(approval.plan),
    needs: approval.needs,
    requester: approval.requester,
    moved: approval.moved,
    decisions: approval.decisions.map(({ principal, decision, reason, via, at, ahead }) => ({ principal, decision, reason, via, at: isoTime(at), ...(ahead === undefined ? {} : { ahead }) })),
    confirm: approval.tier === 'R3' ? run.target : null,
    requestedAt: isoTime(approval.requestedAt),
    expiresAt: isoTime(approval.expiresAt),
  };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(ms);
}
