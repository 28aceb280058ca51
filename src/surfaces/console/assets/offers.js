/** An offer with its plan, and the buttons that decide on it. */
import { send } from './api.js';
import { act, ask, badge, brief, el, fieldsOf, folded, table, when } from './dom.js';

const AGAIN = new Set(['form', 'expired', 'withdrawn', 'planFailed', 'halted', 'failed']);

export function offerCard(run, offer, approval, redraw) {
  const live = run.endedAt === null;
  return el(
    'div',
    { class: `card offer ${offer.status}` },
    el('h3', {}, badge(offer.status), ' ', offer.title, ' ', badge(offer.tier)),
    offer.because && offer.verified === null && el('p', {}, offer.because),
    approval?.moved.length > 0 && el('p', { class: 'note' }, `Moved since it was last approved: ${approval.moved.join('; ')}`),
    offer.plan && plan(offer),
    progress(offer),
    approval && decisions(approval),
    live && approval?.status === 'pending' && buttons(approval, redraw),
    live && AGAIN.has(offer.status) && el('button', { type: 'button', 'data-key': `plan ${offer.id}`, onclick: () => planAgain(run, offer, redraw) }, offer.status === 'form' ? 'Fill in and plan…' : 'Plan again'),
  );
}

/** All of it: this is where a plan is read before it is approved. */
function plan({ id, plan: view }) {
  const summary = [`${view.changes.length} changes, digest `, el('code', { title: view.digest }, view.digest.slice(0, 8))];
  const rows = () => table(['Item', 'Now', 'Then'], view.changes.map((change) => [change.title, brief(change.current), brief(change.next)]), 'None.');
  return el('div', {}, el('p', {}, view.summary), view.notes.map((note) => el('p', { class: 'quiet' }, note)), folded(`plan of ${id}`, summary, rows));
}

function progress(offer) {
  const { total, applied, failed, skipped, unknown } = offer.progress;
  if (applied + failed + skipped + unknown === 0) return undefined;
  const others = [[failed, 'failed'], [skipped, 'left alone'], [unknown, 'unknown']].filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
  return el(
    'div',
    { class: 'progress' },
    el('progress', { max: total, value: applied + failed + skipped + unknown, 'aria-label': offer.title }),
    el('p', {}, `${applied} of ${total} applied${others.join('')}`),
    offer.waves.length > 0 && table(['Wave', 'Size', 'Done', 'Returned', 'Failed', 'Unknown'], offer.waves.map((wave) => [wave.index + 1, wave.size, wave.done, wave.returned, wave.failed, wave.unknown]), ''),
    offer.verified && el('p', {}, badge(offer.verified.outcome), ' ', offer.verified.say),
  );
}

function decisions(approval) {
  if (approval.decisions.length === 0) {
    const { approvers, roles, excluded } = approval.needs;
    return el('p', { class: 'quiet' }, `Needs ${approvers === 1 ? 'one person' : `${approvers} people`} of ${roles.join(', ')}${excluded.length > 0 ? `, but not ${excluded.join(', ')}` : ''}; expires `, when(approval.expiresAt));
  }
  return approval.decisions.map((decision) => el('p', {}, badge(decision.decision), ' by ', el('strong', {}, decision.principal), ` (${decision.via}) `, when(decision.at), decision.reason && `: ${decision.reason}`));
}

function buttons(approval, redraw) {
  return el('div', { class: 'actions' }, el('button', { type: 'button', class: 'primary', 'data-key': `approve ${approval.id}`, onclick: () => decide(approval, 'approve', redraw) }, 'Approve'), el('button', { type: 'button', 'data-key': `deny ${approval.id}`, onclick: () => decide(approval, 'deny', redraw) }, 'Deny'));
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
    inputs = await ask({ title: offer.title, text: 'The plan comes next; nothing is done before it is approved.', fields: fieldsOf(offer.inputs), action: 'Plan' });
    if (inputs === undefined) return;
  }
  await act(() => send('POST', `/runs/${run.id}/offers/${offer.id}/plan`, { inputs }), redraw);
}
