/** THE list of steps, one line each. A test compares it with the folders on disk. */
import type { AnyStep } from '#step-kit/index.ts';
import { alertsList as alertmanagerAlertsList } from '#systems/alertmanager/steps/alerts-list.ts';
import { silenceCreate } from '#systems/alertmanager/steps/silence-create.ts';
import { silenceExpire } from '#systems/alertmanager/steps/silence-expire.ts';
import { silencesList } from '#systems/alertmanager/steps/silences-list.ts';
import { statusGet as alertmanagerStatusGet } from '#systems/alertmanager/steps/status-get.ts';
import { configTake as backupConfigTake } from '#systems/backup/steps/config-take.ts';
import { natsTake as backupNatsTake } from '#systems/backup/steps/nats-take.ts';
import { redisTake as backupRedisTake } from '#systems/backup/steps/redis-take.ts';
import { setsList as backupSetsList } from '#systems/backup/steps/sets-list.ts';
import { setsVerify as backupSetsVerify } from '#systems/backup/steps/sets-verify.ts';
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
import { limiterGet } from '#systems/cordum/steps/limiter-get.ts';
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
import { topicSchemasList } from '#systems/cordum/steps/topic-schemas-list.ts';
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
import { standingList as drillStandingList } from '#drills/steps/standing-list.ts';
import { storeRun as drillStoreRun } from '#drills/steps/store-run.ts';
import { healthCheck } from '#systems/grpc/steps/health-check.ts';
import { cronjobTrigger } from '#systems/kubernetes/steps/cronjob-trigger.ts';
import { cronjobsList } from '#systems/kubernetes/steps/cronjobs-list.ts';
import { deploymentScaleDown } from '#systems/kubernetes/steps/deployment-scale-down.ts';
import { deploymentScaleUp } from '#systems/kubernetes/steps/deployment-scale-up.ts';
import { deploymentSetEnv } from '#systems/kubernetes/steps/deployment-set-env.ts';
import { deploymentSetImage } from '#systems/kubernetes/steps/deployment-set-image.ts';
import { deploymentsList } from '#systems/kubernetes/steps/deployments-list.ts';
import { endpointsList } from '#systems/kubernetes/steps/endpoints-list.ts';
import { eventsList } from '#systems/kubernetes/steps/events-list.ts';
import { hpaList } from '#systems/kubernetes/steps/hpa-list.ts';
import { jobsList as kubernetesJobsList } from '#systems/kubernetes/steps/jobs-list.ts';
import { logsSearch } from '#systems/kubernetes/steps/logs-search.ts';
import { networkpoliciesList } from '#systems/kubernetes/steps/networkpolicies-list.ts';
import { pdbList } from '#systems/kubernetes/steps/pdb-list.ts';
import { podsList } from '#systems/kubernetes/steps/pods-list.ts';
import { pvcList } from '#systems/kubernetes/steps/pvc-list.ts';
import { rolloutHistory } from '#systems/kubernetes/steps/rollout-history.ts';
import { rolloutPause } from '#systems/kubernetes/steps/rollout-pause.ts';
import { rolloutRestart } from '#systems/kubernetes/steps/rollout-restart.ts';
import { rolloutResume } from '#systems/kubernetes/steps/rollout-resume.ts';
import { rolloutStatus } from '#systems/kubernetes/steps/rollout-status.ts';
import { rolloutUndo } from '#systems/kubernetes/steps/rollout-undo.ts';
import { workloadRestart } from '#systems/kubernetes/steps/workload-restart.ts';
import { clusterGet as natsClusterGet } from '#systems/nats/steps/cluster-get.ts';
import { connectionsList } from '#systems/nats/steps/connections-list.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { deadLettersWatch } from '#systems/nats/steps/dead-letters-watch.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { serverHealth } from '#systems/nats/steps/server-health.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { certificateGet } from '#systems/http/steps/certificate-get.ts';
import { certificatesList } from '#systems/http/steps/certificates-list.ts';
import { urlGet } from '#systems/http/steps/url-get.ts';
import { alertsList as prometheusAlertsList } from '#systems/prometheus/steps/alerts-list.ts';
import { queryInstant } from '#systems/prometheus/steps/query-instant.ts';
import { queryRange } from '#systems/prometheus/steps/query-range.ts';
import { rulesList } from '#systems/prometheus/steps/rules-list.ts';
import { targetsList } from '#systems/prometheus/steps/targets-list.ts';
import { clientsList as redisClientsList } from '#systems/redis/steps/clients-list.ts';
import { clusterGet as redisClusterGet } from '#systems/redis/steps/cluster-get.ts';
import { jobsCount as redisJobsCount } from '#systems/redis/steps/jobs-count.ts';
import { keyDelete as redisKeyDelete } from '#systems/redis/steps/key-delete.ts';
import { keysInspect as redisKeysInspect } from '#systems/redis/steps/keys-inspect.ts';
import { latencyList as redisLatencyList } from '#systems/redis/steps/latency-list.ts';
import { locksList as redisLocksList } from '#systems/redis/steps/locks-list.ts';
import { memoryGet as redisMemoryGet } from '#systems/redis/steps/memory-get.ts';
import { sentinelGet as redisSentinelGet } from '#systems/redis/steps/sentinel-get.ts';
import { serverInfo as redisServerInfo } from '#systems/redis/steps/server-info.ts';
import { serverPing as redisServerPing } from '#systems/redis/steps/server-ping.ts';
import { slowlogList as redisSlowlogList } from '#systems/redis/steps/slowlog-list.ts';
import { configApply as restoreConfigApply } from '#systems/restore/steps/config-apply.ts';
import { redisApply as restoreRedisApply } from '#systems/restore/steps/redis-apply.ts';
import { setsList as restoreSetsList } from '#systems/restore/steps/sets-list.ts';
import { streamsApply as restoreStreamsApply } from '#systems/restore/steps/streams-apply.ts';

export const catalogue: readonly AnyStep[] = [
  alertmanagerAlertsList,
  silenceCreate,
  silenceExpire,
  silencesList,
  alertmanagerStatusGet,
  backupConfigTake,
  backupNatsTake,
  backupRedisTake,
  backupSetsList,
  backupSetsVerify,
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
  limiterGet,
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
  topicSchemasList,
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
  drillStandingList,
  drillStoreRun,
  healthCheck,
  cronjobTrigger,
  cronjobsList,
  deploymentScaleDown,
  deploymentScaleUp,
  deploymentSetEnv,
  deploymentSetImage,
  deploymentsList,
  endpointsList,
  eventsList,
  hpaList,
  kubernetesJobsList,
  logsSearch,
  networkpoliciesList,
  pdbList,
  podsList,
  pvcList,
  rolloutHistory,
  rolloutPause,
  rolloutRestart,
  rolloutResume,
  rolloutStatus,
  rolloutUndo,
  workloadRestart,
  natsClusterGet,
  connectionsList,
  consumersList,
  deadLettersWatch,
  jetstreamFacts,
  serverHealth,
  streamsList,
  certificateGet,
  certificatesList,
  urlGet,
  prometheusAlertsList,
  queryInstant,
  queryRange,
  rulesList,
  targetsList,
  redisClientsList,
  redisClusterGet,
  redisJobsCount,
  redisKeyDelete,
  redisKeysInspect,
  redisLatencyList,
  redisLocksList,
  redisMemoryGet,
  redisSentinelGet,
  redisServerInfo,
  redisServerPing,
  redisSlowlogList,
  restoreConfigApply,
  restoreRedisApply,
  restoreSetsList,
  restoreStreamsApply,
];

export function stepsByName(): ReadonlyMap<string, AnyStep> {
  return new Map(catalogue.map((step) => [step.name, step]));
}
