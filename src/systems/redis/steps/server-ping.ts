import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { Survey } from '../client.ts';
import { plain, type RedisFailure, SPOKEN } from '../failure.ts';
import { keyServers } from '../key-look.ts';
import { observe } from '../observe.ts';
import { type NodeFacts, why } from '../records.ts';
import { Redis } from '../system.ts';

const output = z.object({
  /** Whether the server that was asked first answers. */
  reachable: z.boolean(),
  /** It serves reads and writes, on every server that belongs to it. */
  healthy: z.boolean(),
  /** By what the servers say of themselves; nothing is written to find out. */
  acceptsWrites: z.boolean(),
  /** `ok`, or the first thing that is wrong. */
  why,
  mode: z.enum(['standalone', 'cluster', 'sentinel', 'unknown']),
  address: z.string(),
  latencyMs: z.int(),
  nodesTotal: z.int(),
  nodesReachable: z.int(),
  nodes: z.array(z.object({ address: z.string(), role: z.enum(['master', 'replica', 'unknown']), reachable: z.boolean(), why, latencyMs: z.int(), say: z.string() })),
  /** One sentence for a person. */
  say: z.string(),
});

export const serverPing = defineRead({
  name: 'redis.server.ping',
  summary: 'Asks every server of the Redis whether it answers and takes writes, and says why not. Answers also when it is down.',
  input: z.object({}),
  output,
  examples: [
    {
      title: 'Is Redis there',
      with: {},
      output: {
        reachable: true,
        healthy: true,
        acceptsWrites: true,
        why: 'ok',
        mode: 'standalone',
        address: 'redis:6379',
        latencyMs: 1,
        nodesTotal: 1,
        nodesReachable: 1,
        nodes: [{ address: 'redis:6379', role: 'master', reachable: true, why: 'ok', latencyMs: 1, say: 'Redis at redis:6379 serves as master.' }],
        say: 'Redis at redis:6379 answers and takes writes.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx): Promise<Result<z.input<typeof output>>> {
    const client = ctx.use(Redis);
    const survey = await client.survey(ctx);
    if (!survey.ok) return survey.failure.why === 'cancelled' ? plain(survey.failure) : succeed(down(client.address, survey.failure));
    const facts = await observe(survey.value, ctx);
    if (ctx.signal.aborted) return plain({ reason: 'cancelled', message: 'Asking Redis was cancelled.' });
    const clusterDown = await isClusterDown(survey.value, ctx);
    return succeed(answer(survey.value, facts, clusterDown));
  },
});

function down(address: string, failure: RedisFailure): z.input<typeof output> {
  return { reachable: SPOKEN.has(failure.why), healthy: false, acceptsWrites: false, why: failure.why, mode: 'unknown', address, latencyMs: 0, nodesTotal: 0, nodesReachable: 0, nodes: [], say: failure.message };
}

async function isClusterDown(survey: Survey, call: { readonly signal: AbortSignal }): Promise<boolean> {
  if (survey.mode !== 'cluster') return false;
  const state = await survey.entry.clusterInfo(call);
  return !state.ok || state.value.state !== 'ok';
}

function answer(survey: Survey, facts: readonly NodeFacts[], clusterDown: boolean): z.input<typeof output> {
  const { mode, entry, detour } = survey;
  const first = facts.find(({ address }) => address === entry.address);
  // A former master whose replica has taken over still stands among the nodes, as a master without slots.
  const serving = new Set(keyServers(survey).map(({ node }) => node.address));
  const ailing = facts.find((node) => serving.has(node.address) && node.why !== 'ok');
  // Behind a plain address or a Sentinel the server asked first is the one that Cordum writes to.
  const readonly = mode !== 'cluster' && first?.role === 'replica';
  const reason = clusterDown ? 'clusterDown' : (ailing?.why ?? (readonly ? 'readonly' : 'ok'));
  const reached = facts.filter(({ reachable }) => reachable).length;
  // A user that may not call INFO (noPermission) sees that it answers, and not that it takes writes.
  const acceptsWrites = reason === 'ok';
  const address = entry.address;
  const others = facts.filter((node) => node.why !== 'ok' && node !== ailing);
  const say = sayIt(address, reason, ailing, others);
  return {
    reachable: first?.reachable ?? false,
    healthy: acceptsWrites && others.length === 0 && detour === undefined,
    acceptsWrites,
    why: reason,
    mode,
    address,
    latencyMs: first?.latencyMs ?? 0,
    nodesTotal: facts.length,
    nodesReachable: reached,
    nodes: facts.map(({ address: at, role, reachable, why: because, latencyMs, say: said }) => ({ address: at, role, reachable, why: because, latencyMs, say: said })),
    say: detour === undefined ? say : `${detour.message} Another node of the cluster was asked. ${say}`,
  };
}

function sayIt(address: string, reason: z.output<typeof why>, ailing: NodeFacts | undefined, others: readonly NodeFacts[]): string {
  if (reason === 'clusterDown') return `The Redis cluster is down as ${address} sees it: not all slots are served.`;
  if (ailing !== undefined) return ailing.say;
  if (reason === 'readonly') return `Redis at ${address} answers, but it is a read-only replica: writes fail there.`;
  const also = others.length > 1 ? ` And ${others.length - 1} more.` : '';
  return `Redis at ${address} answers and takes writes.${others.length === 0 ? '' : ` But: ${others[0]?.say ?? ''}${also}`}`;
}
