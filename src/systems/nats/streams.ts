/** A stream as a row, and what is wrong with it. Pure. */
import { z } from '#step-kit/index.ts';
import { isOnline } from './cluster-view.ts';
import type { StreamInfo } from './schema.ts';
import { ageSeconds, timeText } from './values.ts';

/** Subjects of one stream that are shown. */
const MOST_SUBJECTS = 50;
const NEARLY_FULL = 0.8;

export const streamRow = z.object({
  name: z.string(),
  /** It has a leader, all its replicas are there and follow, and it is not nearly full. */
  healthy: z.boolean(),
  /** How many are kept; of Cordum's streams this is no backlog (messages stay 7 days): look at the lag of consumers. */
  messages: z.int(),
  bytes: z.int(),
  firstSeq: z.int(),
  lastSeq: z.int(),
  /** Empty when there are none; then the age beside it is 0. */
  firstTime: z.string(),
  lastTime: z.string(),
  lastAgeSeconds: z.int(),
  consumers: z.int(),
  subjects: z.array(z.object({ subject: z.string() })),
  retention: z.string(),
  storage: z.string(),
  maxAgeSeconds: z.int(),
  /** 0: no limit. */
  maxBytes: z.int(),
  /** As configured, and how many of them are there, the leader included. */
  replicas: z.int(),
  replicasOnline: z.int(),
  /** Empty: none. */
  leader: z.string(),
  /** The others, as the leader hears them; empty for one replica, and where the leader could not be asked. */
  peers: z.array(z.object({ name: z.string(), online: z.boolean(), current: z.boolean(), lag: z.int(), silentSeconds: z.int() })),
});
export type StreamRow = z.output<typeof streamRow>;

export const streamProblem = z.object({
  stream: z.string(),
  /** `noLeader`, `replicaOffline`, `replicaBehind`, `nearlyFull`, `leaderUnseen`. */
  code: z.string(),
  severity: z.string(),
  say: z.string(),
});
export type StreamProblem = z.output<typeof streamProblem>;

export function rowOfStream({ info, fromLeader }: { readonly info: StreamInfo; readonly fromLeader: boolean }, nowMs: number): { row: StreamRow; problems: StreamProblem[] } {
  const { config, state, cluster } = info;
  const peers = fromLeader ? (cluster?.replicas ?? []).map((replica) => ({ name: replica.name, online: isOnline(replica), current: replica.current && isOnline(replica), lag: replica.lag, silentSeconds: Math.round(replica.active / 1_000) })) : [];
  const leader = cluster === undefined ? 'this server' : cluster.leader;
  const problems = problemsOf(info, peers, { leader, fromLeader });
  return {
    row: {
      name: config.name,
      healthy: problems.length === 0,
      messages: state.messages,
      bytes: state.bytes,
      firstSeq: state.first_seq,
      lastSeq: state.last_seq,
      firstTime: state.messages === 0 ? '' : timeText(state.first_ts),
      lastTime: timeText(state.last_ts),
      lastAgeSeconds: ageSeconds(state.last_ts, nowMs),
      consumers: state.consumer_count,
      subjects: config.subjects.slice(0, MOST_SUBJECTS).map((subject) => ({ subject })),
      retention: config.retention,
      storage: config.storage,
      maxAgeSeconds: Math.round(config.max_age / 1_000),
      maxBytes: Math.max(0, config.max_bytes),
      replicas: config.num_replicas,
      replicasOnline: leader === '' || !fromLeader ? 0 : 1 + peers.filter((peer) => peer.online).length,
      leader,
      peers,
    },
    problems,
  };
}

function problemsOf({ config, state }: StreamInfo, peers: StreamRow['peers'], { leader, fromLeader }: { leader: string; fromLeader: boolean }): StreamProblem[] {
  const stream = config.name;
  if (leader === '') return [noLeader(stream)];
  const problems: StreamProblem[] = [];
  if (!fromLeader) problems.push({ stream, code: 'leaderUnseen', severity: 'warning', say: `${leader} leads ${stream} and could not be asked; the numbers come from a replica.` });
  const offline = peers.filter((peer) => !peer.online);
  if (offline.length > 0) {
    const left = config.num_replicas - offline.length;
    const more = left - (Math.floor(config.num_replicas / 2) + 1);
    problems.push({
      stream,
      code: 'replicaOffline',
      severity: more < 0 ? 'critical' : 'warning',
      say: `${offline.length} of ${config.num_replicas} replicas of ${stream} are away (${offline.map((peer) => peer.name).join(', ')}); ${more > 0 ? `${more} more may fail` : more === 0 ? 'no other may fail, or it stops' : 'too few are left'}.`,
    });
  }
  const behind = peers.filter((peer) => peer.online && !peer.current);
  if (behind.length > 0) problems.push({ stream, code: 'replicaBehind', severity: 'warning', say: `${behind.map((peer) => `${peer.name} is ${peer.lag} behind`).join(', ')} in ${stream}.` });
  if (config.max_bytes > 0 && state.bytes >= config.max_bytes * NEARLY_FULL) {
    problems.push({ stream, code: 'nearlyFull', severity: 'warning', say: `${stream} holds ${state.bytes} of at most ${config.max_bytes} bytes; then ${config.discard === 'new' ? 'it takes no more messages' : 'its oldest are dropped'}.` });
  }
  return problems;
}

export function noLeader(stream: string): StreamProblem {
  return { stream, code: 'noLeader', severity: 'critical', say: `${stream} has no leader: it neither stores nor delivers messages until enough servers with its replicas see each other.` };
}
