/** What Sentinels say of a master: each is asked, since they may disagree. */
import { z } from 'zod';
import type { Call, Command, Connection } from './connection.ts';
import type { Answer, RedisFailure } from './failure.ts';
import { wholeNumber } from './info.ts';
import { readReply } from './node.ts';
import type { Address } from './target.ts';

/** One server as a Sentinel sees it. */
export interface Watched {
  readonly address: Address;
  readonly flags: readonly string[];
  /** This Sentinel alone holds it for down. */
  readonly subjectivelyDown: boolean;
  /** So many agree that it is down that a failover is due. */
  readonly objectivelyDown: boolean;
  readonly disconnected: boolean;
  readonly linkUp: boolean;
}

export interface SentinelView {
  readonly address: string;
  readonly failure: RedisFailure | undefined;
  readonly master: Watched | undefined;
  readonly quorum: number;
  readonly otherSentinels: number;
  readonly failoverInProgress: boolean;
  readonly replicas: readonly Watched[];
  /** What CKQUORUM answers: whether enough Sentinels reach each other to fail over. Undefined: not seen. */
  readonly quorumReached: boolean | undefined;
  readonly quorumSaid: string;
}

const MOST_REPLICAS = 64;
const flat = z.array(z.string());

export async function askSentinel(connection: Connection, master: string, call: Call): Promise<SentinelView> {
  const { address } = connection;
  const nothing = { address, failure: undefined, master: undefined, quorum: 0, otherSentinels: 0, failoverInProgress: false, replicas: [], quorumReached: undefined, quorumSaid: '' };
  const ask = async <T>(command: Command, schema: z.ZodType<T>): Promise<Answer<T>> => {
    const answer = await connection.send(command, call);
    return answer.ok ? readReply(answer.value, schema, address) : answer;
  };
  const said = await ask(['SENTINEL', 'MASTER', master], flat);
  if (!said.ok) return { ...nothing, failure: said.failure };
  const fields = pairsOf(said.value);
  const [replicas, quorum] = await Promise.all([ask(['SENTINEL', 'REPLICAS', master], z.array(flat).max(MOST_REPLICAS)), ask(['SENTINEL', 'CKQUORUM', master], z.string())]);
  return {
    ...nothing,
    master: watchedOf(fields),
    quorum: wholeNumber(fields.get('quorum')),
    otherSentinels: wholeNumber(fields.get('num-other-sentinels')),
    failoverInProgress: (fields.get('flags') ?? '').includes('failover'),
    replicas: replicas.ok ? replicas.value.map((row) => watchedOf(pairsOf(row))) : [],
    quorumReached: quorumOf(quorum),
    quorumSaid: quorum.ok ? quorum.value : quorum.failure.message,
  };
}

/** NOQUORUM is an error reply, and an answer all the same. */
function quorumOf(answer: Answer<string>): boolean | undefined {
  if (answer.ok) return answer.value.startsWith('OK');
  return answer.failure.message.includes('NOQUORUM') ? false : undefined;
}

function pairsOf(reply: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < reply.length; at += 2) fields.set(reply[at] ?? '', reply[at + 1] ?? '');
  return fields;
}

function watchedOf(fields: ReadonlyMap<string, string>): Watched {
  const flags = (fields.get('flags') ?? '').split(',').filter((flag) => flag !== '');
  return {
    address: { host: fields.get('ip') ?? '', port: wholeNumber(fields.get('port')) },
    flags,
    subjectivelyDown: flags.includes('s_down'),
    objectivelyDown: flags.includes('o_down'),
    disconnected: flags.includes('disconnected'),
    linkUp: fields.get('master-link-status') === 'ok',
  };
}
