/** One thing that a drill has looked at. Names are `store.subject.aspect`. Skipped is never passed: it is listed as what it is. */
export const CHECK_STATUSES = ['passed', 'failed', 'warning', 'skipped'] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];

export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  /** One sentence, with the numbers. */
  readonly detail: string;
}

export function passed(name: string, detail: string): Check {
  return { name, status: 'passed', detail };
}

export function failed(name: string, detail: string): Check {
  return { name, status: 'failed', detail };
}

export function warning(name: string, detail: string): Check {
  return { name, status: 'warning', detail };
}

export function skipped(name: string, detail: string): Check {
  return { name, status: 'skipped', detail };
}

/** Up to so many names in one sentence. */
const NAMES_SHOWN = 5;

export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}
