/** Dead-lettered jobs for the replayed Cordum, made from the recording of the one that no worker took. */
import { rawEntry, type RawEntry } from './cordum-dlq.ts';
import { recordedBody, type Replay } from './cordum-replay.ts';

export interface DeadJob {
  readonly id: string;
  readonly entry: RawEntry;
}

interface Over {
  readonly createdAt?: string;
  readonly entry?: Partial<RawEntry>;
  readonly job?: Readonly<Record<string, unknown>>;
  readonly workerId?: string;
}

/** Adds a job that may be retried safely, unless told otherwise, to the DLQ and the job and trace routes. */
export function addDeadJob(cordum: Replay, id: string, over: Over = {}): DeadJob {
  const entry = rawEntry(id, over.createdAt ?? '2026-11-20T19:24:38.864507505Z', over.entry);
  cordum.dlq = [...(cordum.dlq ?? []), entry];
  const traceId = `trace-${id}`;
  cordum.on('GET', `/api/v1/jobs/${id}`, { body: { ...recordedBody<object>('job_get_max_scheduling_retries'), id, trace_id: traceId, ...over.job } });
  cordum.on('GET', `/api/v1/traces/${traceId}`, { body: [jobRowOf(id, 'FAILED', { trace_id: traceId, ...(over.workerId === undefined ? {} : { worker_id: over.workerId }) })] });
  setRetries(cordum, id, []);
  return { id, entry };
}

export function jobRowOf(id: string, state: string, more: object = {}): object {
  return { id, trace_id: `trace-${id}`, updated_at: 0, state, topic: 'job.default', tenant: 'default', attempts: 50, ...more };
}

/** What Cordum lists as retries of a job: `[id, state]` each. */
export function setRetries(cordum: Replay, id: string, retries: readonly (readonly [string, string])[]): void {
  cordum.on('GET', `/api/v1/traces/dlq-retry-${id}`, { body: retries.map(([retry, state]) => jobRowOf(retry, state)) });
}

/** Topics and workers as recorded. */
export function addSurroundings(cordum: Replay): void {
  cordum.on('GET', '/api/v1/topics', 'topics_list');
  cordum.on('GET', '/api/v1/workers', 'workers_list');
}
