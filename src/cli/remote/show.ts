/** A run, an approval, an incident as text. */
import type { ApprovalView, EffectView, OfferView, PlanView, RunView, StepView } from '#engine/model/views.ts';
import { shortDigest } from '#kernel/digest.ts';
import { fields, inline, lasted, table, until, visible } from '../format.ts';

/** A wider table wraps in most terminals, and nobody can read it then. */
const TABLE_WIDTH_MAX = 140;

export function planText(plan: PlanView): string {
  const changes = plan.changes.length === 0 ? 'Nothing to change.' : changesText(plan.changes);
  return [visible(plan.summary), '', changes, ...plan.notes.map((note) => `note: ${visible(note)}`), '', `digest ${plan.digest}  (${shortDigest(plan.digest)})`].join('\n');
}

function changesText(changes: PlanView['changes']): string {
  const asTable = table(['ITEM', 'CURRENT', 'NEXT'], changes.map(({ title, current, next }) => [title, inline(current), inline(next)]));
  if (asTable.split('\n').every((line) => line.length <= TABLE_WIDTH_MAX)) return asTable;
  const next = changes.map((change) => fields(change.next));
  const alike = next.length > 1 && new Set(next).size === 1;
  const blocks = changes.flatMap(({ title, current }, i) => [visible(title), `    now:  ${fields(current)}`, ...(alike ? [] : [`    then: ${next[i] ?? ''}`])]);
  return [...(alike ? [`then, for each: ${next[0] ?? ''}`, ''] : []), ...blocks].join('\n');
}

export function runText(run: RunView, nowMs: number): string {
  const parts = [
    `${visible(run.title)}  ${run.id}`,
    `${run.status}${run.because === null ? '' : `: ${visible(run.because)}`}`,
    `runbook ${visible(run.runbook)} on ${visible(run.target)}, by ${visible(run.trigger.requester)} (${run.trigger.kind})${run.dryRun ? ', dry run' : ''}; started ${run.startedAt}, ${run.endedAt === null ? 'for' : 'took'} ${lasted(run.startedAt, run.endedAt, nowMs)}`,
    section('Findings', run.findings.map(({ severity, say, recommends }) => `[${severity}] ${visible(say)}${recommends === undefined ? '' : ` Recommends ${visible(recommends)}.`}`).join('\n')),
    section('Could not be seen', run.unknowns.map(visible).join('\n')),
    section('Steps', run.steps.length === 0 ? '' : table(['STEP', 'USES', 'STATUS', 'TOOK', 'WHY'], run.steps.map((step) => [step.id, step.uses, step.status, lasted(step.startedAt, step.endedAt, nowMs), step.failure?.message ?? step.because ?? '']))),
    section('More than is shown', run.steps.flatMap(({ id, artifact }) => (artifact === null ? [] : [artifactText(id, artifact)])).join('\n')),
    ...run.offers.map((offer) => section(`Offer ${visible(offer.id)}: ${visible(offer.title)}`, offerText(offer))),
    section('Effects', effectsText(run.effects)),
    section('To settle', run.effects.filter((effect) => effect.status === 'unknown').map((effect) => `${visible(effect.evidence ?? 'Nobody could see whether the call landed.')}\nrunbook-bot settle ${run.id} '${visible(effect.key)}' applied|not-applied --reason R`).join('\n')),
  ];
  return parts.filter((text) => text !== '').join('\n');
}

/** `show --json` gives the id as well. */
function artifactText(step: string, { id, bytes, note }: NonNullable<StepView['artifact']>): string {
  return [`step ${visible(step)}: ${visible(note)}`, id === null ? '' : `the whole answer, ${bytes} bytes: GET /api/v1/artifacts/${id}`].filter((line) => line !== '').join('\n');
}

function offerText(offer: OfferView): string {
  const { total, applied, failed, skipped, unknown } = offer.progress;
  return [
    `${offer.tier} ${visible(offer.uses)}: ${offer.status}${offer.because === null ? '' : `, ${visible(offer.because)}`}`,
    applied + failed + skipped + unknown === 0 ? '' : `${applied} of ${total} applied, ${failed} failed, ${skipped} skipped, ${unknown} unknown`,
    offer.verified === null ? '' : `verified: ${offer.verified.outcome}, ${visible(offer.verified.say)}`,
    offer.status === 'form' ? `needs: ${offer.inputs.map((input) => `${visible(input.name)} (${input.type}${input.required ? ', required' : ''})`).join(', ')}; fill it in in the console, Slack or the API` : '',
    offer.plan === null ? '' : planText(offer.plan),
    offer.status === 'pending' && offer.approvalId !== null && offer.plan !== null ? approveLine(offer.approvalId, offer.plan.digest, offer.tier) : '',
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function approveLine(approvalId: string, digest: string, tier: string): string {
  return `runbook-bot approve ${approvalId} --digest ${digest}${tier === 'R3' ? ' --reason R --confirm TARGET' : ''}`;
}

/** What became of a decision: the plan was read before it. */
export function decisionText(approval: ApprovalView, nowMs: number): string {
  const pending = approval.status === 'pending' ? `; needs ${approval.needs.approvers} of ${approval.needs.roles.map(visible).join(', ')}; expires ${until(approval.expiresAt, nowMs)}` : '';
  return [
    `${visible(approval.title)}  ${approval.id}`,
    `${approval.status}${approval.because === null ? '' : `: ${visible(approval.because)}`}`,
    `${approval.tier} on ${visible(approval.target)}, asked by ${visible(approval.requester)}; changes: ${approval.plan.changes.length}, digest ${shortDigest(approval.plan.digest)}${pending}`,
    ...approval.moved.map((moved) => `moved: ${visible(moved)}`),
    ...approval.decisions.map(({ principal, decision, reason, via, at }) => `${at} ${visible(principal)} (${visible(via)}): ${decision}${reason === null ? '' : `, ${visible(reason)}`}`),
    `runbook-bot show ${approval.runId}`,
  ].join('\n');
}

function effectsText(effects: readonly EffectView[]): string {
  if (effects.length === 0) return '';
  return table(['ITEM', 'WAVE', 'STATUS', 'WHY'], effects.map((effect) => [effect.item, String(effect.wave + 1), effect.status, effect.failure?.message ?? effect.evidence ?? '']));
}

function section(title: string, body: string): string {
  return body === '' ? '' : `\n${title}\n${body.replaceAll(/^(?=.)/gm, '  ')}`;
}
