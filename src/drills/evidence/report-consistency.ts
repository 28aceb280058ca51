/** Whether the stores of one drill fit together, as a report shows it. */
import { z } from 'zod';
import { formatDuration } from '#kernel/duration.ts';

const text = z.string();
const count = z.number();
const taken = z.object({ set: text, takenAt: text });
const counts = z.array(z.object({ name: text, jobs: count }));

export const consistencyShape = z.looseObject({
  redis: taken,
  nats: taken,
  skewSeconds: count,
  jobs: z
    .looseObject({
      inRedis: count,
      open: counts,
      withoutMessage: counts,
      withoutMessageIds: z.array(text),
      messages: count,
      inNats: count,
      withoutRecord: counts,
      withoutRecordIds: z.array(text),
      unreadable: count,
      tooOld: z.object({ jobs: count, messages: count }),
      truncated: z.boolean(),
    })
    .nullable(),
});

export function consistencyRows({ redis, nats, skewSeconds, jobs }: z.output<typeof consistencyShape>): readonly (readonly string[])[] {
  const later = skewSeconds === 0 ? '' : `; that of ${skewSeconds > 0 ? 'NATS' : 'Redis'} is the later one`;
  const times = [
    ['Backups', `${redis.set} of ${redis.takenAt}, ${nats.set} of ${nats.takenAt}`],
    ['Apart', `${formatDuration(Math.abs(skewSeconds) * 1_000)}${later}`],
  ];
  if (jobs === null) return [...times, ['Jobs', 'could not be compared']];
  return [
    ...times,
    ['Jobs in Redis', `${jobs.inRedis}, of which ${sum(jobs.open)} under way${detail(jobs.open)}`],
    ['Under way in Redis, without their message', `${sum(jobs.withoutMessage)}${detail(jobs.withoutMessage)}${ids(jobs.withoutMessageIds)}`],
    ['Messages about jobs in NATS', `${jobs.messages}, about ${jobs.inNats} job(s)`],
    ['With a message, not known to Redis', `${sum(jobs.withoutRecord)}${detail(jobs.withoutRecord)}${ids(jobs.withoutRecordIds)}`],
    ['Not compared', `${jobs.unreadable} message(s) that name no job, ${jobs.tooOld.jobs} job(s) and ${jobs.tooOld.messages} message(s) that are too old${jobs.truncated ? ', and what is beyond the number of jobs that are compared' : ''}`],
  ];
}

function sum(of: z.output<typeof counts>): number {
  return of.reduce((all, { jobs }) => all + jobs, 0);
}

function detail(of: z.output<typeof counts>): string {
  return of.length === 0 ? '' : ` (${of.map(({ name, jobs }) => `${jobs} ${name}`).join(', ')})`;
}

function ids(of: readonly string[]): string {
  return of.length === 0 ? '' : `: ${of.join(', ')}`;
}
