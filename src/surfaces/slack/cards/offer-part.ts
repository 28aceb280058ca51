import type { WaveCount } from '#engine/model/events.ts';
import type { ApprovalView, OfferStatus, OfferView, RunView } from '#engine/model/views.ts';
import { ACTIONS, partValue } from './actions.ts';
import { decidedApproval, pendingApproval } from './approval-part.ts';
import { button, context, section, type Block, type Part } from './blocks.ts';
import { hasEnded, type Subject } from './subject.ts';
import { inert, plain } from './text.ts';

const SAYS: Readonly<Record<OfferStatus, string>> = {
  skipped: 'not offered',
  form: 'waits for your input',
  planning: 'is being planned',
  planFailed: 'could not be planned',
  nothing: 'nothing to do',
  planned: 'planned (dry run)',
  pending: 'waits for approval',
  approved: 'approved, the plan is being checked once more',
  applying: 'is being applied',
  verifying: 'applied, is being verified',
  done: 'done',
  halted: 'halted',
  failed: 'did not do its job',
  denied: 'denied',
  expired: 'expired before it was decided',
  withdrawn: 'withdrawn',
};

const MARKS: Partial<Readonly<Record<OfferStatus, string>>> = { done: '✅', failed: '❌', planFailed: '❌', halted: '🛑', denied: '🚫', expired: '⌛', withdrawn: '↩️', applying: '⏳', verifying: '⏳', approved: '⏳' };

/** After these a person may ask for a new plan, with a new approval. */
const AGAIN: ReadonlySet<OfferStatus> = new Set(['expired', 'withdrawn', 'planFailed', 'failed', 'halted']);
const SHOWN_WAVES = 3;

/** One offer as it stands. What nobody can do anything about (skipped) is left to the thread. */
export function offerParts(subject: Subject, run: RunView, offer: OfferView): readonly Part[] {
  if (offer.status === 'skipped') return [];
  const approval = offer.approvalId === null ? undefined : subject.approvals.get(offer.approvalId);
  if (offer.status === 'pending' && approval?.status === 'pending') return pendingApproval(approval);

  const head: Part = { rank: 2, blocks: [section(plain(headline(offer, approval), 700)), ...(approval === undefined ? [] : decidedApproval(approval))] };
  const again = offerButton(run, offer);
  return [head, { rank: 3, needs: head, blocks: waveBlocks(offer) }, { rank: 2, needs: head, blocks: again === undefined ? [] : [again] }].filter((part) => part.blocks.length > 0);
}

/** What the lines below say themselves (the decision, the verification) is not said twice. */
function headline(offer: OfferView, approval: ApprovalView | undefined): string {
  const mark = MARKS[offer.status];
  const lines = [`${mark === undefined ? '' : `${mark} `}${inert(offer.title, 200)}: ${SAYS[offer.status]}`];
  const isSaidBelow = offer.because === offer.verified?.say || offer.because === approval?.because;
  if (offer.because !== null && !isSaidBelow) lines.push(inert(offer.because, 300));
  if (offer.verified !== null) lines.push(`Verified: ${offer.verified.outcome}. ${inert(offer.verified.say, 250)}`);
  return lines.join('\n');
}

function waveBlocks(offer: OfferView): readonly Block[] {
  const { total, applied, failed, skipped, unknown } = offer.progress;
  if (applied + failed + skipped + unknown === 0) return [];
  const counts = [`${applied} of ${total} applied`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} skipped`] : []), ...(unknown > 0 ? [`${unknown} unknown`] : [])];
  const lines = [counts.join(', '), ...offer.waves.slice(-SHOWN_WAVES).map(waveLine)];
  return [context(plain(lines.join('\n'), 600))];
}

function waveLine(wave: WaveCount): string {
  const rest = [...(wave.returned > 0 ? [`${wave.returned} came back`] : []), ...(wave.failed > 0 ? [`${wave.failed} failed`] : []), ...(wave.unknown > 0 ? [`${wave.unknown} unknown`] : [])];
  return `Wave ${wave.index + 1}: ${wave.done} of ${wave.size} done${rest.length === 0 ? '' : `, ${rest.join(', ')}`}`;
}

function offerButton(run: RunView, offer: OfferView): Block | undefined {
  const value = partValue(run.id, offer.id);
  if (value === undefined || hasEnded(run)) return undefined;
  const action = offer.inputs.length > 0 ? ACTIONS.planForm : ACTIONS.plan;
  if (offer.status === 'form') return { type: 'actions', elements: [button(ACTIONS.planForm, 'Choose and plan…', { value })] };
  if (AGAIN.has(offer.status)) return { type: 'actions', elements: [button(action, 'Plan again', { value })] };
  return undefined;
}
