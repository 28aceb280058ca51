import type { z } from 'zod';
import { didYouMean } from '#kernel/hints.ts';
import type { Json } from '#kernel/json.ts';
import { readSource, type Path } from '#language/document.ts';
import { valueAt } from '#language/read-shape.ts';
import { keysAt } from './keys.ts';

/** One mistake, before it becomes a line. Never holds a value of the file: it might be a secret. */
export interface Mistake {
  readonly path: Path;
  readonly expected: string;
}

/** A YAML file whose mistakes can be told by line and key. */
export interface PlacedYaml {
  readonly value: Json;
  /** `file:line key: expected …` */
  line(mistake: Mistake): string;
  /** In the order of the file. */
  lines(mistakes: readonly Mistake[]): string[];
}

export type ReadYaml = { readonly ok: true; readonly yaml: PlacedYaml } | { readonly ok: false; readonly problems: readonly string[] };

/** An empty file is an empty mapping: everything has a default. */
export function readYaml(file: string, text: string): ReadYaml {
  const { source, problems } = readSource(file, text);
  if (source === undefined) {
    return { ok: false, problems: problems.sorted().map(({ line, message, hint }) => `${file}:${line}: ${message}${hint === undefined ? '' : ` (${hint})`}`) };
  }
  const offset = ({ path }: Mistake): number => source.keyOffsetOf(path);
  const line = (mistake: Mistake): string => `${file}:${lineOf(text, offset(mistake))}${mistake.path.length === 0 ? '' : ` ${dotted(mistake.path)}`}: ${mistake.expected}`;
  return { ok: true, yaml: { value: source.value ?? {}, line, lines: (mistakes) => mistakes.toSorted((a, b) => offset(a) - offset(b)).map(line) } };
}

/** What the issues of a schema mean to the person who wrote the file. */
export function mistakesOf(schema: z.core.$ZodType, value: Json, issues: readonly z.core.$ZodIssue[]): Mistake[] {
  return issues.flatMap((issue): Mistake[] => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: [...path, key], expected: ['unknown key', didYouMean(key, keysAt(schema, path))].filter((part) => part !== undefined).join('; ') }));
      case 'invalid_value':
        return [{ path, expected: `expected one of ${issue.values.map(String).join(', ')}` }];
      case 'invalid_key':
        return [{ path, expected: issue.issues[0]?.message ?? issue.message }];
      case 'invalid_type':
        return [{ path, expected: typeMessage(issue, valueAt(value, path) === undefined) }];
      case 'too_big':
        return [{ path, expected: issue.message.startsWith('expected') ? issue.message : `expected at most ${issue.maximum} entries` }];
      default:
        return [{ path, expected: issue.message }];
    }
  });
}

function typeMessage(issue: z.core.$ZodIssueInvalidType, missing: boolean): string {
  const expected = issue.message.startsWith('expected') ? issue.message : issue.expected === 'object' || issue.expected === 'record' ? 'expected keys and values' : `expected a ${issue.expected}`;
  return missing ? `missing: ${expected.replace('; put it in quotes', '')}` : expected;
}

/** `targets[0].cordum.url` */
function dotted(path: Path): string {
  return path.reduce<string>((out, step) => (typeof step === 'number' ? `${out}[${step}]` : out === '' ? step : `${out}.${step}`), '');
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) line += 1;
  return line;
}
