/** Runs: the list, and one of them live: diagnosis, offers, effects and timeline. */
import { follow, get, send } from './api.js';
import { act, ask, badge, brief, clock, el, folded, notice, section, shown, table, update, when } from './dom.js';
import { offerCard } from './offers.js';

export async function runsPage({ main, signal }) {
  const { items } = await get('/runs?limit=100');
  if (signal.aborted) return;
  main.replaceChildren(
    el('h1', {}, 'Runs'),
    table(
      ['Status', 'Runbook', 'Target', 'Started by', 'Started', 'Ended'],
      items.map((run) => [badge(run.status), [el('a', { href: `#/runs/${run.id}` }, run.title), run.dryRun ? ' (dry run)' : ''], run.target, run.trigger.requester, when(run.startedAt), when(run.endedAt)]),
      'No runs yet.',
    ),
  );
}

export async function runPage({ main, signal, id }) {
  const box = el('div');
  main.replaceChildren(box);
  await runBlock(box, id, signal);
}

/** During a wave there are twenty events a second; a reader wants a steady page. */
const DRAW_EVERY_MS = 400;
/** One line for each item of a plan; the waves sum them up. */
const ITEM_LINES = new Set(['EffectIntended', 'EffectSucceeded']);
/** A longer line of the timeline is folded. */
const LINE_MAX = 200;
const SEVERITIES = ['critical', 'warning', 'info'];

/** Draws a run into a box and keeps it up to date by its event stream. `incidentShown`: the page around it is its incident's. */
export async function runBlock(box, id, signal, incidentShown = false) {
  const body = el('div');
  const lines = el('ol', { class: 'timeline', 'aria-label': 'Timeline' });
  const everyItem = el('input', { type: 'checkbox', onchange: () => lines.classList.toggle('every-item', everyItem.checked) });
  box.replaceChildren(body, section('Timeline', el('label', { class: 'inline' }, everyItem, ' every item'), lines));
  let due = false;
  const draw = async () => {
    due = false;
    const run = await get(`/runs/${id}`);
    const approvals = await Promise.all(run.offers.filter((offer) => offer.approvalId !== null).map((offer) => get(`/approvals/${offer.approvalId}`)));
    if (signal.aborted) return;
    if (!update(body, drawRun(run, new Map(approvals.map((approval) => [approval.id, approval])), draw, incidentShown))) drawSoon();
  };
  const drawSoon = () => {
    if (due) return;
    due = true;
    setTimeout(() => void draw().catch((error) => notice(error.message, 'bad')), DRAW_EVERY_MS);
  };
  await draw();
  void follow(
    id,
    (entry) => {
      lines.prepend(line(entry));
      drawSoon();
    },
    signal,
  );
}

function line(entry) {
  const who = entry.actor === 'bot' || entry.say.includes(entry.actor) ? '' : el('span', { class: 'quiet' }, ` (${entry.actor})`);
  const say = entry.say.length <= LINE_MAX ? entry.say : folded(`line ${entry.version}`, `${entry.say.slice(0, LINE_MAX)}…`, () => el('p', {}, entry.say));
  return el('li', { class: ITEM_LINES.has(entry.type) ? 'item' : '' }, clock(entry.at), el('div', {}, say, who));
}

function drawRun(run, approvals, again, incidentShown) {
  return [
    el(incidentShown ? 'h2' : 'h1', { class: 'run' }, badge(run.status), ' ', run.title, run.dryRun ? ' (dry run)' : ''),
    el('p', {}, `Runbook ${run.runbook}, revision ${run.revision.slice(0, 8)}, on `, el('strong', {}, run.target), `, started by ${run.trigger.requester} `, when(run.startedAt), run.endedAt !== null && [', ended ', when(run.endedAt)], run.incidentId && !incidentShown && [', for an ', el('a', { href: `#/incidents/${run.incidentId}` }, 'incident')], run.because && `: ${run.because}`),
    section('What is wrong', findings(run)),
    section('What could help', run.offers.length === 0 ? el('p', { class: 'quiet' }, 'No offers.') : run.offers.map((offer) => offerCard(run, offer, approvals.get(offer.approvalId), again))),
    unknowns(run, again),
    section('Steps', steps(run)),
    run.effects.length > 0 && section('Effects', effects(run)),
    run.endedAt === null && el('div', { class: 'actions' }, el('button', { type: 'button', 'data-key': 'cancel', onclick: () => cancel(run.id, again) }, 'Cancel run')),
  ].filter(Boolean);
}

function findings(run) {
  const sorted = run.findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  const found = sorted.map((finding) => el('li', {}, badge(finding.severity), el('span', {}, finding.say, finding.recommends && el('span', { class: 'quiet' }, ` Recommends: ${finding.recommends}.`))));
  const unseen = run.unknowns.map((text) => el('li', {}, badge('unknown'), el('span', {}, text)));
  return found.length + unseen.length === 0 ? el('p', { class: 'quiet' }, run.steps.every((step) => step.endedAt !== null) ? 'No finding applies.' : 'Looking…') : el('ul', { class: 'findings' }, unseen, found);
}

function steps(run) {
  return el('ul', { class: 'steps' }, run.steps.map((step) => {
    const head = [badge(step.status), ' ', el('strong', {}, step.id), ` ${step.uses} `, step.failure && el('span', { class: 'bad' }, step.failure.message), step.because];
    return el('li', {}, step.output === null ? head : folded(`step ${step.id}`, head, () => [step.artifact && artifact(step.artifact), el('pre', {}, shown(step.output))]));
  }));
}

/** What a step answered beyond what is shown. */
function artifact({ id, bytes, note }) {
  const whole = id === null ? `${bytes} bytes` : el('a', { href: `/api/v1/artifacts/${id}`, target: '_blank', rel: 'noopener' }, `the whole answer (${bytes} bytes)`);
  return el('p', { class: 'quiet' }, `This is a part; ${note}. `, whole);
}

function effects(run) {
  return folded('effects', `${run.effects.length} effects`, () => table(
    ['Status', 'Item', 'Wave', 'Intended', 'Ended', 'Outcome'],
    run.effects.map((effect) => [badge(effect.status), el('code', {}, effect.item), effect.wave + 1, when(effect.intendedAt), when(effect.endedAt), effect.failure?.message ?? effect.evidence ?? brief(effect.result ?? '')]),
    'None.',
  ));
}

function unknowns(run, again) {
  const open = run.effects.filter((effect) => effect.status === 'unknown');
  if (open.length === 0) return undefined;
  return section('Nobody can tell whether these landed', open.map((effect) => el('div', { class: 'card bad' }, el('p', {}, el('code', {}, effect.item)), el('p', {}, effect.evidence), el('div', { class: 'actions' },
    el('button', { type: 'button', onclick: () => settle(run.id, effect, 'applied', again) }, 'It was applied'),
    el('button', { type: 'button', onclick: () => settle(run.id, effect, 'notApplied', again) }, 'It was not applied')))));
}

async function settle(runId, effect, outcome, again) {
  const values = await ask({ title: outcome === 'applied' ? 'It was applied' : 'It was not applied', text: effect.item, fields: [{ name: 'reason', title: 'How do you know?', required: true }], action: 'Record' });
  if (values !== undefined) await act(() => send('POST', `/runs/${runId}/effects/${encodeURIComponent(effect.key)}/settlement`, { outcome, reason: values.reason }), again);
}

async function cancel(runId, again) {
  const values = await ask({ title: 'Cancel the run', text: 'What has been applied stays; nothing further is done.', fields: [{ name: 'reason', title: 'Why', required: true }], action: 'Cancel run', danger: true });
  if (values !== undefined) await act(() => send('POST', `/runs/${runId}/cancel`, { reason: values.reason }), again);
}
