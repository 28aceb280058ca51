import { defineRead, succeed, z } from '#step-kit/index.ts';
import { compareWithCordum, type Difference, difference } from '../cordum-facts.ts';
import { readJetStream } from '../jetstream.ts';
import { Nats } from '../system.ts';

/** More than one server in a cluster: Cordum's production overlay then sets three replicas. */
const CLUSTER_REPLICAS = 3;

export const jetstreamFacts = defineRead({
  name: 'nats.jetstream.facts',
  summary: 'Compares the streams CORDUM_SYS and CORDUM_JOBS and their durable consumers with what Cordum sets up; each difference is a row.',
  input: z.object({
    /** How many replicas a stream should have at least. 0: three in a cluster, else one. */
    replicas: z.int().min(0).max(5).default(0),
    /** Cordum runs with AUDIT_TRANSPORT=nats, which adds a consumer. */
    auditTransport: z.boolean().default(false),
  }),
  output: z.object({
    /** JetStream answers, and nothing differs but settings of this installation (severity `info`). */
    asExpected: z.boolean(),
    /** JetStream is there. False: off, so Cordum's messages are not kept. */
    jetstream: z.boolean(),
    say: z.string(),
    /** How many differences are critical. */
    critical: z.int(),
    /** What `replicas` was taken to be. */
    replicasExpected: z.int(),
    /** `api`, or `monitor` when JetStream does not answer. */
    source: z.string(),
    note: z.string(),
    items: z.array(difference),
    total: z.int(),
  }),
  examples: [
    {
      title: 'The workflow engine is down',
      with: {},
      output: {
        asExpected: false,
        jetstream: true,
        say: 'Nobody listens on dur_cordum-workflow-engine__sys_job_result: the workflow engine is down or lost its connection, so workflow runs do not go on.',
        critical: 1,
        replicasExpected: 1,
        source: 'api',
        note: '',
        items: [
          {
            kind: 'consumer',
            name: 'dur_cordum-workflow-engine__sys_job_result',
            code: 'noSubscriber',
            severity: 'critical',
            expected: 'a subscriber',
            seen: 'none',
            say: 'Nobody listens on dur_cordum-workflow-engine__sys_job_result: the workflow engine is down or lost its connection, so workflow runs do not go on.',
          },
        ],
        total: 1,
      },
    },
  ],
  timeoutMs: 60_000,
  async run({ replicas, auditTransport }, ctx) {
    const client = ctx.use(Nats);
    const call = { signal: ctx.signal };
    const [answer, greetings] = await Promise.all([readJetStream(client, { consumers: true, stream: '', consumersOf: 'CORDUM_SYS' }, call), client.bus.greetings(call)]);
    if (!answer.ok) {
      const off = answer.failure.reason === 'unavailable' && /JetStream is (?:off|not enabled)/.test(answer.failure.message);
      if (!off) return answer;
      return succeed({ asExpected: false, jetstream: false, say: `${answer.failure.message} Cordum then works without it (NATS_USE_JETSTREAM off) or cannot start; messages that nobody listens to are lost.`, critical: 0, replicasExpected: 0, source: 'api', note: '', items: [], total: 0 });
    }
    const clustered = client.monitors.length > 1 || greetings.some((one) => one.answer.ok && (one.answer.value.info.connect_urls.length > 1 || one.answer.value.info.cluster !== ''));
    const replicasExpected = replicas === 0 ? (clustered ? CLUSTER_REPLICAS : 1) : replicas;
    const items = compareWithCordum(answer.value, { replicas: replicasExpected, audit: auditTransport });
    const serious = items.filter((item) => item.severity !== 'info');
    const seenAll = answer.value.notes.length === 0;
    return succeed({
      asExpected: serious.length === 0 && answer.value.source === 'api' && seenAll,
      jetstream: true,
      say: sayFacts(serious, seenAll),
      critical: items.filter((item) => item.severity === 'critical').length,
      replicasExpected,
      source: answer.value.source,
      note: answer.value.notes.join(' '),
      items,
      total: items.length,
    });
  },
});

function sayFacts(serious: readonly Difference[], seenAll: boolean): string {
  if (serious.length === 0) return seenAll ? 'Streams and consumers are as Cordum sets them up.' : 'What could be seen is as Cordum sets it up; not all could be seen.';
  const more = serious.length > 3 ? ` And ${serious.length - 3} more.` : '';
  return `${serious.slice(0, 3).map(({ say }) => say).join(' ')}${more}`;
}
