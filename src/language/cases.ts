import { z } from 'zod';
import { didYouMean } from '#kernel/hints.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { type RunbookCase, caseShape } from './case-shape.ts';
import { type CaseResult, type Reached, checkCase } from './check-case.ts';
import type { Diagnostic } from './diagnostic.ts';
import { type Path, type Problems, type SourceFile, readSource } from './document.ts';
import { readShape } from './read-shape.ts';
import type { Runbook } from './runbook.ts';

const MAX_CASES = 200;

export interface CasesReport {
  readonly results: readonly CaseResult[];
  readonly diagnostics: readonly Diagnostic[];
  /** What no case reaches: findings by their index in the file, offers by id. */
  readonly coverage: { readonly findings: readonly number[]; readonly offers: readonly string[] };
}

/**
 * Runs the cases of a runbook: given what the steps saw, which findings and offers follow. Pure, and by the same functions as
 * the engine. `file` is `<name>.cases.yaml`, for messages. Outputs must pass the steps' schemas, so a case cannot pretend.
 */
export function runCases({ runbook, file, text }: { readonly runbook: Runbook; readonly file: string; readonly text: string }): CasesReport {
  const { source, problems } = readSource(file, text);
  const reached: Reached = { findings: new Set(), offers: new Set() };
  const results: CaseResult[] = [];
  if (source !== undefined) {
    for (const [i, value] of listOf(source, problems).entries()) {
      const before = problems.diagnostics.length;
      const shape = readShape(caseShape, value, [i], source, problems);
      if (shape === undefined || problems.diagnostics.length > before || !isSound(shape, runbook, [i], source, problems)) continue;
      results.push(checkCase(runbook, shape, reached));
    }
  }
  return {
    results,
    diagnostics: problems.sorted(),
    coverage: {
      findings: runbook.findings.flatMap((_, i) => (reached.findings.has(i) ? [] : [i])),
      offers: runbook.offers.flatMap((offer) => (reached.offers.has(offer.id) ? [] : [offer.id])),
    },
  };
}

function listOf(source: SourceFile, problems: Problems): readonly Json[] {
  if (!Array.isArray(source.value)) {
    problems.add(0, 'bad-value', 'expected a list of cases', 'each begins with "- case: …"');
    return [];
  }
  const cases = source.value as readonly Json[];
  if (cases.length > MAX_CASES) problems.add(0, 'too-large', `a file may hold at most ${MAX_CASES} cases`);
  return cases.slice(0, MAX_CASES);
}

/** Names that the runbook does not have, and outputs that its steps could never give. */
function isSound(shape: RunbookCase, runbook: Runbook, path: Path, source: SourceFile, problems: Problems): boolean {
  const before = problems.diagnostics.length;
  const nodes = new Map(runbook.steps.map((node) => [node.id, node]));
  const offers = runbook.offers.map((offer) => offer.id);
  for (const [id, given] of Object.entries(shape.steps)) {
    const node = nodes.get(id);
    const at = [...path, 'steps', id];
    if (node === undefined) problems.add(source.keyOffsetOf(at), 'unknown-reference', `the runbook has no step "${id}"`, didYouMean(id, nodes.keys()));
    else if ('output' in given) {
      const schema = node.forEach === undefined ? node.uses.output : z.strictObject({ items: z.array(node.uses.output) });
      checkOutput(schema, given.output as JsonObject, [...at, 'output'], source, problems);
    }
  }
  for (const id of Object.keys(shape.expect.offers)) {
    if (!offers.includes(id)) problems.add(source.keyOffsetOf([...path, 'expect', 'offers', id]), 'unknown-reference', `the runbook has no offer "${id}"`, didYouMean(id, offers));
  }
  return problems.diagnostics.length === before;
}

function checkOutput(schema: z.ZodType, output: JsonObject, path: Path, source: SourceFile, problems: Problems): void {
  const read = schema.safeParse(output);
  if (!read.success) {
    for (const issue of read.error.issues) {
      const at = [...path, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
      problems.add(source.offsetOf(at), 'bad-output', `the step never answers this, at "${String(at.at(-1))}": ${issue.message}`);
    }
    return;
  }
  const stray = strayKey(output, read.data);
  if (stray !== undefined) problems.add(source.keyOffsetOf([...path, ...stray]), 'bad-output', `the step never answers a field "${String(stray.at(-1))}"`);
}

/** The path of a key that the schema has dropped. */
function strayKey(given: unknown, read: unknown): Path | undefined {
  if (typeof given !== 'object' || given === null || typeof read !== 'object' || read === null) return undefined;
  for (const [key, value] of Object.entries(given)) {
    const step = Array.isArray(given) ? Number(key) : key;
    if (!Object.hasOwn(read, key)) return [step];
    const below = strayKey(value, (read as Readonly<Record<string, unknown>>)[key]);
    if (below !== undefined) return [step, ...below];
  }
  return undefined;
}
