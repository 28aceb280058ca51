/** Every step of this system, one line each. A test compares this list with the folder `steps/`. */
import type { AnyStep } from '#step-kit/index.ts';
import { dlqList } from './steps/dlq-list.ts';
import { dlqTriage } from './steps/dlq-triage.ts';

export const cordumSteps: readonly AnyStep[] = [
  dlqList,
  dlqTriage,
];
