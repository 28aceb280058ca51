/** From findings that cannot be told to what could not be seen: a line for each cause, whatever the number of steps and findings that it hides. */
import type { Runbook } from './runbook.ts';

export interface Untold {
  /** Why its condition has no value. */
  readonly why: string;
  /** The finding, in a few words. */
  readonly subject: string;
}

interface Blind {
  readonly step: string;
  /** `step pods failed`, as it is told when the reason stands elsewhere in the sentence. */
  readonly told: string;
}

interface Cause {
  /** Of the first step that met it: `timeout: no answer within 30s`. */
  readonly text: string;
  readonly blind: Map<string, Blind>;
  readonly subjects: string[];
}

/** Of these there is one cause for all steps of a system, whatever each of them says about it. */
const OF_THE_SYSTEM: ReadonlySet<string> = new Set(['timeout', 'unreachable', 'unauthorised']);

const FAILED = /^step (?<step>\S+) failed \((?<cause>.*)\)$/s;
/** A step that needed the answer of another one, and so on to the one that failed. */
const SKIPPED = /^step (?<step>\S+) was skipped \((?:cannot tell: )?(?<inner>step .*)\)$/s;

export function unseenBy(runbook: Runbook, untold: readonly Untold[]): string[] {
  const causes = new Map<string, Cause>();
  const others = new Map<string, string[]>();
  for (const { why, subject } of untold) {
    const traced = trace(why);
    if (traced === undefined) {
      others.set(why, [...(others.get(why) ?? []), subject]);
      continue;
    }
    const key = keyOf(runbook, traced);
    const cause = causes.get(key) ?? { text: traced.cause, blind: new Map<string, Blind>(), subjects: [] };
    causes.set(key, cause);
    for (const blind of traced.blind) cause.blind.set(blind.step, blind);
    cause.subjects.push(subject);
  }
  return [...[...causes.values()].map(sentence), ...[...others].map(([why, subjects]) => `cannot tell whether ${together(subjects)}: ${why}`)];
}

interface Traced {
  readonly cause: string;
  /** The step that failed first, then those that needed it. */
  readonly blind: readonly Blind[];
}

function trace(why: string): Traced | undefined {
  const failed = FAILED.exec(why)?.groups;
  if (failed !== undefined) {
    const step = failed['step'] ?? '';
    return { cause: failed['cause'] ?? '', blind: [{ step, told: `step ${step} failed` }] };
  }
  const skipped = SKIPPED.exec(why)?.groups;
  const inner = skipped === undefined ? undefined : trace(skipped['inner'] ?? '');
  if (skipped === undefined || inner === undefined) return undefined;
  const step = skipped['step'] ?? '';
  return { cause: inner.cause, blind: [...inner.blind, { step, told: `step ${step} was skipped` }] };
}

function keyOf(runbook: Runbook, { cause, blind: [first] }: Traced): string {
  const reason = /^(\w+):/.exec(cause)?.[1] ?? '';
  const system = runbook.steps.find(({ id }) => id === first?.step)?.uses.name.split('.', 1)[0];
  return system !== undefined && OF_THE_SYSTEM.has(reason) ? `${system} ${reason}` : cause;
}

function sentence({ text, blind, subjects }: Cause): string {
  const [first, ...others] = [...blind.values()];
  const told = [`${first?.told ?? ''} (${text})`, ...others.map((other) => other.told)].join(', ');
  return `cannot see ${listed([...blind.keys()])}: ${told}; so nobody can tell whether ${together(subjects)}`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** One cause hides many findings: they share a sentence, or a card would hold nothing else. */
function together(subjects: readonly string[]): string {
  const [first = '', second, ...others] = subjects;
  if (second === undefined) return first;
  if (others.length === 0) return `${first} or ${second}`;
  return `${first}, ${second} or ${others.length} other finding${others.length === 1 ? '' : 's'}`;
}
