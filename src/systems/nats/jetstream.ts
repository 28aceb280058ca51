/**
 * Streams and consumers, from the JetStream API; where it does not answer (no leader, refused credentials), from what the servers
 * say that they hold. Then the numbers of a copy count only where its leader is among them.
 */
import { type Failure, type Result, succeed } from '#step-kit/index.ts';
import type { NatsClient } from './client.ts';
import type { Call } from './monitor.ts';
import type { ConsumerInfo, Jsz, StreamInfo } from './schema.ts';
import { someOf } from './values.ts';

/** Streams whose consumers are asked for, one after the other. */
const MOST_STREAMS_ASKED = 50;

export interface SeenConsumer {
  readonly info: ConsumerInfo;
  readonly stream: string;
  readonly fromLeader: boolean;
}

export interface JetStreamView {
  readonly source: 'api' | 'monitor';
  readonly streams: readonly { readonly info: StreamInfo; readonly fromLeader: boolean }[];
  readonly consumers: readonly SeenConsumer[];
  /** They exist, and no leader answered for them. */
  readonly missingStreams: readonly string[];
  readonly missingConsumers: readonly { readonly stream: string; readonly name: string }[];
  /** What could not be seen, in sentences. */
  readonly notes: readonly string[];
}

export interface Wanted {
  readonly consumers: boolean;
  /** Only this stream; empty for all. */
  readonly stream: string;
  /** Consumers of this stream alone; absent for all that are listed. */
  readonly consumersOf?: string;
}

export async function readJetStream(client: NatsClient, wanted: Wanted, call: Call): Promise<Result<JetStreamView>> {
  const byApi = await viaApi(client, wanted, call);
  if (byApi.ok || client.monitors.length === 0 || byApi.failure.reason === 'cancelled') return byApi;
  const byMonitor = await viaMonitors(client, wanted, call, byApi.failure);
  return byMonitor ?? byApi;
}

async function viaApi({ bus }: NatsClient, wanted: Wanted, call: Call): Promise<Result<JetStreamView>> {
  const listed = await bus.streams(call);
  if (!listed.ok) return listed;
  const chosen = listed.value.items.filter(({ config }) => wanted.stream === '' || config.name === wanted.stream);
  const notes: string[] = [];
  if (listed.value.items.length + listed.value.missing.length < listed.value.total) notes.push(`Only ${listed.value.items.length} of ${listed.value.total} streams were listed.`);
  const consumers: SeenConsumer[] = [];
  const missingConsumers: { stream: string; name: string }[] = [];
  const asked = wanted.consumers ? chosen.filter(({ config }) => wanted.consumersOf === undefined || config.name === wanted.consumersOf) : [];
  for (const { config } of asked.slice(0, MOST_STREAMS_ASKED)) {
    const answer = await bus.consumers(config.name, call);
    if (!answer.ok) {
      if (answer.failure.reason === 'cancelled') return answer;
      notes.push(answer.failure.message);
      continue;
    }
    consumers.push(...answer.value.items.map((info) => ({ info, stream: config.name, fromLeader: true })));
    missingConsumers.push(...answer.value.missing.map((name) => ({ stream: config.name, name })));
    const seen = answer.value.items.length + answer.value.missing.length;
    if (seen < answer.value.total) notes.push(`Only ${seen} of ${answer.value.total} consumers of ${config.name} were listed.`);
  }
  if (asked.length > MOST_STREAMS_ASKED) notes.push(`Consumers of ${asked.length - MOST_STREAMS_ASKED} more streams were not asked for.`);
  return succeed({
    source: 'api',
    streams: chosen.map((info) => ({ info, fromLeader: true })),
    consumers,
    missingStreams: listed.value.missing.filter((name) => wanted.stream === '' || name === wanted.stream),
    missingConsumers,
    notes,
  });
}

/** Undefined when no server says anything either, or none of them runs JetStream. */
async function viaMonitors(client: NatsClient, wanted: Wanted, call: Call, because: Failure): Promise<Result<JetStreamView> | undefined> {
  const answers = await Promise.all(
    client.monitors.map(async (monitor) => {
      const [varz, jsz] = await Promise.all([monitor.varz(call), monitor.jszDetail(call)]);
      // Without a name of its own no copy of it is taken for the leader's.
      const name = varz.ok && jsz.ok && varz.value.server_id === jsz.value.server_id ? varz.value.server_name : '';
      return { label: monitor.label, name, jsz };
    }),
  );
  const heard = answers.flatMap(({ name, jsz }) => (jsz.ok && !jsz.value.disabled ? [{ name, jsz: jsz.value }] : []));
  if (heard.length === 0) return undefined;
  const silent = answers.filter(({ jsz }) => !jsz.ok).map(({ label }) => label);
  const { streams, consumers } = merge(heard);
  return succeed({
    source: 'monitor',
    streams: streams.filter(({ info }) => wanted.stream === '' || info.config.name === wanted.stream),
    consumers: wanted.consumers ? consumers.filter(({ stream }) => wanted.stream === '' || stream === wanted.stream) : [],
    missingStreams: [],
    missingConsumers: [],
    notes: [
      `${because.message} What stands here is what the servers say that they hold.`,
      ...(silent.length > 0 ? [`Not answering: ${someOf(silent)}. What only they hold is not here.`] : []),
    ],
  });
}

/** Each copy of a stream or consumer is told by each server that holds one; the leader's is taken where it is there. */
export function merge(heard: readonly { readonly name: string; readonly jsz: Jsz }[]): { streams: { info: StreamInfo; fromLeader: boolean }[]; consumers: SeenConsumer[] } {
  const streams = new Map<string, { info: StreamInfo; fromLeader: boolean }>();
  const consumers = new Map<string, SeenConsumer>();
  for (const { name, jsz } of heard) {
    const leads = (group: { readonly leader: string } | undefined): boolean => group === undefined || (group.leader !== '' && group.leader === name);
    for (const account of jsz.account_details) {
      for (const { consumer_detail: details, ...info } of account.stream_detail) {
        const key = JSON.stringify([account.name, info.config.name]);
        const copy = { info, fromLeader: leads(info.cluster) };
        if (streams.get(key)?.fromLeader !== true) streams.set(key, copy);
        for (const detail of details) {
          const consumerKey = JSON.stringify([account.name, info.config.name, detail.name]);
          if (consumers.get(consumerKey)?.fromLeader !== true) consumers.set(consumerKey, { info: detail, stream: info.config.name, fromLeader: leads(detail.cluster) });
        }
      }
    }
  }
  return { streams: [...streams.values()], consumers: [...consumers.values()] };
}
