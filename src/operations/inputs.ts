/** The inputs that a person or a script gives for a run or for an offer, checked against the runbook's fields. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { redactJson } from '#kernel/redact.ts';
import type { InputFieldView } from '#engine/model/views.ts';
import type { Answer, Problem } from './operations.ts';

/** One text value, characters; longer ones are a paste gone wrong or an attack. */
const TEXT_CHARS_MAX = 10_000;
const LIST_MAX = 10_000;

/** Fills in defaults, turns texts of a form or a command line into numbers and booleans, and refuses everything else. */
export function checkInputs(fields: readonly InputFieldView[], given: JsonObject): Answer<JsonObject> {
  const known = new Map(fields.map((field) => [field.name, field]));
  const stray = Object.keys(given).find((name) => !known.has(name));
  if (stray !== undefined) return refuse(stray, `there is no input "${stray}"; the inputs are: ${[...known.keys()].join(', ') || 'none'}`);
  const inputs: Record<string, Json> = {};
  for (const field of fields) {
    const raw = Object.hasOwn(given, field.name) ? (given[field.name] ?? null) : null;
    const value = raw === null || raw === '' ? field.default : convert(field, raw);
    if (value === undefined) return refuse(field.name, `"${field.title}" must be ${EXPECTED[field.type]}`);
    if (value === null) {
      if (field.required) return refuse(field.name, `"${field.title}" is required`);
      continue;
    }
    const outside = outsideOptions(field, value);
    if (outside !== undefined) return refuse(field.name, `"${outside}" is not one of the choices of "${field.title}"`);
    if (field.options === null && holdsSecret(value)) return refuse(field.name, `"${field.title}" looks like it holds a secret, and inputs are kept for ever: leave it out, or name where it is kept`);
    if (field.required && Array.isArray(value) && value.length === 0) return refuse(field.name, `"${field.title}" needs at least one choice`);
    inputs[field.name] = value;
  }
  return { ok: true, value: inputs };
}

const EXPECTED: Readonly<Record<InputFieldView['type'], string>> = {
  string: `text of at most ${TEXT_CHARS_MAX} characters`,
  int: 'a whole number',
  double: 'a number',
  bool: 'true or false',
  list: 'a list of texts',
};

function convert(field: InputFieldView, raw: Json): Json | undefined {
  switch (field.type) {
    case 'string':
      return typeof raw === 'string' && raw.length <= TEXT_CHARS_MAX ? raw : undefined;
    case 'int':
      return whole(raw);
    case 'double':
      return number(raw);
    case 'bool':
      if (typeof raw === 'boolean') return raw;
      return raw === 'true' ? true : raw === 'false' ? false : undefined;
    case 'list':
      return texts(raw);
  }
}

function number(raw: Json): number | undefined {
  const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function whole(raw: Json): number | undefined {
  const value = number(raw);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

function texts(raw: Json): string[] | undefined {
  const list = typeof raw === 'string' ? raw.split(',').map((part) => part.trim()).filter((part) => part !== '') : raw;
  if (!Array.isArray(list) || list.length > LIST_MAX) return undefined;
  const all = list.filter((entry): entry is string => typeof entry === 'string' && entry.length <= TEXT_CHARS_MAX);
  return all.length === list.length ? [...new Set(all)] : undefined;
}

function holdsSecret(value: Json): boolean {
  return JSON.stringify(redactJson(value)) !== JSON.stringify(value);
}

function outsideOptions(field: InputFieldView, value: Json): string | undefined {
  if (field.options === null) return undefined;
  const options = new Set(field.options);
  const chosen = Array.isArray(value) ? value : [value];
  const outside = chosen.find((choice) => !options.has(String(choice)));
  return outside === undefined ? undefined : String(outside);
}

function refuse(field: string, message: string): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: { code: 'invalid', message, field: `inputs.${field}` } };
}
