import { defineRead, type StepContext, succeed, z } from '#step-kit/index.ts';
import type { NatsClient } from '../client.ts';
import { type ConsumerRow, consumerRow, rowOfConsumer } from '../consumers.ts';
import { type JetStreamView, readJetStream } from '../jetstream.ts';
import { Nats } from '../system.ts';

/** A message that has just come in waits as well; only one that still waits after this is not being delivered. */
const LOOK_AGAIN_AFTER_MS = 2_000;

export const consumersList = defineRead({
  name: 'nats.consumers.list',
  summary: 'Lists the JetStream consumers with their lag, redeliveries and subscribers, and says which are stalled and why.',
  input: z.object({
    /** Only those of this stream. */
    stream: z.string().max(255).default(''),
    /** Without a delivery for so long, a consumer for which messages wait counts as stalled. */
    stalledAfterSeconds: z.int().min(1).max(86_400).default(60),
    limit: z.int().min(1).max(1_000).default(200),
  }),
  output: z.object({
    items: z.array(consumerRow),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
    /** Consumers that are stalled; the rows say why. */
    stalled: z.int(),
    /** Lag of all together. */
    pending: z.int(),
    /** `api`, or `monitor` when JetStream does not answer. */
    source: z.string(),
    /** They exist and no leader answers for them. */
    missing: z.array(z.object({ stream: z.string(), name: z.string() })),
  }),
  examples: [
    {
      title: 'The scheduler is down and submissions wait',
      with: { stream: 'CORDUM_SYS' },
      output: {
        items: [
          {
            stream: 'CORDUM_SYS',
            name: 'dur_cordum-scheduler__sys_job_submit',
            durable: true,
            cordumQueue: 'cordum-scheduler',
            cordumSubject: 'sys.job.submit',
            kind: 'push',
            filters: [{ subject: 'sys.job.submit' }],
            state: 'noSubscriber',
            stalled: true,
            why: 'Nobody listens in the group cordum-scheduler: the service is down, or lost its connection (12 messages wait and 0 are not acknowledged).',
            bound: false,
            pending: 12,
            ackPending: 0,
            maxAckPending: 2048,
            redelivered: 0,
            waiting: 0,
            lastDelivered: '2026-11-20T19:22:33.407Z',
            lastDeliveredAgeSeconds: 95,
            lastAcked: '2026-11-20T19:22:33.418Z',
            lastAckedAgeSeconds: 95,
            maxDeliver: 100,
            ackWaitSeconds: 600,
            leader: 'nats-1',
          },
        ],
        total: 1,
        truncated: false,
        note: '',
        say: '1 of 1 consumers is stalled. dur_cordum-scheduler__sys_job_submit: Nobody listens in the group cordum-scheduler: the service is down, or lost its connection (12 messages wait and 0 are not acknowledged).',
        stalled: 1,
        pending: 12,
        source: 'api',
        missing: [],
      },
    },
  ],
  timeoutMs: 60_000,
  async run({ stream, stalledAfterSeconds, limit }, ctx) {
    const client = ctx.use(Nats);
    const wanted = { consumers: true, stream };
    const answer = await readJetStream(client, wanted, { signal: ctx.signal });
    if (!answer.ok) return answer;
    const view = await lookAgain(answer.value, { client, stream, stalledAfterSeconds, ctx });
    const rows = view.consumers.map((one) => rowOfConsumer(one, { nowMs: ctx.now(), stalledAfterSeconds }));
    const stalled = rows.filter((row) => row.stalled);
    const missing = view.missingConsumers;
    const notes = [...view.notes, ...view.missingStreams.map((name) => `${name} has no leader, so its consumers are not known.`)];
    const total = rows.length + missing.length;
    return succeed({
      items: rows.toSorted((one, other) => Number(other.stalled) - Number(one.stalled) || other.pending - one.pending).slice(0, limit),
      total,
      truncated: rows.length > limit || notes.length > 0,
      note: [...notes, ...(rows.length > limit ? [`${rows.length - limit} more consumers are not shown.`] : [])].join(' '),
      say: sayConsumers(rows, stalled, missing),
      stalled: stalled.length + missing.length,
      pending: rows.reduce((sum, row) => Math.min(Number.MAX_SAFE_INTEGER, sum + row.pending), 0),
      source: view.source,
      missing: missing.slice(0, 200),
    });
  },
});

/** Where a second look shows that something has moved since, the second look is right. */
async function lookAgain(first: JetStreamView, { client, stream, stalledAfterSeconds, ctx }: { client: NatsClient; stream: string; stalledAfterSeconds: number; ctx: StepContext }): Promise<JetStreamView> {
  const suspects = first.consumers.some((one) => rowOfConsumer(one, { nowMs: ctx.now(), stalledAfterSeconds }).state === 'notDelivering');
  if (!suspects) return first;
  await ctx.sleep(LOOK_AGAIN_AFTER_MS);
  const second = await readJetStream(client, { consumers: true, stream }, { signal: ctx.signal });
  return second.ok ? second.value : first;
}

function sayConsumers(rows: readonly ConsumerRow[], stalled: readonly ConsumerRow[], missing: readonly { readonly name: string }[]): string {
  const total = rows.length + missing.length;
  if (total === 0) return 'There are no consumers.';
  const bad = stalled.length + missing.length;
  if (bad === 0) return `None of the ${total} consumers is stalled.`;
  const reasons = [...stalled.slice(0, 3).map((row) => `${row.name}: ${row.why}`), ...missing.slice(0, 2).map(({ name }) => `${name}: it has no leader.`)];
  return `${bad} of ${total} consumers ${bad === 1 ? 'is' : 'are'} stalled. ${reasons.join(' ')}`;
}
