/** THE list of steps: a system's own list, one line each. A test compares it with the folders on disk. */
import { cordumSteps } from '#systems/cordum/catalogue.ts';
import type { AnyStep } from '#step-kit/index.ts';

export const catalogue: readonly AnyStep[] = [...cordumSteps];

export function stepsByName(): ReadonlyMap<string, AnyStep> {
  return new Map(catalogue.map((step) => [step.name, step]));
}
