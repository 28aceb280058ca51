import type { Json } from '#kernel/json.ts';
import type { Path } from '#language/document.ts';
import type { Mistake } from './source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\{([^}]*)\}?/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Replaces `${NAME}` in the strings of a parsed file: never in keys, and never before parsing, so that no variable can add
 * structure. What was put in is not looked at again.
 */
export function replaceVariables(value: Json, env: Environment): { readonly value: Json; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const walk = (at: Json, path: Path): Json => {
    if (typeof at === 'string') return replaceIn(at, env, (expected) => mistakes.push({ path, expected }));
    if (typeof at !== 'object' || at === null) return at;
    if (Array.isArray(at)) return at.map((entry: Json, i) => walk(entry, [...path, i]));
    return Object.fromEntries(Object.entries(at).map(([key, entry]) => [key, walk(entry, [...path, key])]));
  };
  return { value: walk(value, []), mistakes };
}

function replaceIn(text: string, env: Environment, mistake: (expected: string) => void): string {
  return text.replaceAll(REFERENCE, (whole: string, name: string) => {
    const named = NAME.test(name) && whole.endsWith('}');
    const found = named && Object.hasOwn(env, name) ? env[name] : undefined;
    if (found !== undefined) return found;
    mistake(named ? `expected the environment variable ${name}, which is not set` : 'expected ${NAME} with the name of an environment variable');
    return '';
  });
}
