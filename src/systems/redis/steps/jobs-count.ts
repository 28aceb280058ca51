import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { Survey } from '../client.ts';
import { type Answer, plain } from '../failure.ts';
import { timeText } from '../facts.ts';
import type { Watch } from '../observe.ts';
import { Redis } from '../system.ts';

/** Of a job in Cordum (reference on Cordum, 1.4); the last six are final. */
const STATES = ['pending', 'approval_required', 'scheduled', 'dispatched', 'running', 'succeeded', 'failed', 'cancelled', 'timeout', 'denied', 'output_quarantined'] as const;
const FINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'timeout', 'denied', 'output_quarantined']);
const MICROS_PER_MS = 1_000;
const LONGEST_ID = 200;

const stateRow = z.object({
  /** As the API writes it: `RUNNING`. */
  state: z.string(),
  final: z.boolean(),
  count: z.int(),
  /** Of them, those that have not changed for `olderThanSeconds`. */
  older: z.int(),
  oldestJobId: z.string(),
  /** When it last changed (RFC 3339); empty when there is none. */
  oldestAt: z.string(),
  oldestAgeSeconds: z.int(),
});

const output = z.object({
  states: z.array(stateRow),
  pending: z.int(),
  approvalRequired: z.int(),
  scheduled: z.int(),
  dispatched: z.int(),
  running: z.int(),
  /** Jobs that are in no final state. */
  open: z.int(),
  /** Of the scheduled, dispatched and running ones, those that have not changed for `olderThanSeconds`. */
  stale: z.int(),
  oldestStaleSeconds: z.int(),
  /** How many ids `job:recent` holds; Cordum keeps 1,000. */
  recent: z.int(),
  say: z.string(),
});

export const jobsCount = defineRead({
  name: 'redis.jobs.count',
  summary: "Counts Cordum's jobs by state in its indexes, with the oldest of each state: also when the gateway is down.",
  input: z.object({
    /** Jobs that have not changed for so long count as `older`. Cordum gives up a dispatch after 300 s and a run after 900 s by default. */
    olderThanSeconds: z.int().min(1).max(2_592_000).default(900),
  }),
  output,
  examples: [
    {
      title: 'Jobs that hang',
      with: { olderThanSeconds: 900 },
      output: {
        states: [{ state: 'RUNNING', final: false, count: 12, older: 3, oldestJobId: '9b73b5cb-b545-4252-807c-1187631a3bd7', oldestAt: '2026-11-20T19:00:00.000Z', oldestAgeSeconds: 3_600 }],
        pending: 0,
        approvalRequired: 0,
        scheduled: 0,
        dispatched: 0,
        running: 12,
        open: 12,
        stale: 3,
        oldestStaleSeconds: 3_600,
        recent: 1_000,
        say: '12 jobs are open, 3 of them scheduled, dispatched or running without a change for 900 s.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run({ olderThanSeconds }, ctx): Promise<Result<z.input<typeof output>>> {
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return plain(survey.failure);
    const [recent, ...rows] = await Promise.all([survey.value.keys.zcard('job:recent', ctx), ...STATES.map((state) => countOf(state, olderThanSeconds, survey.value, ctx))]);
    if (!recent.ok) return plain(recent.failure);
    const states: z.output<typeof stateRow>[] = [];
    for (const row of rows) {
      if (!row.ok) return plain(row.failure);
      states.push(row.value);
    }
    const of = (state: (typeof STATES)[number]): number => states.find((row) => row.state === state.toUpperCase())?.count ?? 0;
    const open = states.filter((row) => !row.final).reduce((sum, { count }) => sum + count, 0);
    const moving = states.filter(({ state }) => ['SCHEDULED', 'DISPATCHED', 'RUNNING'].includes(state));
    const stale = moving.reduce((sum, { older }) => sum + older, 0);
    return succeed({
      states,
      pending: of('pending'),
      approvalRequired: of('approval_required'),
      scheduled: of('scheduled'),
      dispatched: of('dispatched'),
      running: of('running'),
      open,
      stale,
      oldestStaleSeconds: Math.max(0, ...moving.filter(({ older }) => older > 0).map(({ oldestAgeSeconds }) => oldestAgeSeconds)),
      recent: recent.value,
      say: `${open} job${open === 1 ? ' is' : 's are'} open, ${stale} of them scheduled, dispatched or running without a change for ${olderThanSeconds} s.`,
    });
  },
});

/** The score of a job is the time of its last change in microseconds (reference on Cordum, 6.1; recording `redis_keys.json`). */
async function countOf(state: string, olderThanSeconds: number, { keys }: Survey, watch: Watch): Promise<Answer<z.output<typeof stateRow>>> {
  const key = `job:index:${state}`;
  const nowMs = watch.now();
  const [count, older, oldest] = await Promise.all([keys.zcard(key, watch), keys.zcountBelow(key, (nowMs - olderThanSeconds * 1_000) * MICROS_PER_MS, watch), keys.zoldest(key, watch)]);
  if (!count.ok) return count;
  if (!older.ok) return older;
  if (!oldest.ok) return oldest;
  const atMs = oldest.value === undefined ? Number.NaN : Math.floor(oldest.value.score / MICROS_PER_MS);
  const oldestAt = timeText(atMs);
  return {
    ok: true,
    value: {
      state: state.toUpperCase(),
      final: FINAL.has(state),
      count: count.value,
      older: older.value,
      oldestJobId: (oldest.value?.member ?? '').slice(0, LONGEST_ID),
      oldestAt,
      oldestAgeSeconds: oldestAt === '' ? 0 : Math.max(0, Math.floor((nowMs - atMs) / 1_000)),
    },
  };
}
