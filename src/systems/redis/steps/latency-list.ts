import { defineRead, succeed, z } from '#step-kit/index.ts';
import { askEvery, noteOf, unseen } from '../every.ts';
import { timeText } from '../facts.ts';
import { Redis } from '../system.ts';

const MOST_EVENTS = 200;

export const latencyList = defineRead({
  name: 'redis.latency.list',
  summary: "Lists what Redis' own latency monitor has seen on every server (fork, disk, slow commands), and whether it is on.",
  input: z.object({}),
  output: z.object({
    /** The longest first. */
    items: z.array(z.object({ address: z.string(), event: z.string(), at: z.string(), ageSeconds: z.int(), latestMs: z.int(), maxMs: z.int() })),
    total: z.int(),
    maxMs: z.int(),
    /** Whether the monitor is known to be on everywhere. Off, an empty list says nothing. */
    monitored: z.boolean(),
    truncated: z.boolean(),
    unseen: z.array(unseen),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'A slow disk',
      with: {},
      output: {
        items: [{ address: 'redis:6379', event: 'aof-fsync-always', at: '2026-11-20T19:20:00.000Z', ageSeconds: 30, latestMs: 310, maxMs: 900 }],
        total: 1,
        maxMs: 900,
        monitored: true,
        truncated: false,
        unseen: [],
        note: '',
        say: 'The longest was aof-fsync-always with 900 ms on redis:6379.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const gathered = await askEvery(ctx.use(Redis), ctx, async ({ node }) => {
      const [events, threshold] = await Promise.all([node.latency(ctx), node.setting('latency-monitor-threshold', ctx)]);
      // Not readable is not known: it may be on.
      const on = threshold.ok && Number(threshold.value ?? 0) > 0;
      return events.ok ? ({ ok: true, value: { events: events.value, on, seen: threshold.ok } } as const) : events;
    });
    if (!gathered.ok) return gathered;
    const { answers, unseen: missing } = gathered.value;
    const items = answers
      .flatMap(({ server, value }) => value.events.map(({ event, atSeconds, latestMs, maxMs }) => ({ address: server.node.address, event: event.slice(0, 60), at: timeText(atSeconds * 1_000), ageSeconds: Math.max(0, Math.floor(ctx.now() / 1_000) - atSeconds), latestMs, maxMs })))
      .toSorted((one, other) => other.maxMs - one.maxMs);
    const monitored = missing.length === 0 && answers.every(({ value }) => value.on);
    const off = answers.some(({ value }) => value.seen && !value.on) ? 'The latency monitor is off (latency-monitor-threshold 0): an empty list says nothing.' : 'Whether the latency monitor is on cannot be seen.';
    const [longest] = items;
    return succeed({
      items: items.slice(0, MOST_EVENTS),
      total: items.length,
      maxMs: longest?.maxMs ?? 0,
      monitored,
      truncated: items.length > MOST_EVENTS,
      unseen: missing,
      note: [monitored ? '' : off, noteOf(missing)].filter((text) => text !== '').join(' '),
      say: longest === undefined ? (monitored ? 'The latency monitor has seen nothing.' : off) : `The longest was ${longest.event} with ${longest.maxMs} ms on ${longest.address}.`,
    });
  },
});
