/** The messages about jobs that a restored NATS holds. Heartbeats, which are most of `CORDUM_SYS`, are not read. */
import type { BusMessage } from './job-of-message.ts';

/** Streams of Cordum, and which of their subjects are about jobs (cordum.md §5.1, §5.3). Undefined: all. */
const STREAMS: readonly (readonly [string, string | undefined])[] = [
  ['CORDUM_SYS', 'sys.job.>'],
  ['CORDUM_JOBS', undefined],
];

export async function* messagesAboutJobs(restored: readonly string[], read: (stream: string, subjects: string | undefined) => AsyncIterable<BusMessage>): AsyncGenerator<BusMessage, void, undefined> {
  for (const [stream, subjects] of STREAMS) if (restored.includes(stream)) yield* read(stream, subjects);
}
