/** Every step of this system, one line each. A test compares this list with the folder `steps/`. */
import type { AnyStep } from '#step-kit/index.ts';
import { dlqDelete } from './steps/dlq-delete.ts';
import { dlqList } from './steps/dlq-list.ts';
import { dlqRetry } from './steps/dlq-retry.ts';
import { dlqTriage } from './steps/dlq-triage.ts';
import { healthGet } from './steps/health-get.ts';
import { jobsGet } from './steps/jobs-get.ts';
import { jobsList } from './steps/jobs-list.ts';
import { poolsList } from './steps/pools-list.ts';
import { statusGet } from './steps/status-get.ts';
import { topicsList } from './steps/topics-list.ts';
import { tracesGet } from './steps/traces-get.ts';
import { workersList } from './steps/workers-list.ts';

export const cordumSteps: readonly AnyStep[] = [
  dlqDelete,
  dlqList,
  dlqRetry,
  dlqTriage,
  healthGet,
  jobsGet,
  jobsList,
  poolsList,
  statusGet,
  topicsList,
  tracesGet,
  workersList,
];
