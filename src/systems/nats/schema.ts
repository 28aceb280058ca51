/**
 * What nats-server answers: its monitoring endpoints and the JetStream API. Held to recordings of 2.15.1
 * (test/fixtures/nats) and to the real 2.9.10 that the tests run. Lenient on everything that we do not use.
 */
import { z } from '#step-kit/index.ts';
import { count, flag, instant, listOf, msOfNanos, name, nanos } from './values.ts';

/** `heard`: the leader has heard it since it leads. 2.15 says `active: 0` of one that was dead before, and nothing else (seen). */
const raftReplica = z
  .object({ name, current: flag, offline: flag, active: z.number().default(0), lag: count })
  .transform(({ active, ...replica }) => ({ ...replica, heard: active > 0, active: msOfNanos(active) }));

/** `/jsz`, `/varz`: the group that decides about streams. Only its leader lists the replicas. */
const metaCluster = z.object({ name, leader: name, cluster_size: count, replicas: listOf(raftReplica) });

export const varzAnswer = z.object({
  server_id: z.string().min(1),
  server_name: name,
  version: name,
  start: instant,
  now: instant,
  mem: count,
  connections: count,
  max_connections: count,
  slow_consumers: count,
  subscriptions: count,
  in_msgs: count,
  out_msgs: count,
  cluster: z.object({ name, urls: listOf(z.string()) }).optional(),
  jetstream: z
    .object({
      config: z.object({ max_memory: count, max_storage: count }).optional(),
      stats: z.object({ memory: count, storage: count, api: z.object({ errors: count }).optional() }).optional(),
    })
    .optional(),
});
export type Varz = z.output<typeof varzAnswer>;

/** `error` stands beside a status that is not `ok`, and says what is not: 2.9.10 names one consumer that is not current. */
export const healthzAnswer = z.object({ status: z.string(), error: z.string().default('') });

export const routezAnswer = z.object({
  server_id: z.string().min(1),
  /** Since 2.10 there are several routes to one peer. */
  routes: listOf(z.object({ remote_id: z.string(), remote_name: name, rtt: z.string().default(''), pending_size: count, start: instant })),
});
export type Routez = z.output<typeof routezAnswer>;

const streamConfig = z.object({
  name: z.string().min(1),
  subjects: listOf(z.string()),
  retention: name,
  storage: name,
  discard: name,
  num_replicas: count,
  max_age: nanos,
  max_msgs: count,
  max_bytes: count,
  duplicate_window: nanos,
  sealed: flag,
});
const raftGroup = z.object({ leader: name, replicas: listOf(raftReplica) });

export const streamInfo = z.object({
  config: streamConfig,
  created: instant,
  state: z.object({ messages: count, bytes: count, first_seq: count, last_seq: count, first_ts: instant, last_ts: instant, consumer_count: count }),
  cluster: raftGroup.optional(),
});
export type StreamInfo = z.output<typeof streamInfo>;

const delivery = z.object({ consumer_seq: count, stream_seq: count, last_active: instant });

export const consumerInfo = z.object({
  stream_name: z.string().default(''),
  name: z.string().min(1),
  created: instant,
  config: z.object({
    durable_name: name,
    deliver_subject: z.string().default(''),
    deliver_group: name,
    filter_subject: name,
    filter_subjects: listOf(z.string()),
    ack_policy: name,
    ack_wait: nanos,
    max_deliver: count,
    max_ack_pending: count,
  }),
  delivered: delivery,
  ack_floor: delivery,
  num_ack_pending: count,
  num_redelivered: count,
  num_waiting: count,
  num_pending: count,
  push_bound: flag,
  paused: flag,
  cluster: raftGroup.optional(),
});
export type ConsumerInfo = z.output<typeof consumerInfo>;

/** `/jsz?accounts=1&streams=1&consumers=1&config=1`; a server without JetStream says `disabled`. */
export const jszAnswer = z.object({
  server_id: z.string().min(1),
  disabled: flag,
  meta_cluster: metaCluster.optional(),
  account_details: listOf(
    z.object({
      name,
      stream_detail: listOf(streamInfo.extend({ consumer_detail: listOf(consumerInfo) })),
    }),
  ),
});
export type Jsz = z.output<typeof jszAnswer>;

export const connzAnswer = z.object({
  server_id: z.string().min(1),
  total: count,
  connections: listOf(
    z.object({
      cid: count,
      name,
      ip: name,
      lang: name,
      version: name,
      start: instant,
      stop: instant,
      last_activity: instant,
      reason: name,
      rtt: z.string().default(''),
      pending_bytes: count,
      in_msgs: count,
      out_msgs: count,
      subscriptions: count,
      subscriptions_list: listOf(z.string()),
    }),
  ),
});
export type Connz = z.output<typeof connzAnswer>;

/** Every answer of the JetStream API may be an error, with the status 200 of having been answered. */
export const apiError = z.object({ error: z.object({ code: count, err_code: count, description: z.string().default('') }) });

const page = { total: count, offset: count, limit: count };
/** `missing` and `offline` are streams and consumers whose leader did not answer the server within 4 s. */
const missing = listOf(z.string());
export const streamPage = z.object({ ...page, streams: listOf(streamInfo), missing });
export const consumerPage = z.object({ ...page, consumers: listOf(consumerInfo), missing });
export const accountInfo = z.object({ streams: count, consumers: count, memory: count, storage: count });

/** The first line that a server says to whoever connects, before any credentials. */
export const greetingInfo = z.object({
  server_id: z.string().min(1),
  server_name: name,
  version: name,
  cluster: name,
  jetstream: flag,
  auth_required: flag,
  tls_required: flag,
  tls_available: flag,
  ldm: flag,
  connect_urls: listOf(z.string()),
});
export type Greeting = z.output<typeof greetingInfo>;
