/** An offer with its plan, and the buttons that decide on it. */
import { send } from './api.js';
import { act, ask, badge, el, shown, table, when } from './dom.js';

const CHANGES_SHOWN = 20;
const AGAIN = new Set(['form', 'expired', 'withdrawn', 'planFailed', 'halted', 'failed']);

export function offerCard(run, offer, approval, redraw) {
  const live = run.endedAt === null;
  return el(
    'div',
    { class: `card offer ${offer.status}` },
    el('h3', {}, badge(offer.status), ' ', offer.title, ' ', badge(offer.tier)),
    offer.because && el('p', {}, offer.because),
    approval?.moved.length > 0 && el('p', { class: 'note' }, `Moved since it was last approved: ${approval.moved.join('; ')}`),
    offer.plan && plan(offer.plan),
    progress(offer),
    approval && decisions(approval),
    live && approval?.status === 'pending' && buttons(approval, redraw),
    live && AGAIN.has(offer.status) && el('button', { type: 'button', class: 'primary', onclick: () => planAgain(run, offer, redraw) }, offer.status === 'form' ? 'Fill in and plan…' : 'Plan again'),
  );
}

function plan(view) {
  const rows = view.changes.slice(0, CHANGES_SHOWN).map((change) => [el('code', {}, change.title), el('pre', {}, shown(change.current)), el('pre', {}, shown(change.next))]);
  const more = view.changes.length - rows.length;
  return el('div', {}, el('p', {}, view.summary), el('details', {}, el('summary', {}, `${view.changes.length} changes, digest `, el('code', { title: view.digest }, view.digest.slice(0, 8))), table(['Item', 'Now', 'Then'], rows, 'None.'), more > 0 && el('p', { class: 'quiet' }, `and ${more} more`), view.notes.map((note) => el('p', { class: 'quiet' }, note))));
}

function progress(offer) {
  const { total, applied, failed, skipped, unknown } = offer.progress;
  if (applied + failed + skipped + unknown === 0) return undefined;
  return el(
    'div',
    {},
    el('progress', { max: total, value: applied + failed + skipped + unknown }),
    el('p', {}, `${applied} of ${total} applied, ${failed} failed, ${skipped} left alone, ${unknown} unknown`),
    offer.waves.length > 0 && table(['Wave', 'Size', 'Done', 'Returned', 'Failed', 'Unknown'], offer.waves.map((wave) => [wave.index + 1, wave.size, wave.done, wave.returned, wave.failed, wave.unknown]), ''),
    offer.verified && el('p', {}, badge(offer.verified.outcome), ' ', offer.verified.say),
  );
}

function decisions(approval) {
  if (approval.decisions.length === 0) {
    const { approvers, roles, excluded } = approval.needs;
    return el('p', { class: 'quiet' }, `Needs ${approvers} of ${roles.join(', ')}${excluded.length > 0 ? `, not ${excluded.join(', ')}` : ''}; expires `, when(approval.expiresAt));
  }
  return el('ul', {}, approval.decisions.map((decision) => el('li', {}, badge(decision.decision), ` ${decision.principal} by ${decision.via} `, when(decision.at), decision.reason && `: ${decision.reason}`)));
}

function buttons(approval, redraw) {
  return el('div', { class: 'actions' }, el('button', { type: 'button', class: 'primary', onclick: () => decide(approval, 'approve', redraw) }, 'Approve'), el('button', { type: 'button', onclick: () => decide(approval, 'deny', redraw) }, 'Deny'));
}

async function decide(approval, decision, redraw) {
  const strict = decision === 'approve' && approval.confirm !== null;
  const fields = [{ name: 'reason', title: strict ? 'Reason' : 'Reason (optional)', required: strict }];
  if (strict) fields.unshift({ name: 'confirm', title: `Type ${approval.confirm} to confirm`, required: true });
  const values = await ask({
    title: `${decision === 'approve' ? 'Approve' : 'Deny'}: ${approval.title}`,
    text: `${approval.plan.summary} ${approval.plan.changes.length} changes on ${approval.target}, digest ${approval.plan.digest.slice(0, 8)}.`,
    fields,
    action: decision === 'approve' ? 'Approve' : 'Deny',
    danger: strict,
  });
  if (values === undefined) return;
  const body = { decision, digest: approval.plan.digest, ...(values.reason ? { reason: values.reason } : {}), ...(values.confirm ? { confirm: values.confirm } : {}) };
  await act(() => send('POST', `/approvals/${approval.id}/decisions`, body), redraw);
}

async function planAgain(run, offer, redraw) {
  let inputs = {};
  if (offer.inputs.length > 0) {
    const fields = offer.inputs.map((field) => ({ name: field.name, title: field.title, required: field.required, value: field.default ?? undefined, options: field.options ?? (field.type === 'bool' ? ['true', 'false'] : undefined), multiple: field.type === 'list' && field.options !== null }));
    inputs = await ask({ title: offer.title, text: 'The plan comes next; nothing is done before it is approved.', fields, action: 'Plan' });
    if (inputs === undefined) return;
  }
  await act(() => send('POST', `/runs/${run.id}/offers/${offer.id}/plan`, { inputs }), redraw);
}
