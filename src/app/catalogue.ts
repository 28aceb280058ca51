/** THE list of steps, one line each. A test compares it with the folders on disk. */
import type { AnyStep } from '#step-kit/index.ts';
import { approvalApprove } from '#systems/cordum/steps/approval-approve.ts';
import { approvalReject } from '#systems/cordum/steps/approval-reject.ts';
import { approvalRepair } from '#systems/cordum/steps/approval-repair.ts';
import { approvalsGet } from '#systems/cordum/steps/approvals-get.ts';
import { approvalsList } from '#systems/cordum/steps/approvals-list.ts';
import { auditList } from '#systems/cordum/steps/audit-list.ts';
import { configGet } from '#systems/cordum/steps/config-get.ts';
import { credentialRevoke } from '#systems/cordum/steps/credential-revoke.ts';
import { credentialsList } from '#systems/cordum/steps/credentials-list.ts';
import { dlqDelete } from '#systems/cordum/steps/dlq-delete.ts';
import { dlqList } from '#systems/cordum/steps/dlq-list.ts';
import { dlqRetry } from '#systems/cordum/steps/dlq-retry.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import { healthGet } from '#systems/cordum/steps/health-get.ts';
import { jobCancel } from '#systems/cordum/steps/job-cancel.ts';
import { jobsGet } from '#systems/cordum/steps/jobs-get.ts';
import { jobsList } from '#systems/cordum/steps/jobs-list.ts';
import { jobsStale } from '#systems/cordum/steps/jobs-stale.ts';
import { keysList } from '#systems/cordum/steps/keys-list.ts';
import { licenseGet } from '#systems/cordum/steps/license-get.ts';
import { licenseReload } from '#systems/cordum/steps/license-reload.ts';
import { locksList } from '#systems/cordum/steps/locks-list.ts';
import { outputPolicyStats } from '#systems/cordum/steps/output-policy-stats.ts';
import { policyAudit } from '#systems/cordum/steps/policy-audit.ts';
import { policyBundles } from '#systems/cordum/steps/policy-bundles.ts';
import { policyEvaluate } from '#systems/cordum/steps/policy-evaluate.ts';
import { policyExplain } from '#systems/cordum/steps/policy-explain.ts';
import { policyPublish } from '#systems/cordum/steps/policy-publish.ts';
import { policyRollback } from '#systems/cordum/steps/policy-rollback.ts';
import { policySimulate } from '#systems/cordum/steps/policy-simulate.ts';
import { policySnapshots } from '#systems/cordum/steps/policy-snapshots.ts';
import { poolActivate } from '#systems/cordum/steps/pool-activate.ts';
import { poolDrain } from '#systems/cordum/steps/pool-drain.ts';
import { poolsGet } from '#systems/cordum/steps/pools-get.ts';
import { poolsList } from '#systems/cordum/steps/pools-list.ts';
import { statusGet } from '#systems/cordum/steps/status-get.ts';
import { topicsList } from '#systems/cordum/steps/topics-list.ts';
import { tracesGet } from '#systems/cordum/steps/traces-get.ts';
import { workersList } from '#systems/cordum/steps/workers-list.ts';
import { workflowRunCancel } from '#systems/cordum/steps/workflow-run-cancel.ts';
import { workflowRunRerun } from '#systems/cordum/steps/workflow-run-rerun.ts';
import { workflowRunsGet } from '#systems/cordum/steps/workflow-runs-get.ts';
import { workflowRunsList } from '#systems/cordum/steps/workflow-runs-list.ts';
import { workflowRunsTimeline } from '#systems/cordum/steps/workflow-runs-timeline.ts';
import { workflowsDryRun } from '#systems/cordum/steps/workflows-dry-run.ts';
import { workflowsList } from '#systems/cordum/steps/workflows-list.ts';
import { healthCheck } from '#systems/grpc/steps/health-check.ts';
import { clusterGet as natsClusterGet } from '#systems/nats/steps/cluster-get.ts';
import { connectionsList } from '#systems/nats/steps/connections-list.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { deadLettersWatch } from '#systems/nats/steps/dead-letters-watch.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { serverHealth } from '#systems/nats/steps/server-health.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { alertsList as prometheusAlertsList } from '#systems/prometheus/steps/alerts-list.ts';
import { queryInstant } from '#systems/prometheus/steps/query-instant.ts';
import { queryRange } from '#systems/prometheus/steps/query-range.ts';
import { rulesList } from '#systems/prometheus/steps/rules-list.ts';
import { targetsList } from '#systems/prometheus/steps/targets-list.ts';

export const catalogue: readonly AnyStep[] = [
  approvalApprove,
  approvalReject,
  approvalRepair,
  approvalsGet,
  approvalsList,
  auditList,
  configGet,
  credentialRevoke,
  credentialsList,
  dlqDelete,
  dlqList,
  dlqRetry,
  dlqTriage,
  healthGet,
  jobCancel,
  jobsGet,
  jobsList,
  jobsStale,
  keysList,
  licenseGet,
  licenseReload,
  locksList,
  outputPolicyStats,
  policyAudit,
  policyBundles,
  policyEvaluate,
  policyExplain,
  policyPublish,
  policyRollback,
  policySimulate,
  policySnapshots,
  poolActivate,
  poolDrain,
  poolsGet,
  poolsList,
  statusGet,
  topicsList,
  tracesGet,
  workersList,
  workflowRunCancel,
  workflowRunRerun,
  workflowRunsGet,
  workflowRunsList,
  workflowRunsTimeline,
  workflowsDryRun,
  workflowsList,
  healthCheck,
  natsClusterGet,
  connectionsList,
  consumersList,
  deadLettersWatch,
  jetstreamFacts,
  serverHealth,
  streamsList,
  prometheusAlertsList,
  queryInstant,
  queryRange,
  rulesList,
  targetsList,
];

export function stepsByName(): ReadonlyMap<string, AnyStep> {
  return new Map(catalogue.map((step) => [step.name, step]));
}
