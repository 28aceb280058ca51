import { defineRead, succeed, z } from '#step-kit/index.ts';
import { askEvery, noteOf, unseen } from '../every.ts';
import { timeText } from '../facts.ts';
import { familyOf } from '../key-families.ts';
import type { SlowCommand } from '../node.ts';
import { Redis } from '../system.ts';

const MOST_ENTRIES = 500;
const MOST_GROUPS = 50;

export const slowlogList = defineRead({
  name: 'redis.slowlog.list',
  summary: 'Lists slow commands of every server, and groups them by command and family of keys. Arguments are not shown.',
  input: z.object({
    /** At most this many of each server, the newest. */
    limit: z.int().min(1).max(128).default(64),
    /** Only commands of the last so many seconds; 0: all that the server still remembers. */
    withinSeconds: z.int().min(0).max(604_800).default(0),
  }),
  output: z.object({
    /** The slowest first. */
    items: z.array(z.object({ address: z.string(), id: z.int(), at: z.string(), ageSeconds: z.int(), ms: z.number(), command: z.string(), keys: z.string() })),
    /** What takes the most time together first. */
    groups: z.array(z.object({ command: z.string(), keys: z.string(), count: z.int(), totalMs: z.number(), maxMs: z.number() })),
    total: z.int(),
    maxMs: z.number(),
    truncated: z.boolean(),
    unseen: z.array(unseen),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'What was slow in the last hour',
      with: { withinSeconds: 3600 },
      output: {
        items: [{ address: 'redis:6379', id: 14, at: '2026-11-20T19:20:00.000Z', ageSeconds: 40, ms: 212.4, command: 'ZRANGEBYSCORE', keys: 'job:index:*' }],
        groups: [{ command: 'ZRANGEBYSCORE', keys: 'job:index:*', count: 1, totalMs: 212.4, maxMs: 212.4 }],
        total: 1,
        maxMs: 212.4,
        truncated: false,
        unseen: [],
        note: '',
        say: '1 slow command; the slowest took 212.4 ms (ZRANGEBYSCORE on job:index:*).',
      },
    },
  ],
  timeoutMs: 40_000,
  async run({ limit, withinSeconds }, ctx) {
    const gathered = await askEvery(ctx.use(Redis), ctx, ({ node }) => node.slowlog(limit, ctx));
    if (!gathered.ok) return gathered;
    const nowSeconds = Math.floor(ctx.now() / 1_000);
    const all = gathered.value.answers
      .flatMap(({ server, value }) => value.map((entry) => rowOf(server.node.address, entry, nowSeconds)))
      .filter((row) => withinSeconds === 0 || row.ageSeconds <= withinSeconds)
      .toSorted((one, other) => other.ms - one.ms);
    const groups = groupsOf(all);
    const [slowest] = all;
    return succeed({
      items: all.slice(0, MOST_ENTRIES),
      groups: groups.slice(0, MOST_GROUPS),
      total: all.length,
      maxMs: slowest?.ms ?? 0,
      truncated: all.length > MOST_ENTRIES || groups.length > MOST_GROUPS || gathered.value.answers.some(({ value }) => value.length >= limit),
      unseen: gathered.value.unseen,
      note: noteOf(gathered.value.unseen),
      say: slowest === undefined ? 'No slow commands.' : `${all.length} slow command${all.length === 1 ? '' : 's'}; the slowest took ${slowest.ms} ms (${slowest.command} on ${slowest.keys}).`,
    });
  },
});

function rowOf(address: string, { id, atSeconds, micros, words }: SlowCommand, nowSeconds: number): z.output<typeof slowRow> {
  const command = (words[0] ?? '').toUpperCase();
  return { address, id, at: timeText(atSeconds * 1_000), ageSeconds: Math.max(0, nowSeconds - atSeconds), ms: Math.round(micros / 10) / 100, command: /^[A-Z][A-Z0-9._-]{0,40}$/.test(command) ? command : '(other)', keys: keysOf(command, words) };
}

const slowRow = z.object({ address: z.string(), id: z.int(), at: z.string(), ageSeconds: z.int(), ms: z.number(), command: z.string(), keys: z.string() });

/** A key may be a session or hold a secret; its family says enough. A script names its keys after their number. */
function keysOf(command: string, words: readonly string[]): string {
  const script = /^(?:EVAL|EVALSHA|FCALL)(?:_RO)?$/.test(command);
  const key = script ? words[3] : words[1];
  if (key === undefined || (script && words[2] === '0')) return '(none)';
  return familyOf(key)?.name ?? '(other)';
}

function groupsOf(rows: readonly z.output<typeof slowRow>[]): { command: string; keys: string; count: number; totalMs: number; maxMs: number }[] {
  const groups = Map.groupBy(rows, (row) => `${row.command} ${row.keys}`);
  return [...groups.values()]
    .flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const totalMs = Math.round(same.reduce((sum, { ms }) => sum + ms, 0) * 100) / 100;
      return [{ command: first.command, keys: first.keys, count: same.length, totalMs, maxMs: Math.max(...same.map(({ ms }) => ms)) }];
    })
    .toSorted((one, other) => other.totalMs - one.totalMs);
}
