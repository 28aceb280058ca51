import { canonicalJson } from '#kernel/digest.ts';
import { type JsonObject, toJson } from '#kernel/json.ts';
import type { OfferExpectation, RunbookCase } from './case-shape.ts';
import { type Diagnosis, evaluateFindings, evaluateHalt, evaluateOffer } from './diagnose.ts';
import { defaultInputs, fillIn, formOf } from './form.ts';
import type { InputField, OfferRule, Runbook } from './runbook.ts';
import type { Scope } from './template.ts';
import { waveSizes } from './waves.ts';

export interface CaseResult {
  readonly case: string;
  readonly passed: boolean;
  /** A sentence each. */
  readonly failures: readonly string[];
}

/** What the cases so far have reached. */
export interface Reached {
  readonly findings: Set<number>;
  readonly offers: Set<string>;
}

export function checkCase(runbook: Runbook, given: RunbookCase, reached: Reached): CaseResult {
  const scope = scopeOf(runbook, given);
  const failures = [
    ...stepFailures(runbook, given, scope),
    ...findingFailures(given, evaluateFindings(runbook, scope)),
    ...Object.entries(given.expect.offers).flatMap(([id, expected]) => {
      const offer = runbook.offers.find((each) => each.id === id);
      return offer === undefined ? [] : offerFailures(offer, expected, scope).map((failure) => `offer ${id}: ${failure}`);
    }),
    ...doneFailures(runbook, given, scope),
  ];
  runbook.findings.forEach((rule, i) => {
    const holds = rule.if.evaluate(scope);
    if (holds.ok && holds.value === true) reached.findings.add(i);
  });
  for (const offer of runbook.offers) if (evaluateOffer(offer, scope).open) reached.offers.add(offer.id);
  return { case: given.case, passed: failures.length === 0, failures };
}

function scopeOf(runbook: Runbook, given: RunbookCase): Scope {
  const { alert } = given;
  return {
    alert: { firing: !alert.resolved, resolved: alert.resolved, labels: alert.labels, annotations: alert.annotations, startsAt: alert.startsAt },
    inputs: { ...defaultInputs(runbook.inputs), ...(given.inputs as JsonObject) },
    target: given.target,
    steps: given.steps as JsonObject,
  };
}

/** What the engine says of a step whose `if` was looked at and is false. */
const NOT_MET = 'its condition does not hold';

/** A case that gives an output to a step which could not have run with what stands before it, or skips one that would have run, tells a story that cannot be. */
function stepFailures(runbook: Runbook, given: RunbookCase, scope: Scope): string[] {
  return runbook.steps.flatMap((node) => {
    const entry = Object.hasOwn(given.steps, node.id) ? given.steps[node.id] : undefined;
    if (entry !== undefined && 'skipped' in entry && entry.skipped === NOT_MET) {
      const condition = node.if?.evaluate(scope);
      return condition === undefined || (condition.ok && condition.value === true) ? [`step ${node.id} is said to be skipped since ${NOT_MET}, but it does`] : [];
    }
    if (entry === undefined || !('output' in entry) || node.forEach !== undefined) return [];
    const condition = node.if?.evaluate(scope);
    if (condition !== undefined && !(condition.ok && condition.value === true)) return [`step ${node.id} has an output, but its condition does not hold`];
    const input = node.with.evaluate(scope);
    if (!input.ok) return [`step ${node.id} has an output, but its input ${input.because}`];
    return refusal(node.uses.input.safeParse(input.value)).map((why) => `step ${node.id} has an output, but refuses its input: ${why}`);
  });
}

function refusal(read: { readonly success: boolean; readonly error?: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] } | undefined }): string[] {
  const issue = read.error?.issues[0];
  return issue === undefined ? [] : [`${issue.path.map(String).join('.')}: ${issue.message}`];
}

function findingFailures(given: RunbookCase, diagnosis: Diagnosis): string[] {
  const { expect } = given;
  const failures: string[] = [];
  const expected = expect.noFindings === true ? [] : expect.findings;
  if (expected !== undefined) {
    const left = [...diagnosis.findings];
    for (const want of expected) {
      const at = left.findIndex(
        (found) =>
          found.severity === want.severity &&
          (want.say === undefined || found.say.includes(want.say)) &&
          (want.exactly === undefined || found.say === want.exactly) &&
          (want.recommends === undefined || found.recommends === want.recommends),
      );
      if (at < 0) failures.push(`expected the finding ${JSON.stringify(want)}, found ${show(diagnosis.findings.map((found) => `${found.severity}: ${found.say}`))}`);
      else left.splice(at, 1);
    }
    failures.push(...left.map((found) => `did not expect the finding "${found.severity}: ${found.say}"`));
  }
  const { unknowns } = diagnosis;
  const missed = expect.unknowns.filter((want) => !unknowns.some((unknown) => unknown.includes(want)));
  failures.push(...missed.map((want) => `expected "${want}" among what is unknown, found ${show(unknowns)}`));
  const stray = unknowns.filter((unknown) => !expect.unknowns.some((want) => unknown.includes(want)));
  failures.push(...stray.map((unknown) => `did not expect "${unknown}"`));
  return failures;
}

function show(texts: readonly string[]): string {
  return texts.length === 0 ? 'nothing' : texts.map((text) => JSON.stringify(text)).join(', ');
}

function offerFailures(offer: OfferRule, expected: OfferExpectation, scope: Scope): string[] {
  const failures: string[] = [];
  const opened = evaluateOffer(offer, scope);
  if (opened.open !== expected.open) failures.push(opened.open ? 'it is open' : `it is closed: ${opened.because}`);
  if (expected.because !== undefined && (opened.open || !opened.because.includes(expected.because))) failures.push(`expected the reason "${expected.because}", got ${opened.open ? 'an open offer' : `"${opened.because}"`}`);
  if (expected.title !== undefined && opened.open && opened.title !== expected.title) failures.push(`expected the title "${expected.title}", got "${opened.title}"`);
  if (expected.tier !== undefined && offer.tier !== expected.tier) failures.push(`expected tier ${expected.tier}, got ${offer.tier}`);
  if (opened.open) failures.push(...inputFailures(offer, expected, scope));
  if (expected.waves !== undefined) {
    const sizes = waveSizes(offer.waves, expected.waves.items);
    if (!same(sizes, expected.waves.sizes)) failures.push(`expected waves of ${expected.waves.sizes.join(', ')}, got ${sizes.join(', ')}`);
  }
  for (const probe of expected.halt ?? []) {
    const halted = evaluateHalt(offer.waves, probe.wave, scope).halted;
    if (halted !== probe.halted) failures.push(`expected that ${JSON.stringify(probe.wave)} ${probe.halted ? 'halts' : 'does not halt'}`);
  }
  return failures;
}

/** An offer with a form has no input before the form is filled in, so it is looked at only with `inputs`. */
function inputFailures(offer: OfferRule, expected: OfferExpectation, scope: Scope): string[] {
  if (offer.inputs.length > 0 && expected.inputs === undefined) return expected.with === undefined ? [] : ['it has a form: say under "inputs" how it is filled in'];
  const untold = offer.inputs.flatMap((input) => whyUntold(input, scope));
  if (untold.length > 0) return untold;
  const filled = fillIn(formOf(offer.inputs, scope), (expected.inputs ?? {}) as JsonObject);
  if (!filled.ok) return [`input ${filled.field}: ${filled.message}`];
  const inputs = { ...(scope['inputs'] as JsonObject), ...filled.inputs };
  const value = offer.with.evaluate({ ...scope, inputs });
  if (!value.ok) return [value.because];
  const failures = refusal(offer.uses.input.safeParse(value.value)).map((why) => `its step refuses the input: ${why}`);
  for (const [key, want] of Object.entries(expected.with ?? {})) {
    const got = Object.hasOwn(value.value as object, key) ? (value.value as JsonObject)[key] : undefined;
    if (!same(got, want)) failures.push(`expected "${key}" to be ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
  }
  return failures;
}

/** To a person choices that cannot be told are none; the author of a case wants to know why. */
function whyUntold({ name, options }: InputField, scope: Scope): string[] {
  const told = options !== undefined && 'evaluate' in options ? options.evaluate(scope) : undefined;
  return told?.ok === false ? [`input ${name}: its options: ${told.because}`] : [];
}

function doneFailures(runbook: Runbook, given: RunbookCase, scope: Scope): string[] {
  if (given.expect.done === undefined) return [];
  const holds = runbook.done.when?.evaluate(scope);
  if (holds === undefined) return ['the runbook has no "done.when"'];
  const done = holds.ok && holds.value === true;
  return done === given.expect.done ? [] : [`expected done to be ${String(given.expect.done)}${holds.ok ? '' : ` (${holds.because})`}`];
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(toJson(a)) === canonicalJson(toJson(b));
}
