import { sha256 } from '#kernel/digest.ts';
import { type ApplyContext, defineWrite, fail, type Item, type JsonObject, type PlanContext, type ProbeContext, type Result, succeed, z } from '#step-kit/index.ts';
import { EFFECT, LANDS_WITHIN_MS, notLanded } from '../changes.ts';
import type { KubernetesClient } from '../client.ts';
import { listJobs, showJob } from '../jobs.ts';
import { type CronJob, cronJob, job } from '../records.ts';
import { isObjectName } from '../resources.ts';
import { Kubernetes } from '../system.ts';
import { field } from '../words.ts';

/** Labels of a Job's pods hold its name, and hold no more than 63 characters (recording job_create_name_too_long). */
const LONGEST_STEM = 45;
const HASH_CHARS = 12;

const input = z
  .object({
    /** A backup, by what it saves; the name of its CronJob comes from the target. */
    backup: z.enum(['redis', 'nats', 'retention']).optional(),
    name: z.string().refine(isObjectName, 'the name of a CronJob').optional(),
  })
  .refine(({ backup, name }) => (backup === undefined) !== (name === undefined), 'give either a backup or a name');

export const cronjobTrigger = defineWrite({
  name: 'kubernetes.cronjob.trigger',
  summary: 'Starts a Job from a CronJob now, unless one is running.',
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input,
  output: z.object({ job: z.string(), cronjob: z.string(), createdAt: z.string() }),
  examples: [{ title: 'Back up Redis now', with: { backup: 'redis' } }],
  async plan(asked, ctx) {
    const client = ctx.use(Kubernetes);
    const found = await find(client, asked, ctx);
    if (!found.ok) return found;
    const { metadata, spec } = found.value;
    const key = `cronjob/${metadata.name}`;
    if (ctx.only !== undefined && ctx.only !== key) return succeed({ summary: 'It is not the CronJob of the input.', items: [] });
    const jobs = await listJobs(client, metadata.name, ctx.now(), { signal: ctx.signal });
    if (!jobs.ok) return jobs;
    const running = jobs.value.items.filter(({ outcome }) => outcome === 'running');
    if (running.length > 0) return succeed({ summary: `${metadata.name} is running already: ${running.map(({ name }) => name).join(', ')}.`, items: [] });
    const tried = await client.create('jobs', jobOf(found.value, 'dry-run'), job, { signal: ctx.signal, dryRun: true });
    if (!tried.ok) return fail(tried.failure.reason, `The dry run was refused. ${tried.failure.message}`);
    const suspended = spec.suspend ? ' It stays suspended otherwise.' : '';
    return succeed({
      summary: `Start a Job from ${metadata.name} now.${suspended}`,
      items: [{ key, title: `Run ${metadata.name} now`, current: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, suspended: spec.suspend }, next: { action: 'one Job is created from its template' } }],
    });
  },
  apply: (item, asked, ctx) => create(item, asked, ctx),
  async probe(_item, asked, ctx) {
    const client = ctx.use(Kubernetes);
    const name = jobName(nameOf(client, asked), ctx.idempotencyKey);
    const found = await client.get('jobs', name, job, { signal: ctx.signal });
    if (found.ok) return { landed: 'applied', result: { job: name, cronjob: nameOf(client, asked), createdAt: found.value.metadata.creationTimestamp }, evidence: `The Job ${name} is there, and its name is made from this effect.` };
    // A template may have Jobs deleted as soon as they end, but not within the time that a lost call may take.
    if (found.failure.reason === 'notFound') return { landed: 'notApplied', evidence: `There is no Job ${name}.` };
    return { landed: 'unknown', evidence: `Whether the Job ${name} exists cannot be seen. ${found.failure.message}`, failure: found.failure };
  },
  async verify(applied, asked, ctx) {
    const client = ctx.use(Kubernetes);
    const [first] = applied;
    if (first === undefined) return succeed({ ends: {}, say: 'Nothing was started.' });
    const name = field(first.result, 'job');
    const key = first.item.key;
    if (name === '') return succeed({ ends: { [key]: 'unknown' }, say: `Which Job of ${nameOf(client, asked)} it was is not known.` });
    const found = await client.get('jobs', name, job, { signal: ctx.signal });
    if (!found.ok && found.failure.reason === 'notFound') return succeed({ ends: { [key]: 'unknown' }, say: `The Job ${name} is gone, so how it ended cannot be seen.` });
    if (!found.ok) return found;
    const { outcome, reason } = showJob(found.value, ctx.now());
    const end = outcome === 'complete' ? 'done' : outcome === 'failed' ? 'failed' : 'pending';
    return succeed({ ends: { [key]: end }, say: `The Job ${name} is ${outcome}${reason === '' ? '' : ` (${reason})`}.` });
  },
});

async function create(item: Item, asked: z.output<typeof input>, ctx: ApplyContext): Promise<Result<{ job: string; cronjob: string; createdAt: string }>> {
  const client = ctx.use(Kubernetes);
  const found = await find(client, asked, ctx);
  if (!found.ok) return notLanded(found);
  const { metadata } = found.value;
  if (metadata.resourceVersion !== field(item.current, 'resourceVersion')) return fail('conflict', `${metadata.name} has changed or run since it was planned: nothing was started.`, 'no');
  const body = jobOf(found.value, ctx.idempotencyKey);
  const created = await client.create('jobs', body, job, { signal: ctx.signal });
  if (created.ok) return succeed({ job: created.value.metadata.name, cronjob: metadata.name, createdAt: created.value.metadata.creationTimestamp });
  if (created.failure.reason !== 'conflict') return created;
  // The name is made from this effect, so a Job of that name with our mark is the one that an earlier try made.
  const name = jobName(metadata.name, ctx.idempotencyKey);
  const there = await client.get('jobs', name, job, { signal: ctx.signal });
  if (!there.ok) return { ok: false, failure: { ...there.failure, landed: 'maybe' } };
  return there.value.metadata.annotations[EFFECT] === ctx.idempotencyKey ? succeed({ job: name, cronjob: metadata.name, createdAt: there.value.metadata.creationTimestamp }) : created;
}

function nameOf(client: KubernetesClient, { backup, name }: z.output<typeof input>): string {
  return backup === undefined ? (name ?? '') : client.names.backups[backup];
}

function find(client: KubernetesClient, asked: z.output<typeof input>, ctx: PlanContext | ApplyContext | ProbeContext): Promise<Result<CronJob>> {
  return client.get('cronjobs', nameOf(client, asked), cronJob, { signal: ctx.signal });
}

function jobName(cronjob: string, idempotencyKey: string): string {
  return `${cronjob.slice(0, LONGEST_STEM).replace(/[-.]+$/, '')}-bot-${sha256(idempotencyKey).slice(0, HASH_CHARS)}`;
}

/** As `kubectl create job --from` makes it: the template, the mark "manual", and the CronJob as the owner, which cleans up by its history limits. */
function jobOf({ metadata, spec }: CronJob, idempotencyKey: string): JsonObject {
  const template = spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(metadata.name, idempotencyKey),
      labels: template.metadata?.labels ?? {},
      annotations: { ...template.metadata?.annotations, 'cronjob.kubernetes.io/instantiate': 'manual', [EFFECT]: idempotencyKey },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: metadata.name, uid: metadata.uid, controller: true }],
    },
    spec: template.spec,
  };
}
