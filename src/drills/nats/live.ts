/**
 * What a drill reads of the live NATS, before its sandbox starts: who its servers are, and which streams they hold. Every
 * connection is closed when it returns.
 */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { readAddress, withResolved, writeAddress, type LiveAddress, type Resolve } from '../live-address.ts';
import type { NatsLive } from './facts.ts';

/** A cluster of more servers than this is asked in part. */
const SERVERS_MAX = 100;
const STREAMS_MAX = 1_000;

export interface LiveGreeting {
  readonly serverId: string;
  readonly cluster: string;
  /** Of the servers of the cluster, `host:port`. */
  readonly others: readonly string[];
}

export interface LiveStreams {
  readonly server: { readonly id: string; readonly cluster: string };
  streams(): Promise<Result<readonly string[]>>;
  state(stream: string): Promise<Result<Omit<NatsLive['streams'][number], 'name'>>>;
  close(): Promise<void>;
}

export interface NatsLiveParts {
  /** What a server says of itself before anything else. */
  greet(at: LiveAddress, signal: AbortSignal): Promise<Result<LiveGreeting>>;
  /** With the credentials that were given, to any of the servers that were given. */
  open(): Promise<Result<LiveStreams>>;
  readonly resolve: Resolve;
}

export async function readNatsLive(at: readonly LiveAddress[], parts: NatsLiveParts, signal: AbortSignal): Promise<Result<NatsLive>> {
  const servers = new Map(at.map((address) => [writeAddress(address), address]));
  const identity = new Set<string>();
  let greeted = 0;
  // What a server names is asked as well: the map grows while it is walked.
  for (const [, address] of servers) {
    if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
    const greeting = await parts.greet(address, signal);
    if (!greeting.ok) continue;
    greeted += 1;
    identity.add(greeting.value.serverId);
    for (const text of greeting.value.others) {
      const other = readAddress(text);
      if (other !== undefined && servers.size < SERVERS_MAX) servers.set(writeAddress(other), other);
    }
  }
  const opened = await parts.open();
  if (!opened.ok) return opened;
  const client = opened.value;
  try {
    identity.add(client.server.id);
    const streams = await streamsOf(client, signal);
    if (!streams.ok) return streams;
    return succeed({
      identity: [...identity].filter((id) => id !== ''),
      cluster: client.server.cluster,
      addresses: await withResolved([...servers.values()], parts.resolve),
      connections: { opened: greeted + 1, closed: greeted + 1 },
      streams: streams.value,
    });
  } finally {
    await client.close();
  }
}

async function streamsOf(client: LiveStreams, signal: AbortSignal): Promise<Result<NatsLive['streams']>> {
  const names = await client.streams();
  if (!names.ok) return names;
  const streams: NatsLive['streams'][number][] = [];
  for (const name of names.value.slice(0, STREAMS_MAX)) {
    if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
    const state = await client.state(name);
    if (!state.ok) return state;
    const { messages, firstSeq, lastSeq, firstMs, createdMs, consumers } = state.value;
    streams.push({ name, messages, firstSeq, lastSeq, ...(firstMs === undefined ? {} : { firstMs }), createdMs, consumers });
  }
  return succeed(streams);
}
