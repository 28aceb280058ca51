import { defineRead, succeed, z } from '#step-kit/index.ts';
import { Nats } from '../system.ts';
import { timeText } from '../values.ts';
import { readDeadLetter } from '../wire.ts';

/** Where Cordum's scheduler says that a job is dead; the gateway writes it into the DLQ. */
const SUBJECT = 'sys.job.dlq';
const MOST_REASONS = 50;

export const deadLettersWatch = defineRead({
  name: 'nats.dead-letters.watch',
  summary: 'Listens for some seconds to what Cordum dead-letters right now. It only listens: it takes no message from anybody.',
  input: z.object({
    seconds: z.int().min(1).max(300).default(10),
    /** At most this many entries; all are counted. */
    limit: z.int().min(1).max(1_000).default(100),
  }),
  output: z.object({
    items: z.array(
      z.object({
        jobId: z.string(),
        status: z.string(),
        /** As in the DLQ: `max_scheduling_retries`, `no_workers` … */
        reasonCode: z.string(),
        reason: z.string(),
        workerId: z.string(),
        traceId: z.string(),
        senderId: z.string(),
        /** Empty: the packet does not say. */
        createdAt: z.string(),
        heardAt: z.string(),
      }),
    ),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
    /** Of those in `items`. */
    byReason: z.array(z.object({ code: z.string(), count: z.int() })),
    /** Packets that we could not read. */
    unreadable: z.int(),
    /** How long we really listened. */
    seconds: z.int(),
    perMinute: z.int(),
  }),
  examples: [
    {
      title: 'What dies within ten seconds',
      with: { seconds: 10 },
      output: {
        items: [
          {
            jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7',
            status: 'JOB_STATUS_FAILED',
            reasonCode: 'max_scheduling_retries',
            reason: 'max scheduling retries exceeded (attempts=50)',
            workerId: '',
            traceId: '9b73b5cb-b545-4252-807c-1187631a3bd7',
            senderId: 'cordum-scheduler',
            createdAt: '2026-11-20T19:24:38.864Z',
            heardAt: '2026-11-20T19:24:38.866Z',
          },
        ],
        total: 1,
        truncated: false,
        note: '',
        say: '1 job was dead-lettered in 10 s: 1 max_scheduling_retries.',
        byReason: [{ code: 'max_scheduling_retries', count: 1 }],
        unreadable: 0,
        seconds: 10,
        perMinute: 6,
      },
    },
  ],
  timeoutMs: 330_000,
  async run({ seconds, limit }, ctx) {
    const startMs = ctx.now();
    const answer = await ctx.use(Nats).bus.listen(SUBJECT, { forMs: seconds * 1_000, most: limit, wait: (ms) => ctx.sleep(ms) }, { signal: ctx.signal });
    if (!answer.ok) return answer;
    const { heard, total, cutOff } = answer.value;
    const listenedMs = Math.max(1, ctx.now() - startMs);
    const items = heard.flatMap(({ data, atMs }) => {
      const read = readDeadLetter(data);
      if (read === undefined) return [];
      const { createdAtMs, ...letter } = read;
      return [{ ...letter, createdAt: timeText(createdAtMs), heardAt: timeText(atMs) }];
    });
    const reasons = [...Map.groupBy(items, (item) => item.reasonCode)].map(([code, of]) => ({ code, count: of.length })).toSorted((one, other) => other.count - one.count);
    const listenedSeconds = Math.round(listenedMs / 1_000);
    const notes = [...(cutOff ? ['The connection ended before the time was up.'] : []), ...(total > heard.length ? [`${total - heard.length} more came and are only counted.`] : [])];
    const kinds = reasons.slice(0, 5).map(({ code, count }) => `${count} ${code === '' ? 'without a reason code' : code}`).join(', ');
    return succeed({
      items,
      total,
      truncated: notes.length > 0,
      note: notes.join(' '),
      say: total === 0 ? `No job was dead-lettered in ${listenedSeconds} s.` : `${total} job${total === 1 ? ' was' : 's were'} dead-lettered in ${listenedSeconds} s${kinds === '' ? '' : `: ${kinds}`}.`,
      byReason: reasons.slice(0, MOST_REASONS),
      unreadable: heard.length - items.length,
      seconds: listenedSeconds,
      perMinute: Math.round((total * 60_000) / listenedMs),
    });
  },
});
