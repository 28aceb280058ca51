import type { Json } from '#kernel/json.ts';
import { cutText } from '#kernel/text.ts';
import { scan } from './expressions/scan.ts';
import type { FindingRule, OfferRule, Runbook, Waves } from './runbook.ts';
import type { Evaluated, Scope, Template } from './template.ts';
import { unseenBy, type Untold } from './unseen.ts';

const LONGEST_SUBJECT = 120;

/** What a finding says, once its condition holds. The same shape as the engine's `FindingRecord`. */
export interface Found {
  readonly severity: FindingRule['severity'];
  readonly say: string;
  readonly recommends?: string;
}

export interface Diagnosis {
  readonly findings: readonly Found[];
  /** What could not be seen, a sentence each. Nothing is concluded from it: unknown is never healthy. */
  readonly unknowns: readonly string[];
}

export type Opened = { readonly open: true; readonly title: string; readonly needsInputs: boolean } | { readonly open: false; readonly because: string };

/** Evaluates every finding over what the steps have seen. The engine and the runbook's cases both come through here. */
export function evaluateFindings(runbook: Runbook, scope: Scope): Diagnosis {
  const findings: Found[] = [];
  const untold: Untold[] = [];
  for (const rule of runbook.findings) {
    const holds = condition(rule.if, scope);
    if (!holds.ok) {
      untold.push({ why: reason(holds.because), subject: subject(rule) });
      continue;
    }
    if (holds.value !== true) continue;
    const said = rule.say.evaluate(scope);
    // The condition holds, so the finding stands even when its sentence lacks a number.
    const say = said.ok ? text(said.value) : `${rule.say.text} (${said.because})`;
    findings.push(rule.recommends === undefined ? { severity: rule.severity, say } : { severity: rule.severity, say, recommends: rule.recommends });
  }
  return { findings, unknowns: unseenBy(runbook, untold) };
}

/** Whether an offer is made. One whose condition cannot be told is not. */
export function evaluateOffer(offer: OfferRule, scope: Scope): Opened {
  const holds = condition(offer.if, scope);
  if (!holds.ok) return { open: false, because: holds.because };
  if (holds.value !== true) return { open: false, because: 'its condition does not hold' };
  const title = offer.title.evaluate(scope);
  if (!title.ok) return { open: false, because: title.because };
  return { open: true, title: text(title.value), needsInputs: offer.inputs.length > 0 };
}

/** Without a condition of its own a bulk change stops when more than this share of a wave is not done. */
const HALT_SHARE = 0.1;

/** Whether a wave that ended like this halts the rest. A condition that cannot be told halts: unknown is never healthy. */
export function evaluateHalt(waves: Waves, wave: { readonly size: number; readonly done: number; readonly [count: string]: number }, scope: Scope): { readonly halted: boolean; readonly because?: string } {
  if (waves.halt === undefined) return { halted: wave.size - wave.done > wave.size * HALT_SHARE };
  const halts = condition(waves.halt, { ...scope, wave });
  return halts.ok ? { halted: halts.value !== false } : { halted: true, because: halts.because };
}

function condition(template: Template, scope: Scope): Evaluated {
  const holds = template.evaluate(scope);
  if (holds.ok && typeof holds.value !== 'boolean') return { ok: false, because: `cannot tell: ${template.text} is ${holds.value === null ? 'null' : 'not a bool'}` };
  return holds;
}

/** A finding is best known by its sentence, with gaps where it has expressions; one without words by its condition. */
function subject(rule: FindingRule): string {
  const scanned = scan(rule.say.text);
  const said = scanned.ok ? scanned.pieces.map((piece) => (piece.kind === 'text' ? piece.text : '…')).join('') : rule.say.text;
  const words = (/\p{L}/u.test(said) ? said : rule.if.text).replace(/\s+/g, ' ').trim();
  // What follows its first sentence explains, and is mostly gaps.
  const [first = words] = /^.*?[\p{L}\p{N}…)](?=\. )/u.exec(words) ?? [];
  return `"${cutText(first, LONGEST_SUBJECT)}"`;
}

function reason(because: string): string {
  return because.replace(/^cannot tell: /, '');
}

function text(value: Json): string {
  return typeof value === 'string' ? value.trim() : JSON.stringify(value);
}
