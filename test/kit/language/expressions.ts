import { readSource } from '#language/document.ts';
import { compile } from '#language/compile.ts';
import type { Diagnostic } from '#language/diagnostic.ts';
import { typeOfSchema } from '#language/expressions/schema.ts';
import { type CelType, typeName } from '#language/expressions/types.ts';
import { namesOf, withWave } from '#language/names.ts';
import type { Evaluated, Scope } from '#language/template.ts';
import { STEPS } from './steps.ts';

const outputs = new Map<string, CelType>([
  ['entries', typeOfSchema(STEPS.get('shop.dlq.list')!.output, 'output')],
  ['triage', typeOfSchema(STEPS.get('shop.dlq.triage')!.output, 'output')],
]);

export interface Tried {
  readonly type: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly messages: readonly string[];
  readonly steps: readonly string[];
  run(scope?: Scope): Evaluated;
}

/** Compiles one value as it would stand under `value:` in a file, over the steps `entries` and `triage` and a `wave`. */
export function tryValue(yaml: string): Tried {
  const { source, problems } = readSource('t.yaml', `value: ${yaml}\n`);
  if (source === undefined) return { type: 'none', steps: [], diagnostics: problems.sorted(), messages: problems.sorted().map((each) => each.message), run: () => ({ ok: false, because: 'not YAML' }) };
  const names = withWave(namesOf([{ name: 'limit', type: 'int', title: '', required: true }, { name: 'topic', type: 'string', title: '', required: false }], outputs));
  const value = (source.value as { value: Parameters<typeof compile>[1] }).value;
  const compiled = compile(['value'], value, { source, problems, names });
  return {
    type: typeName(compiled.type),
    diagnostics: problems.sorted(),
    messages: problems.sorted().map((each) => (each.hint === undefined ? each.message : `${each.message} (${each.hint})`)),
    steps: compiled.template.steps,
    run: (scope = SCOPE) => compiled.template.evaluate(scope),
  };
}

/** The same for an expression alone, put in single quotes for YAML. */
export function tryExpression(text: string): Tried {
  return tryValue(`'\${{ ${text.replaceAll("'", "''")} }}'`);
}

/** The value of an expression that must check and evaluate. */
export function valueOf(text: string, scope: Scope = SCOPE): unknown {
  const tried = tryExpression(text);
  if (tried.messages.length > 0) throw new Error(tried.messages.join('; '));
  const result = tried.run(scope);
  if (!result.ok) throw new Error(result.because);
  return result.value;
}

export function entry(jobId: string, more: Readonly<Record<string, unknown>> = {}): Record<string, never> {
  return { jobId, topic: 'job.a', reasonCode: 'x', attempts: 2, ageHours: 1.5, labels: {}, ...more } as unknown as Record<string, never>;
}

export const SCOPE: Scope = {
  alert: { firing: true, resolved: false, labels: { alertname: 'X', pod: 'api-0' }, annotations: {}, startsAt: '2026-11-20T10:00:00Z' },
  inputs: { limit: 5 },
  target: 'prod',
  wave: { index: 1, size: 20, done: 17, returned: 3, failed: 0, unknown: 0 },
  steps: {
    entries: { output: { items: [entry('j1'), entry('j2', { attempts: 7, why: 'late' })], total: 2, newest: null, share: 2, status: 'ok', note: null } },
    triage: { output: { byReason: [{ code: 'a', count: 12, jobs: [{ id: 'j1' }] }], safe: [entry('j1')] } },
  },
};
