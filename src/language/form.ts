/**
 * The inputs that somebody gives for a run or for an offer. A case of a runbook is held to the same rules as a person, so that
 * it cannot fill in a form in a way that nobody could.
 */
import type { Json, JsonObject } from '#kernel/json.ts';
import { redactJson } from '#kernel/redact.ts';
import type { InputField } from './runbook.ts';
import type { Scope } from './template.ts';

/** One text value, characters; longer ones are a paste gone wrong or an attack. */
const TEXT_CHARS_MAX = 10_000;
const LIST_MAX = 10_000;

/** An input as a form shows it: its choices are worked out. */
export interface FormField {
  readonly name: string;
  readonly type: InputField['type'];
  readonly title: string;
  readonly required: boolean;
  /** Null when there is none. */
  readonly default: Json;
  /** The choices; null when any value will do. */
  readonly options: readonly string[] | null;
}

export type FilledIn = { readonly ok: true; readonly inputs: JsonObject } | { readonly ok: false; readonly field: string; readonly message: string };

/** Choices that cannot be told are none: then nothing can be chosen. */
export function formOf(fields: readonly InputField[], scope: Scope): FormField[] {
  return fields.map((field) => ({
    name: field.name,
    type: field.type,
    title: field.title,
    required: field.required,
    default: field.default ?? null,
    options: optionsOf(field.options, scope),
  }));
}

function optionsOf(options: InputField['options'], scope: Scope): readonly string[] | null {
  if (options === undefined) return null;
  if (!('evaluate' in options)) return options;
  const told = options.evaluate(scope);
  return told.ok && Array.isArray(told.value) ? told.value.filter((option) => typeof option === 'string') : [];
}

/** What holds where nothing is given. */
export function defaultInputs(fields: readonly InputField[]): JsonObject {
  return Object.fromEntries(fields.flatMap((field) => (field.default === undefined ? [] : [[field.name, field.default]])));
}

/** Fills in defaults, turns texts of a form or a command line into numbers and booleans, and refuses everything else. */
export function fillIn(fields: readonly FormField[], given: JsonObject): FilledIn {
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
  return { ok: true, inputs };
}

const EXPECTED: Readonly<Record<InputField['type'], string>> = {
  string: `text of at most ${TEXT_CHARS_MAX} characters`,
  int: 'a whole number',
  double: 'a number',
  bool: 'true or false',
  list: 'a list of texts',
};

function convert(field: FormField, raw: Json): Json | undefined {
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

function outsideOptions(field: FormField, value: Json): string | undefined {
  if (field.options === null) return undefined;
  const options = new Set(field.options);
  const chosen = Array.isArray(value) ? value : [value];
  const outside = chosen.find((choice) => !options.has(String(choice)));
  return outside === undefined ? undefined : String(outside);
}

function refuse(field: string, message: string): FilledIn {
  return { ok: false, field, message };
}
