import { entryOf } from './dlq.ts';
import { addJob, contextOf, findJob, type World } from './model.ts';
import { startJob } from './scheduler.ts';

export type RetryAnswer = { readonly newId: string } | { readonly refused: 'tenant' | 'notFound' | 'publish' };

/**
 * Submits the job of an entry once more under a new id and drops the entry. There is no claim and no idempotency: whoever
 * finds the entry runs the job again. With the meta gone, so are tenant, labels and input, and nothing says so.
 */
export function retryEntry(world: World, jobId: string): RetryAnswer {
  const original = findJob(world, jobId);
  if (original !== undefined && original.tenant !== '' && original.tenant !== world.tenant) return { refused: 'tenant' };
  const entry = entryOf(world, jobId);
  if (entry === undefined) return { refused: 'notFound' };
  const again = addJob(world, {
    id: `${jobId}-retry-${world.hex(8)}`,
    traceId: `dlq-retry-${jobId}`,
    topic: entry.topic ?? original?.topic ?? '',
    tenant: original?.tenant ?? '',
    ...(original === undefined
      ? {}
      : {
          capability: original.capability,
          idempotencyKey: original.idempotencyKey,
          riskTags: original.riskTags,
          policy: original.policy,
          context: contextOf(world, original),
          labels: { ...original.labels, dlq_entry: jobId, retry: 'true', retry_of_job: jobId },
        }),
  });
  if (world.down.has('nats')) return { refused: 'publish' };
  world.dlq.delete(jobId);
  startJob(world, again);
  return { newId: again.id };
}
