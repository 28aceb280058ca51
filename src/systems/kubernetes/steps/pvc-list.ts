import { defineRead, succeed, z } from '#step-kit/index.ts';
import { pvc } from '../records.ts';
import { Kubernetes } from '../system.ts';
import { ageSeconds, message, serviceName } from '../words.ts';

const MOST_PVCS = 500;

export const pvcList = defineRead({
  name: 'kubernetes.pvc.list',
  summary: 'Lists the volume claims of the namespace, or those of one service, and whether they are bound.',
  input: z.object({
    /** By the labels of its pods, which claims of a StatefulSet carry too. */
    service: serviceName.optional(),
  }),
  output: z.object({
    items: z.array(
      z.object({
        name: z.string(),
        phase: z.string(),
        bound: z.boolean(),
        requested: z.string(),
        capacity: z.string(),
        storageClass: z.string(),
        ageSeconds: z.int(),
        /** What Kubernetes says of a resize or of the volume; empty: nothing. */
        why: z.string(),
      }),
    ),
    total: z.int(),
    bound: z.int(),
    /** There is at least one, and each is bound. How full they are is not known to Kubernetes. */
    allBound: z.boolean(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'The volumes of Redis',
      with: { service: 'redis' },
      output: {
        items: [{ name: 'data-cordum-redis-0', phase: 'Bound', bound: true, requested: '20Gi', capacity: '20Gi', storageClass: 'standard', ageSeconds: 86_400, why: '' }],
        total: 1,
        bound: 1,
        allBound: true,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const query = input.service === undefined ? { most: MOST_PVCS } : { most: MOST_PVCS, labels: client.names.selector(input.service) };
    const listed = await client.list('persistentvolumeclaims', pvc, query, { signal: ctx.signal });
    if (!listed.ok) return listed;
    const items = listed.value.items.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      phase: status.phase,
      bound: status.phase === 'Bound',
      requested: spec.resources?.requests['storage'] ?? '',
      capacity: status.capacity['storage'] ?? '',
      storageClass: spec.storageClassName,
      ageSeconds: ageSeconds(ctx.now(), metadata.creationTimestamp),
      why: message(status.conditions.map((one) => `${one.type}: ${one.message || one.reason}`).join('; ')),
    }));
    const bound = items.filter((one) => one.bound).length;
    return succeed({ items, total: items.length, bound, allBound: items.length > 0 && bound === items.length && !listed.value.truncated, truncated: listed.value.truncated });
  },
});
