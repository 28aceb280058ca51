import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { defineRead, succeed, z } from '#step-kit/index.ts';
import { askEvery, noteOf, unseen } from '../every.ts';
import type { ClientRow } from '../info.ts';
import { Redis } from '../system.ts';

const MOST_GROUPS = 100;
const LONGEST_NAME = 100;

const group = z.object({
  /** The server that they are connected to. */
  address: z.string(),
  /** What they call themselves; often empty. */
  name: z.string(),
  /** Where they come from, without the port. */
  from: z.string(),
  user: z.string(),
  kind: z.enum(['normal', 'replica', 'master', 'pubsub']),
  count: z.int(),
  blocked: z.int(),
  longestIdleSeconds: z.int(),
  oldestSeconds: z.int(),
});

export const clientsList = defineRead({
  name: 'redis.clients.list',
  summary: 'Counts the clients of every server by name and origin, with the blocked and the idle ones. What they do is not shown.',
  input: z.object({}),
  output: z.object({
    /** The most connections first. */
    items: z.array(group),
    /** Connections, of all servers seen. */
    total: z.int(),
    blocked: z.int(),
    truncated: z.boolean(),
    unseen: z.array(unseen),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Who is connected',
      with: {},
      output: {
        items: [{ address: 'redis:6379', name: '', from: '10.0.0.7', user: 'default', kind: 'normal', count: 20, blocked: 0, longestIdleSeconds: 4, oldestSeconds: 86_400 }],
        total: 20,
        blocked: 0,
        truncated: false,
        unseen: [],
        note: '',
        say: '20 connections, 0 of them blocked; the most (20) are from 10.0.0.7 to redis:6379.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const gathered = await askEvery(ctx.use(Redis), ctx, ({ node }) => node.clients(ctx));
    if (!gathered.ok) return gathered;
    const { answers, unseen: missing } = gathered.value;
    const groups = answers.flatMap(({ server, value }) => groupsOf(server.node.address, value.clients)).toSorted((one, other) => other.count - one.count);
    const total = groups.reduce((sum, { count }) => sum + count, 0);
    const blocked = groups.reduce((sum, one) => sum + one.blocked, 0);
    const [most] = groups;
    return succeed({
      items: groups.slice(0, MOST_GROUPS),
      total,
      blocked,
      truncated: groups.length > MOST_GROUPS || answers.some(({ value }) => value.truncated),
      unseen: missing,
      note: noteOf(missing),
      say: most === undefined ? 'There are no clients.' : `${total} connections, ${blocked} of them blocked; the most (${most.count}) are from ${most.from || 'a socket'} to ${most.address}.`,
    });
  },
});

function groupsOf(address: string, clients: readonly ClientRow[]): z.output<typeof group>[] {
  const groups = Map.groupBy(clients, ({ name, host, user, kind }) => JSON.stringify([name, host, user, kind]));
  return [...groups.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    return [
      {
        address,
        name: cutText(redact(first.name), LONGEST_NAME),
        from: cutText(first.host, LONGEST_NAME),
        user: cutText(first.user, LONGEST_NAME),
        kind: first.kind,
        count: same.length,
        blocked: same.filter((client) => client.blocked).length,
        longestIdleSeconds: same.reduce((most, { idleSeconds }) => Math.max(most, idleSeconds), 0),
        oldestSeconds: same.reduce((most, { ageSeconds }) => Math.max(most, ageSeconds), 0),
      },
    ];
  });
}
