/** Runs: the list, and one of them live: diagnosis, offers, effects and timeline. */
import { follow, get, send } from './api.js';
import { act, ask, badge, el, notice, section, shown, table, when } from './dom.js';
import { offerCard } from './offers.js';

export async function runsPage({ main, signal }) {
  const { items } = await get('/runs?limit=100');
  if (signal.aborted) return;
  main.replaceChildren(
    el('h1', {}, 'Runs'),
    table(
      ['Status', 'Runbook', 'Target', 'Started by', 'Started', 'Ended'],
      items.map((run) => [badge(run.status), el('a', { href: `#/runs/${run.id}` }, run.title), run.target, run.trigger.requester, when(run.startedAt), when(run.endedAt)]),
      'No runs yet.',
    ),
  );
}

export async function runPage({ main, signal, id }) {
  const box = el('div');
  main.replaceChildren(box);
  await runBlock(box, id, signal);
}

/** Draws a run into a box and keeps it up to date by its event stream. */
export async function runBlock(box, id, signal) {
  const body = el('div');
  const lines = el('ol', { class: 'timeline', 'aria-label': 'Timeline' });
  box.replaceChildren(body, section('Timeline', lines));
  let due = false;
  const draw = async () => {
    due = false;
    const run = await get(`/runs/${id}`);
    const approvals = await Promise.all(run.offers.filter((offer) => offer.approvalId !== null).map((offer) => get(`/approvals/${offer.approvalId}`)));
    // A form that somebody is filling in must not be taken away.
    if (!signal.aborted && !body.contains(document.activeElement)) body.replaceChildren(...drawRun(run, new Map(approvals.map((approval) => [approval.id, approval])), draw));
  };
  const drawSoon = () => {
    if (due) return;
    due = true;
    setTimeout(() => draw().catch((error) => notice(error.message, 'bad')), 100);
  };
  await draw();
  void follow(
    id,
    (entry) => {
      lines.prepend(el('li', { class: entry.type }, when(entry.at), ' ', entry.say, entry.actor === 'bot' ? '' : el('span', { class: 'quiet' }, ` (${entry.actor})`)));
      drawSoon();
    },
    signal,
  );
}

function drawRun(run, approvals, redraw) {
  return [
    el('h1', {}, badge(run.status), ' ', run.title),
    el('p', {}, `Runbook ${run.runbook}, revision ${run.revision.slice(0, 8)}, on `, el('strong', {}, run.target), `, for ${run.trigger.requester}`, run.incidentId && [', ', el('a', { href: `#/incidents/${run.incidentId}` }, 'incident')], run.because && `. ${run.because}`),
    section('What is wrong', findings(run)),
    section('What could help', run.offers.length === 0 ? el('p', { class: 'quiet' }, 'No offers.') : run.offers.map((offer) => offerCard(run, offer, approvals.get(offer.approvalId), redraw))),
    unknowns(run, redraw),
    section('Steps', steps(run)),
    run.effects.length > 0 && section('Effects', effects(run)),
    run.endedAt === null && el('button', { type: 'button', onclick: () => cancel(run.id, redraw) }, 'Cancel run'),
  ].filter(Boolean);
}

function findings(run) {
  const found = run.findings.map((finding) => el('li', {}, badge(finding.severity), ' ', finding.say, finding.recommends && el('span', { class: 'quiet' }, ` Recommends: ${finding.recommends}.`)));
  const unseen = run.unknowns.map((text) => el('li', {}, badge('unknown'), ' ', text));
  return found.length + unseen.length === 0 ? el('p', { class: 'quiet' }, run.steps.every((step) => step.endedAt !== null) ? 'No finding applies.' : 'Looking…') : el('ul', { class: 'findings' }, found, unseen);
}

function steps(run) {
  return el('ul', { class: 'steps' }, run.steps.map((step) => el('li', {}, badge(step.status), ' ', el('strong', {}, step.id), ` ${step.uses} `, step.failure && el('span', { class: 'bad' }, step.failure.message), step.because, step.output && el('details', {}, el('summary', {}, 'Answer'), el('pre', {}, shown(step.output))))));
}

function effects(run) {
  return el('details', {}, el('summary', {}, `${run.effects.length} effects`), table(
    ['Status', 'Item', 'Wave', 'Intended', 'Ended', 'Outcome'],
    run.effects.map((effect) => [badge(effect.status), el('code', {}, effect.item), effect.wave + 1, when(effect.intendedAt), when(effect.endedAt), effect.failure?.message ?? effect.evidence ?? shown(effect.result ?? '')]),
    'None.',
  ));
}

function unknowns(run, redraw) {
  const open = run.effects.filter((effect) => effect.status === 'unknown');
  if (open.length === 0) return undefined;
  return section('Nobody can tell whether these landed', open.map((effect) => el('div', { class: 'card bad' }, el('p', {}, el('code', {}, effect.item)), el('p', {}, effect.evidence), el('div', { class: 'actions' },
    el('button', { type: 'button', onclick: () => settle(run.id, effect, 'applied', redraw) }, 'It was applied'),
    el('button', { type: 'button', onclick: () => settle(run.id, effect, 'notApplied', redraw) }, 'It was not applied')))));
}

async function settle(runId, effect, outcome, redraw) {
  const values = await ask({ title: outcome === 'applied' ? 'It was applied' : 'It was not applied', text: effect.item, fields: [{ name: 'reason', title: 'How do you know?', required: true }], action: 'Record' });
  if (values !== undefined) await act(() => send('POST', `/runs/${runId}/effects/${encodeURIComponent(effect.key)}/settlement`, { outcome, reason: values.reason }), redraw);
}

async function cancel(runId, redraw) {
  const values = await ask({ title: 'Cancel the run', text: 'What has been applied stays; nothing further is done.', fields: [{ name: 'reason', title: 'Why', required: true }], action: 'Cancel run', danger: true });
  if (values !== undefined) await act(() => send('POST', `/runs/${runId}/cancel`, { reason: values.reason }), redraw);
}
