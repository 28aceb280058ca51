import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { defineRead, succeed, z } from '#step-kit/index.ts';
import { askEvery, noteOf, unseen } from '../every.ts';
import { decimalOf, intOf } from '../info.ts';
import type { RedisNode } from '../node.ts';
import type { Call } from '../connection.ts';
import type { Answer } from '../failure.ts';
import { Redis } from '../system.ts';

const MOST_CONSUMERS = 10;
const LONGEST_ADVICE = 800;
const HIGH_PERCENT = 80;
/** Totals and settings among MEMORY STATS, which are no consumers. */
const NOT_A_CONSUMER = /^(?:peak\.allocated|total\.allocated|startup\.allocated|keys\.(?:count|bytes-per-key)|dataset\.percentage|peak\.percentage|allocator[.-].*|fragmentation.*|rss-overhead.*|db\.dict\.rehashing\.count)$/;

const row = z.object({
  address: z.string(),
  role: z.enum(['master', 'replica']),
  usedBytes: z.int(),
  peakBytes: z.int(),
  /** What the system has given to the process. */
  rssBytes: z.int(),
  /** 0: no limit. */
  maxBytes: z.int(),
  limited: z.boolean(),
  usedPercent: z.number(),
  policy: z.string(),
  fragmentationRatio: z.number(),
  evictedKeys: z.int(),
  /** The biggest first; names are the server's own (MEMORY STATS). */
  consumers: z.array(z.object({ name: z.string(), bytes: z.int() })),
  /** MEMORY DOCTOR, cut. */
  doctor: z.string(),
  say: z.string(),
});

export const memoryGet = defineRead({
  name: 'redis.memory.get',
  summary: "Reads the memory of every server: used, limit, policy, the biggest consumers, and the server's own advice.",
  input: z.object({}),
  output: z.object({
    items: z.array(row),
    total: z.int(),
    /** Of all servers seen. */
    usedBytes: z.int(),
    /** The fullest of those that have a limit; 0 when none has. */
    usedPercent: z.number(),
    /** Whether every server seen has a limit. */
    limited: z.boolean(),
    /** A server uses 80 % of its limit or more. */
    high: z.boolean(),
    evicting: z.boolean(),
    truncated: z.boolean(),
    unseen: z.array(unseen),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Without a limit',
      with: {},
      output: {
        items: [
          {
            address: 'redis:6379',
            role: 'master',
            usedBytes: 2_097_152,
            peakBytes: 2_500_000,
            rssBytes: 12_000_000,
            maxBytes: 0,
            limited: false,
            usedPercent: 0,
            policy: 'noeviction',
            fragmentationRatio: 1.2,
            evictedKeys: 0,
            consumers: [{ name: 'dataset.bytes', bytes: 900_000 }],
            doctor: 'Hi Sam, this instance is empty or is using very little memory.',
            say: 'redis:6379 uses 2.0 MiB; it has no limit.',
          },
        ],
        total: 1,
        usedBytes: 2_097_152,
        usedPercent: 0,
        limited: false,
        high: false,
        evicting: false,
        truncated: false,
        unseen: [],
        note: '',
        say: 'redis:6379 uses 2.0 MiB; it has no limit.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const gathered = await askEvery(ctx.use(Redis), ctx, ({ node, role }) => memoryOf(node, role, ctx));
    if (!gathered.ok) return gathered;
    const { answers, unseen: missing } = gathered.value;
    const items = answers.map(({ value }) => value).toSorted((one, other) => other.usedPercent - one.usedPercent || other.usedBytes - one.usedBytes);
    const usedPercent = Math.max(0, ...items.map((item) => item.usedPercent));
    return succeed({
      items,
      total: items.length,
      usedBytes: items.reduce((sum, item) => sum + item.usedBytes, 0),
      usedPercent,
      limited: items.every((item) => item.limited),
      high: usedPercent >= HIGH_PERCENT,
      evicting: items.some((item) => item.evictedKeys > 0),
      truncated: false,
      unseen: missing,
      note: noteOf(missing),
      say: items[0]?.say ?? '',
    });
  },
});

async function memoryOf(node: RedisNode, role: 'master' | 'replica', call: Call): Promise<Answer<z.output<typeof row>>> {
  const [info, stats, doctor] = await Promise.all([node.info(call), node.memory(call), node.memoryDoctor(call)]);
  if (!info.ok) return info;
  const used = intOf(info.value, 'used_memory');
  const max = intOf(info.value, 'maxmemory');
  const usedPercent = max > 0 ? Math.round((used / max) * 1_000) / 10 : 0;
  const policy = info.value.get('maxmemory_policy') ?? '';
  return {
    ok: true,
    value: {
      address: node.address,
      role,
      usedBytes: used,
      peakBytes: intOf(info.value, 'used_memory_peak'),
      rssBytes: intOf(info.value, 'used_memory_rss'),
      maxBytes: max,
      limited: max > 0,
      usedPercent,
      policy,
      fragmentationRatio: decimalOf(info.value, 'mem_fragmentation_ratio'),
      evictedKeys: intOf(info.value, 'evicted_keys'),
      consumers: stats.ok ? stats.value.filter(({ name, bytes }) => bytes > 0 && !NOT_A_CONSUMER.test(name)).slice(0, MOST_CONSUMERS) : [],
      doctor: doctor.ok ? cutText(redact(doctor.value.trim()), LONGEST_ADVICE) : '',
      say: max > 0 ? `${node.address} uses ${mebibytes(used)} of ${mebibytes(max)} (${usedPercent} %, policy ${policy || 'unknown'}).` : `${node.address} uses ${mebibytes(used)}; it has no limit.`,
    },
  };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
