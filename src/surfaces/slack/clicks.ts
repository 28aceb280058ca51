/** What the buttons of a card do. Every one of them ends in an operation, or in a sentence to the person who pressed it. */
import type { Principal } from '#policy/model.ts';
import type { ApprovalView, EffectView, OfferView, RunView } from '#engine/model/views.ts';
import { ACTIONS, isNamedBy, readApprovalValue, readPartValue } from './cards/actions.ts';
import type { Modal } from './cards/blocks.ts';
import { approveAheadModal, approveModal, closeModal, planModal, settleModal, type Metadata } from './cards/modals.ts';
import { decideAs } from './decisions.ts';
import { noticeNamed } from './drills.ts';
import { outcomeOf, type ClickWorld, type Outcome } from './outcome.ts';
import { placesOf, type Click } from './payloads.ts';

const GONE: Outcome = { say: 'This is no longer there. The newest card shows what is.' };

export async function onClick(world: ClickWorld, principal: Principal, click: Click): Promise<Outcome> {
  const action = click.actions[0];
  const value = action?.value ?? '';
  switch (action?.action_id) {
    case ACTIONS.console:
      return {};
    case ACTIONS.approve:
      return decide(world, principal, click, value, 'approve');
    case ACTIONS.deny:
      return decide(world, principal, click, value, 'deny');
    case ACTIONS.approveForm:
      return openApproval(world, click, value);
    case ACTIONS.plan:
      return planAgain(world, principal, click, value);
    case ACTIONS.planForm:
      return openPlan(world, click, value);
    case ACTIONS.settleApplied:
      return openSettlement(world, click, value, 'applied');
    case ACTIONS.settleNotApplied:
      return openSettlement(world, click, value, 'notApplied');
    case ACTIONS.cancel:
      return cancel(world, principal, click, value);
    case ACTIONS.approveAhead:
      return openApproveAhead(world, click, value);
    case ACTIONS.close:
      return openClose(world, click, value);
    default:
      return { say: 'This button is not known to this version of the bot.' };
  }
}

async function decide(world: ClickWorld, principal: Principal, click: Click, value: string, decision: 'approve' | 'deny'): Promise<Outcome> {
  const found = await findApproval(world, click, value);
  if ('outcome' in found) return found.outcome;
  return decideAs(world, principal, found.approval.id, { decision, digest: found.digest });
}

async function openApproval(world: ClickWorld, click: Click, value: string): Promise<Outcome> {
  const found = await findApproval(world, click, value);
  if ('outcome' in found) return found.outcome;
  const { approval, digest, subjectId } = found;
  if (approval.status !== 'pending') return { say: `This approval is ${approval.status}${approval.because === null ? '' : `: ${approval.because}`}.`, refresh: subjectId, ...(approval.decisions.length === 0 ? {} : { decided: approval }) };
  if (approval.plan.digest !== digest) return { say: 'The plan has moved since this card was shown. Look at the new one.', refresh: subjectId };
  return open(world, click, approveModal(approval, metadataOf(click, subjectId, value)));
}

/** The approval that a button names, with the digest that it was shown with; or what to say instead. */
async function findApproval(world: ClickWorld, click: Click, value: string): Promise<{ readonly approval: ApprovalView; readonly digest: string; readonly subjectId: string } | { readonly outcome: Outcome }> {
  const named = readApprovalValue(value);
  const approval = named === undefined ? undefined : await world.operations.approval(named.approvalId);
  if (named === undefined || approval === undefined) return { outcome: GONE };
  const subjectId = approval.incidentId ?? approval.runId;
  const foreign = await foreignCard(world, click, subjectId);
  return foreign === undefined ? { approval, digest: named.digest, subjectId } : { outcome: foreign };
}

async function planAgain(world: ClickWorld, principal: Principal, click: Click, value: string): Promise<Outcome> {
  const found = await findOffer(world, click, value);
  if ('outcome' in found) return found.outcome;
  return outcomeOf(await world.operations.planOffer(principal, found.run.id, found.offer.id, {}), subjectOf(found.run));
}

async function openPlan(world: ClickWorld, click: Click, value: string): Promise<Outcome> {
  const found = await findOffer(world, click, value);
  if ('outcome' in found) return found.outcome;
  return open(world, click, planModal(found.offer, metadataOf(click, subjectOf(found.run), value)));
}

async function openSettlement(world: ClickWorld, click: Click, value: string, outcome: 'applied' | 'notApplied'): Promise<Outcome> {
  const run = await runOf(world, value);
  const effect = run === undefined ? undefined : effectNamed(run, value);
  if (run === undefined || effect === undefined) return GONE;
  const subjectId = subjectOf(run);
  const foreign = await foreignCard(world, click, subjectId);
  if (foreign !== undefined) return foreign;
  if (effect.status !== 'unknown') return { say: `This is settled: ${effect.status}${effect.settledBy === null ? '' : ` by ${effect.settledBy}`}.`, refresh: subjectId };
  return open(world, click, settleModal(effect, { ...metadataOf(click, subjectId, value), outcome }));
}

async function cancel(world: ClickWorld, principal: Principal, click: Click, runId: string): Promise<Outcome> {
  const run = await world.operations.run(runId);
  if (run === undefined) return GONE;
  const foreign = await foreignCard(world, click, subjectOf(run));
  return foreign ?? outcomeOf(await world.operations.cancelRun(principal, runId, 'stopped from the Slack card'), subjectOf(run));
}

async function openClose(world: ClickWorld, click: Click, incidentId: string): Promise<Outcome> {
  const incident = await world.operations.incident(incidentId);
  if (incident === undefined) return GONE;
  const foreign = await foreignCard(world, click, incidentId);
  if (foreign !== undefined) return foreign;
  if (incident.status !== 'open') return { say: 'This incident is closed.', refresh: incidentId };
  return open(world, click, closeModal(incident.title, metadataOf(click, incidentId, incidentId)));
}

async function openApproveAhead(world: ClickWorld, click: Click, id: string): Promise<Outcome> {
  const notice = await noticeNamed(world.operations, id);
  if (notice === undefined) return GONE;
  const foreign = await foreignCard(world, click, id);
  if (foreign !== undefined) return foreign;
  if (!notice.live) return { say: 'This drill is not to come any more. See /runbook drill.', refresh: id };
  return open(world, click, approveAheadModal(notice, metadataOf(click, id, id)));
}

/**
 * A button must have been pressed on the card that it belongs to: a value taken from elsewhere does nothing. A request that does not say where
 * is judged by what it carries: it is signed, an approval is named with the whole digest, and the policy decides.
 */
async function foreignCard(world: ClickWorld, click: Click, subjectId: string): Promise<Outcome | undefined> {
  const card = await world.whereIs(subjectId);
  const { messages, channels } = placesOf(click);
  if (messages.every((ts) => ts === card?.ts) && channels.every((channel) => channel === card?.channel)) return undefined;
  return { say: 'This button is not on the current card of its incident. Nothing was done; use the newest card.', refresh: subjectId };
}

async function findOffer(world: ClickWorld, click: Click, value: string): Promise<{ readonly run: RunView; readonly offer: OfferView } | { readonly outcome: Outcome }> {
  const run = await runOf(world, value);
  const offer = run === undefined ? undefined : offerNamed(run, value);
  if (run === undefined || offer === undefined) return { outcome: GONE };
  const foreign = await foreignCard(world, click, subjectOf(run));
  return foreign === undefined ? { run, offer } : { outcome: foreign };
}

export async function runOf(world: Pick<ClickWorld, 'operations'>, value: string): Promise<RunView | undefined> {
  const named = readPartValue(value);
  return named === undefined ? undefined : world.operations.run(named.runId);
}

export function offerNamed(run: RunView, value: string): OfferView | undefined {
  const hash = readPartValue(value)?.hash ?? '';
  return run.offers.find((offer) => isNamedBy(hash, offer.id));
}

export function effectNamed(run: RunView, value: string): EffectView | undefined {
  const hash = readPartValue(value)?.hash ?? '';
  return run.effects.find((effect) => isNamedBy(hash, effect.key));
}

function subjectOf(run: RunView): string {
  return run.incidentId ?? run.id;
}

function metadataOf(click: Click, subject: string, value: string): Metadata {
  const { messages, channels } = placesOf(click);
  return { subject, channel: channels[0] ?? '', messageTs: messages[0] ?? '', value };
}

/** Slack lets a form be opened for three seconds after the click. */
async function open(world: ClickWorld, click: Click, view: Modal): Promise<Outcome> {
  const answer = await world.api.call('views.open', { trigger_id: click.trigger_id ?? '', view });
  return answer.ok ? {} : { say: 'Slack did not open the form. Press the button again, or use the console.' };
}
