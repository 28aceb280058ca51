/**
 * State is a fold over the events, and this is the whole of it. The fold owns its state and changes it in place: a run of
 * 10,000 effects would otherwise copy 10,000 entries 30,000 times. Nobody else may write to it, and equal events always
 * give equal states.
 */
import type { Recorded } from '../ports.ts';
import type { EventOf, RunEventType } from './events.ts';
import { approvalOf, newOffer, newStep, type ApprovalState, type EffectState, type OfferState, type RunState, type StepState } from './state.ts';

/** Folds recorded events into a run; `into` continues an earlier fold. Undefined when there are no events. */
export function foldRun(events: readonly Recorded[], into?: RunState): RunState | undefined {
  let state = into;
  for (const recorded of events) state = evolve(state, recorded);
  return state;
}

export function evolve(state: RunState | undefined, recorded: Recorded): RunState {
  const next = recorded.type === 'RunStarted' ? started(recorded) : apply(state, recorded);
  next.version = recorded.version;
  next.updatedAt = recorded.at;
  return next;
}

function apply(state: RunState | undefined, recorded: Recorded): RunState {
  if (state === undefined) throw new Error(`stream ${recorded.stream} does not begin with RunStarted`);
  // Events of a newer release that this one does not know change nothing that it can act on.
  const change = CHANGES[recorded.type as keyof Changes] as ((s: RunState, data: unknown, at: number) => void) | undefined;
  change?.(state, recorded.data, recorded.at);
  return state;
}

function started(recorded: Recorded): RunState {
  const data = recorded.data as unknown as EventOf<'RunStarted'>;
  return {
    id: data.runId,
    runbook: data.runbook,
    revision: data.revision,
    target: data.target,
    trigger: data.trigger,
    incidentId: data.incidentId,
    inputs: data.inputs,
    dryRun: data.dryRun,
    startedAt: recorded.at,
    version: recorded.version,
    updatedAt: recorded.at,
    alert: data.alert,
    steps: new Map(),
    findings: [],
    unknowns: [],
    diagnosed: false,
    offers: new Map(),
    approvals: new Map(),
    effects: new Map(),
    cancel: undefined,
    ended: undefined,
  };
}

type Changes = { readonly [Type in Exclude<RunEventType, 'RunStarted'>]: (state: RunState, data: EventOf<Type>, at: number) => void };

const CHANGES: Changes = {
  AlertChanged: (s, d) => {
    s.alert = d.alert;
  },
  StepStarted: (s, d, at) => {
    const step = stepOf(s, d.step);
    step.status = 'running';
    step.attempt = d.attempt;
    step.startedAt ??= at;
    step.iterations = d.iterations ?? step.iterations;
    step.retryAt = undefined;
  },
  StepSucceeded: (s, d, at) => {
    const step = stepOf(s, d.step);
    step.status = 'succeeded';
    step.output = d.output;
    step.artifact = d.artifact;
    step.failure = undefined;
    step.endedAt = at;
  },
  StepFailed: (s, d, at) => {
    const step = stepOf(s, d.step);
    step.failure = d.failure;
    step.retryAt = d.retryAt;
    step.status = d.retryAt === undefined ? 'failed' : 'retrying';
    if (d.retryAt === undefined) step.endedAt = at;
  },
  StepSkipped: (s, d, at) => {
    const step = stepOf(s, d.step);
    step.status = 'skipped';
    step.because = d.because;
    step.endedAt = at;
  },
  Diagnosed: (s, d) => {
    s.diagnosed = true;
    s.findings = d.findings;
    s.unknowns = d.unknowns;
  },
  OfferSkipped: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.status = 'skipped';
    offer.because = d.because;
  },
  OfferOpened: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.title = d.title;
    offer.status = d.needsInputs ? 'form' : 'planning';
    offer.because = undefined;
  },
  PlanRequested: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.inputs = d.inputs;
    offer.status = 'planning';
    offer.because = undefined;
  },
  PlanFailed: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.status = 'planFailed';
    offer.because = d.failure.message;
  },
  NothingToDo: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.status = 'nothing';
    offer.because = d.because;
  },
  PlanComputed: (s, d) => {
    const offer = offerOf(s, d.offer);
    offer.status = 'planned';
    offer.plan = d.plan;
  },
  ApprovalRequested: (s, d, at) => {
    s.approvals.set(d.approval, {
      id: d.approval,
      offer: d.offer,
      title: d.title,
      tier: d.tier,
      plan: d.plan,
      needs: d.needs,
      requester: d.requester,
      requestedAt: at,
      expiresAt: d.expiresAt,
      moved: d.moved ?? [],
      status: 'pending',
      because: undefined,
      decisions: [],
      lookedAhead: false,
      approvedBy: undefined,
      waves: [],
      skipped: new Map(),
      lost: new Map(),
      halted: undefined,
      verified: undefined,
    });
    const offer = offerOf(s, d.offer);
    offer.approvalId = d.approval;
    offer.title = d.title;
    offer.status = 'pending';
    offer.because = undefined;
  },
  DecisionRecorded: (s, d, at) => {
    approvalOf(s, d.approval).decisions.push({ principal: d.principal, decision: d.decision, digest: d.digest, reason: d.reason, via: d.via, at, ahead: d.ahead });
  },
  // Recorded only while it is pending: nothing else has a reason to say then.
  AheadLooked: (s, d) => void Object.assign(approvalOf(s, d.approval), { lookedAhead: true, because: d.because ?? undefined } satisfies Partial<ApprovalState>),
  ApprovalApproved: (s, d) => approvalBecomes(s, d.approval, 'approved', 'approved'),
  ApprovalDenied: (s, d) => approvalBecomes(s, d.approval, 'denied', 'denied', `denied by ${d.by}${d.reason === null ? '' : `: ${d.reason}`}`),
  ApprovalExpired: (s, d) => {
    const approved = approvalOf(s, d.approval).status === 'approved';
    approvalBecomes(s, d.approval, 'expired', 'expired', approved ? 'it was approved, but could not begin in time' : 'nobody decided in time');
  },
  ApprovalWithdrawn: (s, d) => approvalBecomes(s, d.approval, 'withdrawn', 'withdrawn', d.because),
  ApprovalRedeemed: (s, d) => {
    const approval = approvalBecomes(s, d.approval, 'redeemed', 'applying');
    approval.approvedBy = d.approvedBy.at(-1);
  },
  WaveStarted: (s, d, at) => {
    approvalOf(s, d.approval).waves.push({ index: d.index, items: d.items, startedAt: at, checked: undefined });
  },
  EffectIntended: (s, d, at) => {
    s.effects.set(d.key, {
      key: d.key,
      approval: d.approval,
      item: d.item,
      wave: d.wave,
      intendedAt: at,
      status: 'intended',
      endedAt: undefined,
      result: undefined,
      failure: undefined,
      evidence: undefined,
      settledBy: undefined,
      released: undefined,
    });
  },
  EffectSucceeded: (s, d, at) => {
    const effect = effectOf(s, d.key);
    effect.status = 'succeeded';
    effect.result = d.result;
    effect.endedAt = at;
    if (d.learnt === 'probe') effect.evidence = 'the answer was lost; a probe found that the call had landed';
  },
  EffectFailed: (s, d, at) => {
    const effect = effectOf(s, d.key);
    if (d.again === true) {
      const { lost } = approvalOf(s, effect.approval);
      lost.set(effect.item, (lost.get(effect.item) ?? 0) + 1);
      s.effects.delete(d.key);
      return;
    }
    effect.status = 'failed';
    effect.failure = d.failure;
    effect.endedAt = at;
    if (d.learnt === 'probe') effect.evidence = 'the answer was lost; a probe found that the call had not landed';
  },
  EffectSkipped: (s, d, at) => {
    approvalOf(s, d.approval).skipped.set(d.item, { because: d.because, wave: d.wave, at });
  },
  EffectUnknown: (s, d) => {
    const effect = effectOf(s, d.key);
    effect.status = 'unknown';
    effect.evidence = d.evidence;
  },
  EffectSettled: (s, d, at) => {
    const effect = effectOf(s, d.key);
    effect.status = d.outcome === 'applied' ? 'succeeded' : 'failed';
    effect.settledBy = d.by;
    effect.endedAt = at;
    if (d.outcome === 'applied') effect.result = {};
    else effect.failure = { reason: 'unexpected', message: `${d.by} settled it as not applied: ${d.reason}` };
  },
  WaveChecked: (s, d, at) => {
    const wave = approvalOf(s, d.approval).waves.find((w) => w.index === d.wave.index);
    if (wave !== undefined) wave.checked = { count: d.wave, ends: d.ends, halted: d.halted, at };
  },
  ApplyHalted: (s, d) => {
    const approval = approvalOf(s, d.approval);
    approval.halted = d.because;
    const offer = offerOf(s, approval.offer);
    offer.because = d.because;
  },
  Verified: (s, d) => {
    const approval = approvalOf(s, d.approval);
    approval.verified = { outcome: d.outcome, say: d.say };
    const offer = offerOf(s, approval.offer);
    // Unknown is never healthy, and a change of which nothing was sent is not done: both may be planned again.
    offer.status = approval.halted !== undefined && d.outcome !== 'failed' ? 'halted' : d.outcome === 'passed' ? 'done' : 'failed';
    offer.because = approval.halted ?? d.say;
  },
  UndoOffered: (s, d) => {
    s.offers.set(d.offer, { ...newOffer(d.offer), title: d.title, status: 'planning', undo: { of: d.of, uses: d.uses, input: d.input } });
  },
  CancelRequested: (s, d) => {
    s.cancel = { by: d.by, reason: d.reason };
  },
  RunEnded: (s, d, at) => {
    s.ended = { status: d.status, because: d.because, at };
  },
  EffectReleased: (s, d) => {
    effectOf(s, d.key).released = d.outcome;
  },
};

/** An approval comes into a status, and its offer with it unless a newer approval has taken over. */
function approvalBecomes(s: RunState, id: string, status: ApprovalState['status'], offerStatus: OfferState['status'], because?: string): ApprovalState {
  const approval = approvalOf(s, id);
  approval.status = status;
  approval.because = because;
  const offer = offerOf(s, approval.offer);
  if (offer.approvalId === id) {
    offer.status = offerStatus;
    offer.because = because;
  }
  return approval;
}

function stepOf(s: RunState, id: string): StepState {
  let step = s.steps.get(id);
  if (step === undefined) {
    step = newStep(id);
    s.steps.set(id, step);
  }
  return step;
}

function offerOf(s: RunState, id: string): OfferState {
  let offer = s.offers.get(id);
  if (offer === undefined) {
    offer = newOffer(id);
    s.offers.set(id, offer);
  }
  return offer;
}

function effectOf(s: RunState, key: string): EffectState {
  const effect = s.effects.get(key);
  if (effect === undefined) throw new Error(`run ${s.id} has no effect ${key}`);
  return effect;
}
