import { sha256 } from '#kernel/digest.ts';
import type { Json } from '#kernel/json.ts';
import type { AnyStep } from '#step-kit/index.ts';
import { type Compiling, compileAs } from './compile.ts';
import type { Diagnostic } from './diagnostic.ts';
import { readSource } from './document.ts';
import { BOOL } from './expressions/types.ts';
import { readInputs } from './inputs.ts';
import { parseMatcher } from './match.ts';
import { namesOf } from './names.ts';
import { readFindings, readOffers } from './rules.ts';
import { readShape } from './read-shape.ts';
import type { Runbook, Trigger } from './runbook.ts';
import { runbookShape } from './shape.ts';
import { readSteps } from './steps.ts';

export interface Loaded {
  /** Absent when the file has any error. */
  readonly runbook?: Runbook;
  readonly diagnostics: Diagnostic[];
}

/**
 * Reads one runbook. Pure: text in, runbook and diagnostics out; never throws, whatever the text. All mistakes of the file
 * are reported at once, in its order. `file` is for messages, and its base name must be the runbook's name.
 */
export function loadRunbook({ file, text, steps }: { readonly file: string; readonly text: string; readonly steps: ReadonlyMap<string, AnyStep> }): Loaded {
  const { source, problems } = readSource(file, text);
  if (source === undefined) return { diagnostics: problems.sorted() };
  const name = baseName(file);
  const top = readShape(runbookShape, source.value, [], source, problems, { runbook: name, title: '-', owner: '-' });
  if (top === undefined) return { diagnostics: problems.sorted() };
  const base: Compiling = { source, problems, names: namesOf([], new Map()) };

  const inputs = readInputs(top.inputs as readonly Json[], ['inputs'], base);
  const { nodes, outputs } = readSteps(top.steps as readonly Json[], ['steps'], base, inputs, steps);
  const within: Compiling = { ...base, names: namesOf(inputs, outputs) };
  const offers = readOffers(top.offers as readonly Json[], ['offers'], within, inputs, steps);
  const findings = readFindings(top.findings as readonly Json[], ['findings'], within, offers.ids);
  const triggers = readTriggers(top.triggers, within);
  for (const [i, input] of inputs.entries()) {
    if (triggers.length === 0 || !input.required || input.default !== undefined) continue;
    problems.add(source.offsetOf(['inputs', i]), 'bad-value', `nobody fills in "${input.name}" when an alert starts this runbook`, 'give it a default, or make it not required');
  }
  const when = top.done.when === undefined ? undefined : compileAs(['done', 'when'], top.done.when, BOOL, '"when"', within).template;
  if (top.runbook !== name) {
    problems.add(source.offsetOf(['runbook']), 'name-mismatch', `the runbook is named "${top.runbook}" but its file "${name}"`, 'name both the same');
  }

  const diagnostics = problems.sorted();
  if (problems.failed) return { diagnostics };
  const runbook: Runbook = {
    name: top.runbook,
    title: top.title,
    owner: top.owner,
    description: top.description ?? '',
    revision: sha256(text),
    source: text,
    file,
    triggers,
    inputs,
    steps: nodes,
    findings,
    offers: offers.rules,
    done: when === undefined ? { withinMs: top.done.within } : { when, withinMs: top.done.within },
  };
  return { runbook: Object.freeze(runbook), diagnostics };
}

function baseName(file: string): string {
  return (file.split(/[/\\]/).at(-1) ?? file).replace(/(?:\.cases)?\.ya?ml$/, '');
}

function readTriggers(values: readonly { readonly alert: readonly string[] }[], within: Compiling): Trigger[] {
  const { source, problems } = within;
  const triggers: Trigger[] = [];
  for (const [i, value] of values.entries()) {
    const matchers: Trigger['matchers'][number][] = [];
    let sound = true;
    for (const [j, text] of value.alert.entries()) {
      const parsed = parseMatcher(text);
      if (parsed.ok) matchers.push(parsed.matcher);
      else {
        sound = false;
        problems.add(source.offsetOf(['triggers', i, 'alert', j]), 'bad-matcher', parsed.message, parsed.hint);
      }
    }
    if (sound && !matchers.some((matcher) => matcher.label === 'alertname' && matcher.op === '=' && matcher.value !== '')) {
      problems.add(source.offsetOf(['triggers', i, 'alert']), 'no-alertname', 'a trigger writes out the name of its alert', 'add alertname="…"; several names are several triggers');
    }
    triggers.push({ matchers });
  }
  return triggers;
}
