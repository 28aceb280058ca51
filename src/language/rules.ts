import { didYouMean } from '#kernel/hints.ts';
import type { Json } from '#kernel/json.ts';
import { type AnyStep, TIERS, isWrite } from '#step-kit/index.ts';
import { type Compiling, compileAs } from './compile.ts';
import type { Path } from './document.ts';
import { BOOL, STRING } from './expressions/types.ts';
import { readInputs } from './inputs.ts';
import { namesOf, withWave } from './names.ts';
import { readShape } from './read-shape.ts';
import type { FindingRule, InputField, OfferRule } from './runbook.ts';
import { findingShape, offerShape } from './shape.ts';
import { type Steps, findStep } from './steps.ts';
import { compileWith } from './with.ts';

export function readFindings(values: readonly Json[], path: Path, within: Compiling, offers: ReadonlySet<string>): FindingRule[] {
  const rules: FindingRule[] = [];
  for (const [i, value] of values.entries()) {
    const at = [...path, i];
    const shape = readShape(findingShape, value, at, within.source, within.problems, { if: '${{ true }}', severity: 'info', say: '-' });
    if (shape === undefined) continue;
    if (shape.recommends !== undefined && !offers.has(shape.recommends)) {
      within.problems.add(within.source.offsetOf([...at, 'recommends']), 'unknown-reference', `there is no offer "${shape.recommends}"`, didYouMean(shape.recommends, offers));
    }
    rules.push({
      if: compileAs([...at, 'if'], shape.if, BOOL, '"if"', within).template,
      severity: shape.severity,
      say: compileAs([...at, 'say'], shape.say, STRING, '"say"', within).template,
      ...(shape.recommends === undefined ? {} : { recommends: shape.recommends }),
    });
  }
  return rules;
}

/** Reads `offers:`; the ids include those of offers with mistakes, so that a finding may still name them. */
export function readOffers(values: readonly Json[], path: Path, within: Compiling, inputs: readonly InputField[], known: Steps): { readonly rules: OfferRule[]; readonly ids: ReadonlySet<string> } {
  const rules: OfferRule[] = [];
  const ids = new Set<string>();
  for (const [i, value] of values.entries()) {
    const at = [...path, i];
    const id: unknown = typeof value === 'object' && value !== null && 'id' in value ? value['id'] : undefined;
    if (typeof id === 'string' && ids.has(id)) within.problems.add(within.source.offsetOf([...at, 'id']), 'duplicate-id', `there is already an offer "${id}"`);
    if (typeof id === 'string') ids.add(id);
    const rule = readOffer(value, at, within, inputs, known);
    if (rule !== undefined) rules.push(rule);
  }
  return { rules, ids };
}

function readOffer(value: Json, at: Path, within: Compiling, inputs: readonly InputField[], known: Steps): OfferRule | undefined {
  const { source, problems } = within;
  const shape = readShape(offerShape, value, at, source, problems, { title: '-', if: '${{ true }}' });
  if (shape === undefined) return undefined;
  const own = readInputs(shape.inputs as readonly Json[], [...at, 'inputs'], within, inputs.map((input) => input.name));
  // The condition and the title are read before the form is filled in, the rest after it.
  const late = { ...within, names: namesOf([...inputs, ...own], within.names.steps) };
  const title = compileAs([...at, 'title'], shape.title, STRING, '"title"', within).template;
  const condition = compileAs([...at, 'if'], shape.if, BOOL, '"if"', within).template;
  const waves = [...at, 'waves'];
  const halt = shape.waves.halt === undefined ? undefined : compileAs([...waves, 'halt'], shape.waves.halt, BOOL, '"halt"', { ...within, names: withWave(within.names) }).template;
  const uses = findStep(shape.uses, [...at, 'uses'], within, known);
  if (uses === undefined) return undefined;
  if (!isWriteStep(uses)) {
    problems.add(source.offsetOf([...at, 'uses']), 'read-step', `${uses.name} only reads: an offer changes something`, 'put it under "steps:"');
    return undefined;
  }
  const tier = shape.tier ?? uses.tier;
  if (TIERS.indexOf(tier) < TIERS.indexOf(uses.tier)) {
    problems.add(source.offsetOf([...at, 'tier']), 'lower-tier', `${uses.name} is ${uses.tier}: a runbook may raise a tier, never lower it`, `leave "tier" out, or write ${TIERS.slice(TIERS.indexOf(uses.tier)).join(' or ')}`);
  }
  return {
    id: shape.id,
    title,
    if: condition,
    uses,
    with: compileWith([...at, 'with'], shape.with as Json, uses, late).template,
    tier,
    inputs: own,
    waves: { sizes: shape.waves.sizes, pauseMs: shape.waves.pause, deadlineMs: shape.waves.deadline, ...(halt === undefined ? {} : { halt }) },
  };
}

function isWriteStep(step: AnyStep): step is OfferRule['uses'] {
  return isWrite(step);
}
