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

export function badge(status) {
  return el('span', { class: `badge ${status}` }, status);
}

export function when(iso) {
  if (iso === null || iso === undefined) return '–';
  const time = new Date(iso);
  return el('time', { datetime: iso, title: iso }, time.toLocaleString());
}

export function shown(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 1);
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
  document.activeElement?.blur();
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

function fieldOf(field) {
  if (field.options) {
    const select = el('select', { name: field.name, multiple: field.multiple, required: field.required, size: field.multiple ? Math.min(12, Math.max(3, field.options.length)) : undefined }, field.options.map((option) => el('option', { value: option }, option)));
    return { name: field.name, label: el('label', {}, field.title, select), read: () => (field.multiple ? [...select.selectedOptions].map((option) => option.value) : select.value) };
  }
  const input = el('input', { name: field.name, required: field.required, value: field.value, autocomplete: 'off', placeholder: field.placeholder, pattern: field.pattern, type: field.type ?? 'text' });
  return { name: field.name, label: el('label', {}, field.title, input), read: () => input.value };
}
