/** Incidents: the list, and one of them with its alerts and runs. */
import { get, send } from './api.js';
import { ask, badge, el, notice, section, table, update, when } from './dom.js';
import { runBlock } from './runs.js';

const LOOK_AGAIN_MS = 3000;

export async function incidentsPage({ main, signal }) {
  const draw = async () => {
    const [open, closed] = await Promise.all([get('/incidents?status=open'), get('/incidents?status=closed&limit=20')]);
    if (signal.aborted) return;
    main.replaceChildren(el('h1', {}, 'Incidents'), list(open.items, 'Nothing is open.'), section('Closed', list(closed.items, 'None yet.')));
  };
  await draw();
  every(LOOK_AGAIN_MS, signal, draw);
}

function list(items, empty) {
  return table(
    ['Status', 'Incident', 'Severity', 'Target', 'Runbook', 'Opened'],
    items.map((incident) => [badge(incident.status), el('a', { href: `#/incidents/${incident.id}` }, incident.title), badge(incident.severity || 'none'), incident.target, incident.runbook ?? 'none matches', when(incident.openedAt)]),
    empty,
  );
}

export async function incidentPage({ main, signal, id }) {
  const head = el('div');
  const runs = el('div');
  main.replaceChildren(head, runs);
  const shownRuns = new Set();
  const draw = async () => {
    const incident = await get(`/incidents/${id}`);
    if (signal.aborted) return;
    update(head, incidentHead(incident, draw));
    for (const runId of incident.runs) {
      if (shownRuns.has(runId)) continue;
      shownRuns.add(runId);
      const box = el('div');
      runs.append(box);
      await runBlock(box, runId, signal, true);
    }
  };
  await draw();
  every(LOOK_AGAIN_MS, signal, draw);
}

function incidentHead(incident, again) {
  return [
    el('h1', {}, badge(incident.status), ' ', incident.title),
    el('p', {}, 'Target ', el('strong', {}, incident.target), ', severity ', badge(incident.severity || 'none'), ', opened ', when(incident.openedAt), incident.closedAt === null ? '' : [', closed ', when(incident.closedAt), ` by ${incident.closedBy}: ${incident.closedBecause}`]),
    ...incident.notes.map((note) => el('p', { class: 'note' }, note)),
    table(
      ['Alert', 'Since', 'Until', 'Labels'],
      incident.alerts.map((alert) => [badge(alert.status), when(alert.startsAt), when(alert.endsAt), el('span', { class: 'labels' }, Object.entries(alert.labels).map(([name, value]) => el('code', {}, `${name}=${value}`)))]),
      'No alerts.',
    ),
    incident.status === 'open' && el('div', { class: 'actions' }, el('button', { type: 'button', 'data-key': 'close', onclick: () => close(incident.id, again) }, 'Close incident')),
  ].filter(Boolean);
}

async function close(id, again) {
  const values = await ask({ title: 'Close the incident', text: 'Its runs are cancelled. An alert that still fires opens a new incident only when it starts anew.', fields: [{ name: 'reason', title: 'Why is it over?', required: true }], action: 'Close' });
  if (values === undefined) return;
  try {
    await send('POST', `/incidents/${id}/close`, { reason: values.reason });
    await again();
  } catch (error) {
    notice(error.message, 'bad');
  }
}

export function every(ms, signal, work) {
  const timer = setInterval(() => {
    work().catch((error) => notice(error.message, 'bad'));
  }, ms);
  signal.addEventListener('abort', () => clearInterval(timer));
}
