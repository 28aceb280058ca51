/** What a form does once it is sent. */
import type { Principal } from '#policy/model.ts';
import { MODALS, readApprovalValue } from './cards/actions.ts';
import { CONFIRM, readMetadata, REASON, type Metadata } from './cards/modals.ts';
import { effectNamed, offerNamed, runOf } from './clicks.ts';
import { decideAs } from './decisions.ts';
import { approveByForm } from './drills.ts';
import { offerInputs, textAnswer, type Answers } from './forms.ts';
import { outcomeOf, type ClickWorld, type Outcome } from './outcome.ts';
import type { Submission } from './payloads.ts';

export interface Submitted extends Outcome {
  /** Where the form's button was pressed. */
  readonly channel: string | null;
}

export async function onSubmission(world: ClickWorld, principal: Principal, submission: Submission): Promise<Submitted> {
  const metadata = readMetadata(submission.view.private_metadata);
  if (metadata === undefined) return { say: 'This form is not known to this version of the bot.', channel: null };
  const answers = submission.view.state.values;
  const outcome = await carryOut(world, principal, submission.view, metadata, answers);
  // A click that named no channel: its card is where the person looks.
  const channel = metadata.channel === '' ? (await world.whereIs(metadata.subject))?.channel : metadata.channel;
  return { ...outcome, channel: channel ?? null };
}

async function carryOut(world: ClickWorld, principal: Principal, { callback_id: callbackId, id }: Submission['view'], metadata: Metadata, answers: Answers): Promise<Outcome> {
  const reason = textAnswer(answers, REASON);
  switch (callbackId) {
    case MODALS.approve: {
      const named = readApprovalValue(metadata.value);
      if (named === undefined) break;
      const confirm = textAnswer(answers, CONFIRM);
      return decideAs(world, principal, named.approvalId, { decision: 'approve', digest: named.digest, reason, confirm });
    }
    case MODALS.plan: {
      const run = await runOf(world, metadata.value);
      const offer = run === undefined ? undefined : offerNamed(run, metadata.value);
      if (run === undefined || offer === undefined) break;
      return outcomeOf(await world.operations.planOffer(principal, run.id, offer.id, offerInputs(offer, answers)), metadata.subject);
    }
    case MODALS.settle: {
      const run = await runOf(world, metadata.value);
      const effect = run === undefined ? undefined : effectNamed(run, metadata.value);
      if (run === undefined || effect === undefined || metadata.outcome === undefined) break;
      return outcomeOf(await world.operations.settleEffect(principal, run.id, effect.key, metadata.outcome, reason), metadata.subject);
    }
    case MODALS.approveAhead:
      return approveByForm(world, principal, metadata, reason, id ?? null);
    case MODALS.close:
      return outcomeOf(await world.operations.closeIncident(principal, metadata.value, reason), metadata.subject);
    default:
      break;
  }
  return { say: 'This is no longer there. The newest card shows what is.', refresh: metadata.subject };
}
