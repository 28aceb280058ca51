/**
 * What Cordum v0.9.7 sets up in JetStream, and how what is there differs. Sources: the recording nats_jsz, and
 * core/infra/bus/nats.go:966-1055. Cordum creates streams when it starts and never updates them. Pure.
 */
import { z } from '#step-kit/index.ts';
import type { JetStreamView, SeenConsumer } from './jetstream.ts';
import type { StreamInfo } from './schema.ts';

const DAY_MS = 86_400_000;

export const difference = z.object({
  /** `stream` or `consumer`. */
  kind: z.string(),
  name: z.string(),
  /** `missing`, `noLeader`, `noSubscriber`, `subjects`, `retention`, `storage`, `replicas`, `maxAge`, `duplicates`, `filter`, `group`, `ackPolicy`, `maxDeliver`, `ackWait`, `unseen`. */
  code: z.string(),
  /** `critical`: jobs are not accepted, not dispatched or lost. `warning`: less safe than it should be. `info`: a setting of this installation. */
  severity: z.string(),
  expected: z.string(),
  seen: z.string(),
  say: z.string(),
});
export type Difference = z.output<typeof difference>;

const STREAMS = [
  { name: 'CORDUM_SYS', subjects: ['sys.>'] },
  { name: 'CORDUM_JOBS', subjects: ['job.>', 'worker.*.jobs'] },
] as const;
const MAX_AGE_MS = 7 * DAY_MS;
const DUPLICATES_MS = 120_000;

interface ExpectedConsumer {
  readonly name: string;
  readonly filter: string;
  readonly group: string;
  readonly service: string;
  /** What does not happen without it. */
  readonly otherwise: string;
}

const CONSUMERS: readonly ExpectedConsumer[] = [
  { name: 'dur_cordum-scheduler__sys_job_submit', filter: 'sys.job.submit', group: 'cordum-scheduler', service: 'the scheduler', otherwise: 'accepted jobs are not scheduled' },
  { name: 'dur_cordum-scheduler__sys_job_result', filter: 'sys.job.result', group: 'cordum-scheduler', service: 'the scheduler', otherwise: 'results of jobs are not taken in' },
  { name: 'dur_cordum-workflow-engine__sys_job_result', filter: 'sys.job.result', group: 'cordum-workflow-engine', service: 'the workflow engine', otherwise: 'workflow runs do not go on' },
  { name: 'dur_cordum-gateway__sys_job_dlq', filter: 'sys.job.dlq', group: 'cordum-gateway', service: 'the gateway', otherwise: 'dead letters do not reach the DLQ' },
];
const AUDIT: ExpectedConsumer = { name: 'dur_audit-exporters__sys_audit_export', filter: 'sys.audit.export', group: 'audit-exporters', service: 'the gateway (AUDIT_TRANSPORT=nats)', otherwise: 'audit events are not exported' };
const MAX_DELIVER = 100;
const ACK_WAIT_MS = 600_000;

export interface Wanted {
  readonly replicas: number;
  readonly audit: boolean;
}

export function compareWithCordum(view: JetStreamView, wanted: Wanted): Difference[] {
  const streams = STREAMS.flatMap((expected) => streamDifferences(expected, view, wanted));
  const consumers = [...CONSUMERS, ...(wanted.audit ? [AUDIT] : [])].flatMap((expected) => consumerDifferences(expected, view));
  return [...streams, ...consumers];
}

function streamDifferences(expected: (typeof STREAMS)[number], view: JetStreamView, { replicas }: Wanted): Difference[] {
  const differ = (code: string, severity: string, wanted: string, seen: string, say: string): Difference => ({ kind: 'stream', name: expected.name, code, severity, expected: wanted, seen, say });
  if (view.missingStreams.includes(expected.name)) return [differ('noLeader', 'critical', 'a leader', 'none answers', `${expected.name} exists and has no leader: nothing is stored or delivered.`)];
  const found = view.streams.find(({ info }) => info.config.name === expected.name)?.info;
  if (found === undefined) {
    return [differ('missing', 'critical', expected.subjects.join(', '), 'no stream', `${expected.name} does not exist: Cordum makes it when a service starts with NATS_USE_JETSTREAM; until then its messages are not kept.`)];
  }
  return [...streamSettings(found, expected.subjects, differ), ...streamReplicas(found, replicas, differ)];
}

type Differ = (code: string, severity: string, wanted: string, seen: string, say: string) => Difference;

function streamSettings({ config }: StreamInfo, subjects: readonly string[], differ: Differ): Difference[] {
  const found: Difference[] = [];
  const absent = subjects.filter((subject) => !config.subjects.includes(subject));
  if (absent.length > 0) found.push(differ('subjects', 'critical', subjects.join(', '), config.subjects.slice(0, 10).join(', '), `${config.name} does not keep ${absent.join(' and ')}: messages there are lost when nobody listens.`));
  if (config.retention !== 'limits') found.push(differ('retention', 'critical', 'limits', config.retention, `${config.name} keeps messages by ${config.retention}: consumers of the same subject may take each other's messages.`));
  if (config.storage !== 'file') found.push(differ('storage', 'warning', 'file', config.storage, `${config.name} is kept in ${config.storage}: a restart of NATS loses it.`));
  if (config.max_age !== MAX_AGE_MS) found.push(differ('maxAge', 'info', '7 days', `${Math.round(config.max_age / 1_000)} s`, `${config.name} keeps messages for another time than Cordum's default (NATS_JS_MAX_AGE; it is set only when the stream is made).`));
  if (config.duplicate_window !== DUPLICATES_MS) found.push(differ('duplicates', 'info', '120 s', `${Math.round(config.duplicate_window / 1_000)} s`, `${config.name} knows duplicates again for another time than Cordum sets.`));
  return found;
}

function streamReplicas({ config, cluster }: StreamInfo, replicas: number, differ: Differ): Difference[] {
  const found: Difference[] = [];
  if (config.num_replicas < replicas) {
    found.push(differ('replicas', 'warning', String(replicas), String(config.num_replicas), `${config.name} has ${config.num_replicas} of ${replicas} replicas: losing ${config.num_replicas === 1 ? 'its server' : 'too many servers'} stops it. NATS_JS_REPLICAS counts only when the stream is made; then it takes nats stream edit.`));
  }
  if (cluster !== undefined && cluster.leader === '') found.push(differ('noLeader', 'critical', 'a leader', 'none', `${config.name} has no leader: nothing is stored or delivered.`));
  return found;
}

function consumerDifferences(expected: ExpectedConsumer, view: JetStreamView): Difference[] {
  const { name, service, otherwise } = expected;
  const differ: Differ = (code, severity, wanted, seen, say) => ({ kind: 'consumer', name, code, severity, expected: wanted, seen, say });
  if (view.missingConsumers.some((missing) => missing.name === name)) return [differ('noLeader', 'critical', 'a leader', 'none answers', `${name} exists and has no leader: ${otherwise}.`)];
  const found = view.consumers.find((one) => one.stream === 'CORDUM_SYS' && one.info.name === name);
  if (found === undefined) {
    const known = view.streams.some(({ info }) => info.config.name === 'CORDUM_SYS');
    // Without its stream it cannot exist, and the missing stream is a row already.
    return known ? [differ('missing', 'critical', `a consumer of ${expected.filter}`, 'none', `${name} does not exist: ${service} has not subscribed, or it was deleted under it; ${otherwise} until ${service} is restarted.`)] : [];
  }
  return consumerSettings(found, expected, differ);
}

function consumerSettings({ info, fromLeader }: SeenConsumer, { filter, group, service, otherwise }: ExpectedConsumer, differ: Differ): Difference[] {
  const { config, cluster } = info;
  const found: Difference[] = [];
  if (cluster !== undefined && cluster.leader === '') found.push(differ('noLeader', 'critical', 'a leader', 'none', `${info.name} has no leader: ${otherwise}.`));
  else if (!fromLeader) found.push(differ('unseen', 'warning', 'a subscriber', 'unknown', `Whether ${service} listens on ${info.name} is not known: its leader could not be asked.`));
  else if (config.deliver_subject !== '' && !info.push_bound) found.push(differ('noSubscriber', 'critical', 'a subscriber', 'none', `Nobody listens on ${info.name}: ${service} is down or lost its connection, so ${otherwise}.`));
  const filters = config.filter_subject === '' ? config.filter_subjects : [config.filter_subject];
  if (filters.length !== 1 || filters[0] !== filter) found.push(differ('filter', 'critical', filter, filters.slice(0, 5).join(', '), `${info.name} takes other subjects than ${filter}.`));
  if (config.deliver_subject !== '' && config.deliver_group !== group) found.push(differ('group', 'warning', group, config.deliver_group, `${info.name} delivers to another group than ${group}: replicas of ${service} do not share its messages.`));
  if (config.ack_policy !== 'explicit') found.push(differ('ackPolicy', 'critical', 'explicit', config.ack_policy, `${info.name} does not wait for each acknowledgement: what a service drops is not delivered again.`));
  if (config.max_deliver !== MAX_DELIVER) found.push(differ('maxDeliver', 'info', String(MAX_DELIVER), String(config.max_deliver), `${info.name} tries another number of times than Cordum sets.`));
  if (config.ack_wait !== ACK_WAIT_MS) found.push(differ('ackWait', 'info', '600 s', `${Math.round(config.ack_wait / 1_000)} s`, `${info.name} waits another time for an acknowledgement than Cordum's default (NATS_JS_ACK_WAIT).`));
  return found;
}
