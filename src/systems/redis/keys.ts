/** Commands on one key, sent to the node that serves it: a cluster says with MOVED and ASK where that is. */
import { z } from 'zod';
import type { Call, Command, Connection } from './connection.ts';
import { type Answer, trouble } from './failure.ts';
import { into, readReply } from './node.ts';
import { type Address, parseAddress } from './target.ts';

export interface KeyFacts {
  readonly exists: boolean;
  /** `string`, `list`, `set`, `zset`, `hash`, `stream`; `none` when there is no such key. */
  readonly type: string;
  /** Bytes of a string, entries of anything else. */
  readonly size: number;
  /** -1: it never expires. -2: there is no such key. */
  readonly ttlMs: number;
}

export interface Oldest {
  readonly member: string;
  readonly score: number;
}

export interface RedisKeys {
  facts(key: string, call: Call): Promise<Answer<KeyFacts>>;
  /** The value of a string key as it is; undefined when there is none. */
  bytes(key: string, call: Call): Promise<Answer<Buffer | undefined>>;
  zcard(key: string, call: Call): Promise<Answer<number>>;
  /** How many members have a score below. */
  zcountBelow(key: string, score: number, call: Call): Promise<Answer<number>>;
  zoldest(key: string, call: Call): Promise<Answer<Oldest | undefined>>;
  /** The one command that changes something: a compare-and-delete in one script. */
  deleteIfSame(key: string, expected: { readonly value: Buffer; readonly expires: boolean }, call: Call): Promise<Answer<DeleteAnswer>>;
}

export type DeleteAnswer = 'deleted' | 'absent' | 'changed';

/** A slot has moved once or twice while our map is old; more than that is a loop. */
const MOST_REDIRECTIONS = 5;

/**
 * Deletes the key when it still holds this text and still does, or does not, expire. One key, so it runs on a cluster; in
 * one piece, so that a holder that took the lock a moment ago keeps it.
 */
const COMPARE_AND_DELETE = `
local value = redis.call('GET', KEYS[1])
if not value then return 'absent' end
if value ~= ARGV[1] then return 'changed' end
local expires = redis.call('PTTL', KEYS[1]) >= 0 and 'yes' or 'no'
if expires ~= ARGV[2] then return 'changed' end
redis.call('DEL', KEYS[1])
return 'deleted'`;

const count = z.coerce.number().int();
const oldestReply = z.array(z.string());
const SIZES: Readonly<Record<string, Command[0]>> = { string: 'STRLEN', list: 'LLEN', set: 'SCARD', zset: 'ZCARD', hash: 'HLEN', stream: 'XLEN' };

export interface KeyRoutes {
  /** Where to ask first. */
  readonly first: Connection;
  connectionTo(address: Address): Connection;
}

export function createKeys(routes: KeyRoutes): RedisKeys {
  const ask = async <T>(command: Command, schema: z.ZodType<T>, call: Call): Promise<Answer<T>> => {
    const answer = await routed(routes, (connection, asking) => connection.send(command, { ...call, asking }));
    return answer.ok ? readReply(answer.value, schema, routes.first.address) : answer;
  };
  return {
    async facts(key, call) {
      const [type, ttl] = await Promise.all([ask(['TYPE', key], z.string(), call), ask(['PTTL', key], count, call)]);
      if (!type.ok) return type;
      if (!ttl.ok) return ttl;
      if (type.value === 'none' || ttl.value === -2) return { ok: true, value: { exists: false, type: 'none', size: 0, ttlMs: -2 } };
      const command = SIZES[type.value];
      const size = command === undefined ? ({ ok: true, value: 0 } as const) : await ask([command, key], count, call);
      // Between two commands the key may have been replaced by another type: then it is as good as gone.
      return into(size, (entries) => ({ exists: true, type: type.value, size: entries, ttlMs: ttl.value }));
    },
    async bytes(key, call) {
      const answer = await routed(routes, (connection, asking) => connection.sendBytes(['GET', key], { ...call, asking }));
      if (!answer.ok) return answer;
      if (answer.value === null) return { ok: true, value: undefined };
      return Buffer.isBuffer(answer.value) ? { ok: true, value: answer.value } : trouble('unexpected', routes.first.address);
    },
    zcard: (key, call) => ask(['ZCARD', key], count, call),
    zcountBelow: (key, score, call) => ask(['ZCOUNT', key, '-inf', `(${score}`], count, call),
    async zoldest(key, call) {
      const answer = await ask(['ZRANGE', key, 0, 0, 'WITHSCORES'], oldestReply, call);
      return into(answer, ([member, score]) => (member === undefined || score === undefined ? undefined : { member, score: Number(score) }));
    },
    deleteIfSame: (key, { value, expires }, call) =>
      ask(['EVAL', COMPARE_AND_DELETE, 1, key, value, expires ? 'yes' : 'no'], z.enum(['deleted', 'absent', 'changed']), call),
  };
}

type Send = (connection: Connection, asking: boolean) => Promise<Answer<unknown>>;

async function routed(routes: KeyRoutes, send: Send): Promise<Answer<unknown>> {
  let connection = routes.first;
  let asking = false;
  for (let turn = 0; turn <= MOST_REDIRECTIONS; turn += 1) {
    const answer = await send(connection, asking);
    const to = answer.ok ? undefined : redirection(answer.failure.redirect, connection.address);
    if (to === undefined) return answer;
    connection = routes.connectionTo(to.address);
    asking = to.asking;
  }
  return trouble('moving', connection.address);
}

/** `MOVED 3999 10.0.0.3:6379`; without a host the same host is meant (redis.io/docs/reference/cluster-spec). */
export function redirection(said: string | undefined, from: string): { readonly address: Address; readonly asking: boolean } | undefined {
  const [, word, where] = /^(MOVED|ASK) \d{1,5} (\S{1,300})$/.exec(said ?? '') ?? [];
  if (word === undefined || where === undefined) return undefined;
  const { host, port } = parseAddress(where, 0);
  if (port === 0) return undefined;
  return { address: { host: host === '' || host === '?' ? parseAddress(from, 0).host : host, port }, asking: word === 'ASK' };
}
