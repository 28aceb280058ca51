import { defineRead, succeed, z } from '#step-kit/index.ts';
import type { Workload } from '../names.ts';
import { event, type Event } from '../records.ts';
import { isObjectName } from '../resources.ts';
import { Kubernetes } from '../system.ts';
import { ageSeconds, message, plural, serviceName } from '../words.ts';

/** Events are kept for an hour by default; a namespace in trouble makes some thousands. */
const MOST_EVENTS = 3_000;
/** The letters of generated names: no vowels, and no digits that look like letters. */
const GENERATED = '[bcdfghjklmnpqrstvwxz2456789]';

export const eventsList = defineRead({
  name: 'kubernetes.events.list',
  summary: 'Lists events, newest first: of a service and its pods, of one object, or of the namespace.',
  input: z
    .object({
      service: serviceName.optional(),
      /** One object, by kind and name: `{ kind: Pod, name: cordum-redis-0 }`. */
      object: z.object({ kind: z.string().regex(/^[A-Za-z]{1,63}$/), name: z.string().refine(isObjectName, 'the name of an object') }).optional(),
      sinceSeconds: z.int().min(60).max(86_400).default(3_600).describe('How far back.'),
      /** Only what Kubernetes calls a warning. */
      warningsOnly: z.boolean().default(true),
      limit: z.int().min(1).max(500).default(50),
    })
    .refine(({ service, object }) => service === undefined || object === undefined, 'give either a service or an object'),
  output: z.object({
    items: z.array(
      z.object({
        /** When it last happened. */
        time: z.string(),
        ageSeconds: z.int(),
        type: z.string(),
        reason: z.string(),
        kind: z.string(),
        name: z.string(),
        message: z.string(),
        /** How often it has happened. */
        count: z.int(),
        source: z.string(),
      }),
    ),
    /** How many there are, shown or not. */
    total: z.int(),
    byReason: z.array(z.object({ reason: z.string(), events: z.int(), count: z.int() })),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What Kubernetes warns of about the scheduler',
      with: { service: 'scheduler', sinceSeconds: 1_800 },
      output: {
        items: [{ time: '2026-11-20T19:56:05Z', ageSeconds: 40, type: 'Warning', reason: 'FailedCreate', kind: 'ReplicaSet', name: 'cordum-scheduler-7f4dbdd774', message: 'Error creating: pods is forbidden: exceeded quota: cordum-quota', count: 4, source: 'replicaset-controller' }],
        total: 1,
        byReason: [{ reason: 'FailedCreate', events: 1, count: 4 }],
        truncated: false,
        note: '',
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const listed = await client.list('events', event, { most: MOST_EVENTS, ...(input.warningsOnly ? { fields: 'type=Warning' } : {}) }, { signal: ctx.signal });
    if (!listed.ok) return listed;
    const concerns = concerning(input, input.service === undefined ? undefined : client.names.workload(input.service));
    const since = ctx.now() - input.sinceSeconds * 1_000;
    const found = listed.value.items
      .filter((one) => concerns(one) && Date.parse(timeOf(one)) >= since)
      .map((one) => ({
        time: timeOf(one),
        ageSeconds: ageSeconds(ctx.now(), timeOf(one)),
        type: one.type,
        reason: one.reason,
        kind: one.involvedObject.kind,
        name: one.involvedObject.name,
        message: message(one.message),
        count: Math.max(1, one.series?.count ?? one.count),
        source: one.source?.component || one.reportingComponent,
      }))
      .toSorted((a, b) => Date.parse(b.time) - Date.parse(a.time));
    const byReason = [...Map.groupBy(found, ({ reason }) => reason)].map(([reason, events]) => ({ reason, events: events.length, count: events.reduce((sum, one) => sum + one.count, 0) })).toSorted((a, b) => b.count - a.count);
    const note = listed.value.truncated ? `Only the first ${plural(MOST_EVENTS, 'event')} that Kubernetes lists were looked at, in no order of time.` : '';
    return succeed({ items: found.slice(0, input.limit), total: found.length, byReason, truncated: listed.value.truncated || found.length > input.limit, note });
  },
});

/** Old reporters fill lastTimestamp, newer ones eventTime and a series. */
function timeOf({ lastTimestamp, series, eventTime, firstTimestamp, metadata }: Event): string {
  return series?.lastObservedTime || lastTimestamp || eventTime || firstTimestamp || metadata.creationTimestamp;
}

type Asked = { readonly object?: { readonly kind: string; readonly name: string } | undefined };

/** Pods, ReplicaSets and claims that are gone have events still, so names tell what belongs to a workload, not what is listed now. */
function concerning({ object }: Asked, workload: Workload | undefined): (one: Event) => boolean {
  if (object !== undefined) return ({ involvedObject }) => involvedObject.kind === object.kind && involvedObject.name === object.name;
  if (workload === undefined) return () => true;
  // Names hold nothing but letters, digits, `-` and `.`, and only the last means anything in a pattern.
  const name = workload.name.replaceAll('.', String.raw`\.`);
  const made = workload.kind === 'deployments' ? new RegExp(`^${name}-${GENERATED}{1,10}(?:-${GENERATED}{5})?$`) : new RegExp(`^(?:[a-z0-9-]{1,63}-)?${name}-[0-9]{1,4}$`);
  return ({ involvedObject }) => involvedObject.name === workload.name || made.test(involvedObject.name);
}
