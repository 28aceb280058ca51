/** Which page is shown, and the kill switch over all of them. */
import { get, Problem, rememberKey, send } from './api.js';
import { ask, el, notice } from './dom.js';
import { incidentPage, incidentsPage } from './incidents.js';
import { runPage, runsPage } from './runs.js';
import { approvalsPage, auditPage, runbooksPage } from './other.js';

const ROUTES = [
  [/^$/, incidentsPage],
  [/^incidents\/(\w+)$/, incidentPage],
  [/^runs$/, runsPage],
  [/^runs\/(\w+)$/, runPage],
  [/^approvals$/, approvalsPage],
  [/^runbooks$/, runbooksPage],
  [/^audit$/, auditPage],
];

let leave = new AbortController();

async function show() {
  leave.abort();
  leave = new AbortController();
  document.getElementById('notice').replaceChildren();
  const { signal } = leave;
  const path = location.hash.replace(/^#\/?/, '');
  const main = document.getElementById('main');
  const area = path.split('/')[0].replace(/^incidents$/, '');
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#/${area}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (path === 'link-used') {
    main.replaceChildren(el('h1', {}, 'This link has been used or is too old'), el('p', {}, 'The bot has printed a new one, where it was started. Or open the console with an API key.'), keyForm());
    return;
  }
  for (const [pattern, page] of ROUTES) {
    const match = pattern.exec(path);
    if (match === null) continue;
    await guarded(main, () => page({ main, signal, id: match[1] }));
    return;
  }
  main.replaceChildren(el('p', {}, 'There is no such page.'));
}

async function guarded(main, work) {
  try {
    await work();
    await killSwitch();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) main.replaceChildren(el('h1', {}, 'Who are you?'), el('p', {}, error.message), keyForm());
    else main.replaceChildren(el('h1', {}, 'That did not work'), el('p', {}, error.message));
  }
}

function keyForm() {
  const input = el('input', { type: 'password', name: 'key', required: true, autocomplete: 'off' });
  return el(
    'form',
    {
      class: 'inline',
      onsubmit: (event) => {
        event.preventDefault();
        rememberKey(input.value);
        location.hash = '#/';
        void show();
      },
    },
    el('label', {}, 'API key', input),
    el('button', { class: 'primary' }, 'Open'),
  );
}

/** Somebody else may stop all writes, too. */
const LOOK_EVERY_MS = 5000;
let looking;

async function killSwitch() {
  const state = await get('/kill-switch');
  looking ??= setInterval(() => void killSwitch().catch(cannotSee), LOOK_EVERY_MS);
  const button = el('button', { type: 'button', class: state.on ? 'danger' : 'quiet', onclick: () => flip(state.on) }, state.on ? 'Writes are STOPPED' : 'Stop all writes');
  document.getElementById('switch').replaceChildren(button);
  document.body.classList.toggle('stopped', state.on);
  button.title = state.on ? `${state.by}: ${state.reason}` : 'The kill switch: stops every write within a second';
}

/** An old state would be a guess: whoever looks at the switch must know that nobody sees it now. */
function cannotSee() {
  document.getElementById('switch').replaceChildren(el('span', { class: 'bad' }, 'The bot cannot be reached'));
}

async function flip(on) {
  const values = await ask({
    title: on ? 'Let writes happen again' : 'Stop all writes',
    text: on ? 'Only R3 roles may do this.' : 'Nothing is applied any more until somebody of the R3 roles re-arms it.',
    fields: [{ name: 'reason', title: 'Why', required: true }],
    action: on ? 'Re-arm' : 'Stop',
    danger: !on,
  });
  if (values === undefined) return;
  try {
    await send('PUT', '/kill-switch', { on: !on, reason: values.reason });
  } catch (error) {
    notice(error.message, 'bad');
  }
  await killSwitch();
}

addEventListener('hashchange', () => void show());
void show();
