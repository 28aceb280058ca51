import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { listJobs, type ShownJob } from '../jobs.ts';
import { type CronJob, cronJob } from '../records.ts';
import { isObjectName } from '../resources.ts';
import { Kubernetes } from '../system.ts';
import { ageSeconds } from '../words.ts';

const MOST_CRONJOBS = 200;

const shownCronJob = z.object({
  name: z.string(),
  /** `redis`, `nats`, `retention`, or empty for one that is no backup of Cordum's. */
  backup: z.enum(['redis', 'nats', 'retention', '']),
  schedule: z.string(),
  suspended: z.boolean(),
  active: z.int(),
  lastScheduleTime: z.string(),
  lastSuccessfulTime: z.string(),
  /** It has succeeded at least once, as far as Kubernetes remembers. */
  everSucceeded: z.boolean(),
  /** Since it last succeeded; -1: never. */
  ageSeconds: z.int(),
  /** It succeeded within `maxAgeSeconds` and is not suspended. */
  fresh: z.boolean(),
  lastJob: z.string(),
  lastOutcome: z.enum(['complete', 'failed', 'running', 'suspended', 'none']),
  lastReason: z.string(),
  say: z.string(),
});

export const cronjobsList = defineRead({
  name: 'kubernetes.cronjobs.list',
  summary: 'Lists CronJobs: when each last succeeded, how its last Job ended, and whether that is fresh enough.',
  input: z.object({
    name: z.string().refine(isObjectName, 'the name of a CronJob').optional(),
    /** Only the backups of Redis and NATS and their retention. */
    backupsOnly: z.boolean().default(false),
    /** Older than this is not fresh. The shipped backups run hourly. */
    maxAgeSeconds: z.int().min(60).max(31_536_000).default(7_200),
  }),
  output: z.object({
    items: z.array(shownCronJob),
    total: z.int(),
    /** Backups that the target should have and has not. */
    missing: z.array(z.object({ backup: z.string(), name: z.string() })),
    /** The CronJobs of both stores are there and fresh. Says nothing of whether their files can be restored. */
    backupsFresh: z.boolean(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'How old are the backups?',
      with: { backupsOnly: true },
      output: {
        items: [
          {
            name: 'cordum-redis-backup',
            backup: 'redis',
            schedule: '0 * * * *',
            suspended: false,
            active: 0,
            lastScheduleTime: '2026-11-20T19:00:00Z',
            lastSuccessfulTime: '2026-11-20T16:00:41Z',
            everSucceeded: true,
            ageSeconds: 13_159,
            fresh: false,
            lastJob: 'cordum-redis-backup-29402820',
            lastOutcome: 'failed',
            lastReason: 'BackoffLimitExceeded',
            say: 'cordum-redis-backup last succeeded at 2026-11-20T16:00:41Z; its last Job failed (BackoffLimitExceeded).',
          },
        ],
        total: 1,
        missing: [{ backup: 'nats', name: 'cordum-nats-backup' }],
        backupsFresh: false,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const call = { signal: ctx.signal };
    const [listed, jobs] = await Promise.all([client.list('cronjobs', cronJob, { most: MOST_CRONJOBS }, call), listJobs(client, undefined, ctx.now(), call)]);
    if (!listed.ok) return listed;
    if (!jobs.ok) return jobs;
    const backups = client.names.backups;
    const backupOf = (name: string): 'redis' | 'nats' | 'retention' | '' => (['redis', 'nats', 'retention'] as const).find((backup) => backups[backup] === name) ?? '';
    const all = listed.value.items.map((one) => {
      const last = jobs.value.items.find(({ cronjob }) => cronjob === one.metadata.name);
      return show(one, backupOf(one.metadata.name), last, ctx.now(), input.maxAgeSeconds);
    });
    const items = all.filter(({ name, backup }) => (input.name === undefined || name === input.name) && (!input.backupsOnly || backup !== ''));
    if (input.name !== undefined && items.length === 0) return fail('notFound', `There is no CronJob ${input.name} in ${client.namespace}.`);
    const stores = (['redis', 'nats'] as const).map((backup) => ({ backup, name: backups[backup], found: all.find((one) => one.backup === backup) }));
    return succeed({
      items,
      total: items.length,
      missing: stores.filter(({ found }) => found === undefined).map(({ backup, name }) => ({ backup, name })),
      backupsFresh: stores.every(({ found }) => found?.fresh === true),
      truncated: listed.value.truncated || jobs.value.truncated,
    });
  },
});

function show({ metadata, spec, status }: CronJob, backup: 'redis' | 'nats' | 'retention' | '', last: ShownJob | undefined, nowMs: number, maxAgeSeconds: number): z.output<typeof shownCronJob> {
  const age = ageSeconds(nowMs, status.lastSuccessfulTime);
  const succeeded = status.lastSuccessfulTime === '' ? 'has never succeeded' : `last succeeded at ${status.lastSuccessfulTime}`;
  const ended = last === undefined ? 'no Job of it is kept' : `its last Job ${last.outcome === 'complete' ? 'is complete' : last.outcome === 'failed' ? `failed (${last.reason})` : `is ${last.outcome}`}`;
  return {
    name: metadata.name,
    backup,
    schedule: spec.schedule,
    suspended: spec.suspend,
    active: status.active.length,
    lastScheduleTime: status.lastScheduleTime,
    lastSuccessfulTime: status.lastSuccessfulTime,
    everSucceeded: age >= 0,
    ageSeconds: age,
    fresh: age >= 0 && age <= maxAgeSeconds && !spec.suspend,
    lastJob: last?.name ?? '',
    lastOutcome: last?.outcome ?? 'none',
    lastReason: last?.reason ?? '',
    say: `${metadata.name}${spec.suspend ? ' is suspended and' : ''} ${succeeded}; ${ended}.`,
  };
}
