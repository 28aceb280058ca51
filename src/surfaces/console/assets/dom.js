/** Builds elements. Text is always text: nothing from outside is ever read as HTML. */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else if (value === true) node.setAttribute(name, '');
    else node.setAttribute(name, String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : String(child));
  }
}

/** What a status is called where its name alone would puzzle a reader, and what the tiers mean. */
const WORDS = { form: 'needs input', planFailed: 'no plan', nothing: 'nothing to do', approve: 'approved', deny: 'denied' };
const MEANINGS = { R1: 'Reversible and small: one approver', R2: 'One approver, who is not the requester', R3: 'Two people in the named roles, with a typed confirmation and a reason' };

export function badge(status) {
  return el('span', { class: `badge ${status}`, title: MEANINGS[status] }, WORDS[status] ?? status);
}

/** Folded content that is made when it is opened: a plan has hundreds of rows. `key` names it across redraws. */
export function folded(key, summary, make) {
  const details = el('details', { 'data-key': key }, el('summary', {}, summary));
  details.fill = () => {
    details.fill = undefined;
    append(details, [make()]);
  };
  details.addEventListener('toggle', () => details.open && details.fill?.());
  return details;
}

/** Draws a box anew and leaves open what a reader has opened. False while a button in it is held down: try again soon. */
export function update(box, nodes) {
  if (box.matches(':active')) return false;
  const open = new Set([...box.querySelectorAll('details[open]')].map((details) => details.dataset.key));
  const focused = box.contains(document.activeElement) ? document.activeElement.closest('[data-key]')?.dataset.key : undefined;
  box.replaceChildren(...nodes);
  for (const details of box.querySelectorAll('details')) {
    if (!open.has(details.dataset.key)) continue;
    details.fill?.();
    details.open = true;
  }
  if (focused === undefined) return true;
  const again = [...box.querySelectorAll('[data-key]')].find((node) => node.dataset.key === focused);
  (again?.querySelector('summary') ?? again)?.focus({ preventScroll: true });
  return true;
}

export function when(iso) {
  if (iso === null || iso === undefined) return '–';
  return el('time', { datetime: iso, title: iso }, new Date(iso).toLocaleString());
}

export function clock(iso) {
  return el('time', { datetime: iso, title: iso }, new Date(iso).toLocaleTimeString());
}

export function shown(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 1);
}

/** A value in one line, for tables. */
export function brief(value) {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value).map(([name, part]) => `${name}: ${typeof part === 'string' ? part : JSON.stringify(part)}`).join(' · ');
}

export function table(heads, rows, empty) {
  if (rows.length === 0) return el('p', { class: 'quiet' }, empty);
  return el(
    'div',
    { class: 'scroll' },
    el('table', {}, el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col' }, head)))), el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => el('td', {}, cell)))))),
  );
}

export function section(title, ...children) {
  return el('section', {}, el('h2', {}, title), ...children);
}

export function notice(text, kind = 'info') {
  const box = document.getElementById('notice');
  box.replaceChildren(el('p', { class: kind }, text, ' ', el('button', { class: 'link', type: 'button', onclick: () => box.replaceChildren() }, 'Dismiss')));
}

/** Does what a button asks for, says what went wrong, and draws again. */
export async function act(work, redraw) {
  try {
    await work();
  } catch (error) {
    notice(error.message, 'bad');
  }
  await redraw();
}

/** Asks for a few values in a dialog. Resolves to an object of strings (lists for `multiple`), or undefined when cancelled. */
export function ask({ title, text, fields, action, danger }) {
  return new Promise((resolve) => {
    const form = el('form', { method: 'dialog' });
    const dialog = el('dialog', { 'aria-label': title }, form);
    const inputs = fields.map((field) => fieldOf(field));
    form.append(
      el('h2', {}, title),
      el('p', {}, text ?? ''),
      ...inputs.map(({ label }) => label),
      el('div', { class: 'actions' }, el('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, action), el('button', { type: 'button', onclick: () => dialog.close() }, 'Back')),
    );
    let values;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      values = Object.fromEntries(inputs.map(({ name, read }) => [name, read()]));
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(values);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The fields of a form of the API, for `ask`. */
export function fieldsOf(inputs) {
  return inputs.map((field) => ({
    name: field.name,
    title: field.title,
    required: field.required,
    value: field.default ?? undefined,
    options: field.options ?? (field.type === 'bool' ? ['true', 'false'] : undefined),
    multiple: field.type === 'list' && field.options !== null,
  }));
}

function fieldOf(field) {
  if (field.options) {
    const chosen = [field.value ?? []].flat().map(String);
    // What need not be given can be left empty.
    const options = field.multiple || field.required || chosen.length > 0 ? field.options : ['', ...field.options];
    const size = field.multiple ? Math.min(12, Math.max(3, options.length)) : undefined;
    const select = el('select', { name: field.name, multiple: field.multiple, required: field.required, size }, options.map((option) => el('option', { value: option, selected: chosen.includes(option) }, option)));
    return { name: field.name, label: el('label', {}, field.title, select), read: () => (field.multiple ? [...select.selectedOptions].map((option) => option.value) : select.value) };
  }
  const input = el('input', { name: field.name, required: field.required, value: field.value, autocomplete: 'off', placeholder: field.placeholder, pattern: field.pattern, type: field.type ?? 'text' });
  return { name: field.name, label: el('label', {}, field.title, input), read: () => input.value };
}
