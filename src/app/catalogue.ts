/** THE list of steps, one line each. A test compares it with the folders on disk. */
import type { AnyStep } from '#step-kit/index.ts';
import { dlqDelete } from '#systems/cordum/steps/dlq-delete.ts';
import { dlqList } from '#systems/cordum/steps/dlq-list.ts';
import { dlqRetry } from '#systems/cordum/steps/dlq-retry.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import { healthGet } from '#systems/cordum/steps/health-get.ts';
import { jobsGet } from '#systems/cordum/steps/jobs-get.ts';
import { jobsList } from '#systems/cordum/steps/jobs-list.ts';
import { poolsList } from '#systems/cordum/steps/pools-list.ts';
import { statusGet } from '#systems/cordum/steps/status-get.ts';
import { topicsList } from '#systems/cordum/steps/topics-list.ts';
import { tracesGet } from '#systems/cordum/steps/traces-get.ts';
import { workersList } from '#systems/cordum/steps/workers-list.ts';
import { clusterGet as natsClusterGet } from '#systems/nats/steps/cluster-get.ts';
import { connectionsList } from '#systems/nats/steps/connections-list.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { deadLettersWatch } from '#systems/nats/steps/dead-letters-watch.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { serverHealth } from '#systems/nats/steps/server-health.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { healthCheck } from '#systems/grpc/steps/health-check.ts';
import { alertsList as prometheusAlertsList } from '#systems/prometheus/steps/alerts-list.ts';
import { queryInstant } from '#systems/prometheus/steps/query-instant.ts';
import { queryRange } from '#systems/prometheus/steps/query-range.ts';
import { rulesList } from '#systems/prometheus/steps/rules-list.ts';
import { targetsList } from '#systems/prometheus/steps/targets-list.ts';

export const catalogue: readonly AnyStep[] = [
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
  natsClusterGet,
  connectionsList,
  consumersList,
  deadLettersWatch,
  jetstreamFacts,
  serverHealth,
  streamsList,
  healthCheck,
  prometheusAlertsList,
  queryInstant,
  queryRange,
  rulesList,
  targetsList,
];

export function stepsByName(): ReadonlyMap<string, AnyStep> {
  return new Map(catalogue.map((step) => [step.name, step]));
}
