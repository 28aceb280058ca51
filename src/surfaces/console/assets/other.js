/** Approvals, runbooks and the audit. */
import { get, send } from './api.js';
import { ask, badge, el, fieldsOf, folded, notice, shown, table, when } from './dom.js';

export async function approvalsPage({ main, signal }) {
  const { items } = await get('/approvals?status=pending');
  if (signal.aborted) return;
  main.replaceChildren(
    el('h1', {}, 'Pending approvals'),
    table(
      ['Tier', 'Offer', 'Target', 'Changes', 'Asked', 'Expires'],
      items.map((approval) => [badge(approval.tier), el('a', { href: `#/runs/${approval.runId}` }, approval.title), approval.target, approval.plan.changes.length, when(approval.requestedAt), when(approval.expiresAt)]),
      'Nothing waits for you.',
    ),
  );
}

export async function runbooksPage({ main, signal }) {
  const { items } = await get('/runbooks');
  if (signal.aborted) return;
  main.replaceChildren(
    el('h1', {}, 'Runbooks'),
    ...items.map((runbook) =>
      el(
        'div',
        { class: 'card' },
        el('h3', {}, runbook.title),
        el('p', {}, el('code', {}, runbook.name), `, owner ${runbook.owner}, revision ${runbook.revision.slice(0, 8)}`),
        el('p', {}, 'Triggers: ', runbook.triggers.length === 0 ? 'none' : runbook.triggers.map((trigger) => [el('code', {}, trigger), ' '])),
        el('p', {}, 'Offers: ', runbook.offers.length === 0 ? 'none' : runbook.offers.map((offer) => [el('code', {}, offer.id), ' ', badge(offer.tier), ' '])),
        runbook.problems.map((problem) => el('p', { class: 'bad' }, problem)),
        el('div', { class: 'actions' }, el('button', { type: 'button', class: 'primary', onclick: () => start(runbook, true) }, 'Dry run'), el('button', { type: 'button', onclick: () => start(runbook, false) }, 'Run')),
      ),
    ),
  );
}

/** No input can have this name. */
const TARGET = ':target';

async function start(runbook, dryRun) {
  const fields = [{ name: TARGET, title: 'Target (empty: the default one)' }, ...fieldsOf(runbook.inputs)];
  const values = await ask({ title: `${dryRun ? 'Dry run' : 'Run'} ${runbook.name}`, text: dryRun ? 'It looks, plans and stops there.' : 'It looks at once; every change waits for an approval.', fields, action: dryRun ? 'Dry run' : 'Run' });
  if (values === undefined) return;
  const { [TARGET]: target, ...inputs } = values;
  try {
    const run = await send('POST', '/runs', { runbook: runbook.name, dryRun, inputs, ...(target ? { target } : {}) }, { 'idempotency-key': crypto.randomUUID() });
    location.hash = `#/runs/${run.id}`;
  } catch (error) {
    notice(error.message, 'bad');
  }
}

/** One line for each item of a plan: hundreds that say the same. */
const ITEM_ACTIONS = new Set(['effect.intended', 'effect.succeeded']);

export async function auditPage({ main, signal }) {
  const entries = [];
  let cursor = '';
  for (let pages = 0; pages < 20; pages += 1) {
    const page = await get(`/audit?limit=200${cursor}`);
    entries.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = `&cursor=${page.nextCursor}`;
  }
  if (signal.aborted) return;
  const list = el('div');
  const everyItem = el('input', { type: 'checkbox', onchange: () => draw() });
  const draw = () => list.replaceChildren(auditTable(entries.toReversed().filter((entry) => everyItem.checked || !ITEM_ACTIONS.has(entry.action))));
  main.replaceChildren(el('h1', {}, 'Audit'), el('label', { class: 'inline' }, everyItem, ' every item'), list);
  draw();
}

/** Where it can be looked at, a link. */
function subject(text) {
  const [kind, id] = text.split(':');
  const page = { run: 'runs', incident: 'incidents' }[kind];
  return page === undefined ? el('code', {}, text) : el('a', { href: `#/${page}/${id}` }, el('code', {}, text));
}

function auditTable(entries) {
  return table(
    ['When', 'Who', 'What', 'Of', 'Detail'],
    entries.map((entry) => [when(entry.at), entry.actor, entry.action, subject(entry.subject), folded(`entry ${entry.position}`, '…', () => el('pre', {}, shown(entry.detail)))]),
    'Nothing yet.',
  );
}
