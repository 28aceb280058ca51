import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { Call, KubernetesClient, ServiceName } from '../client.ts';
import { pvc } from '../records.ts';
import { readRunning } from '../rollouts.ts';
import { labelsOf, matches } from '../selectors.ts';
import { Kubernetes } from '../system.ts';
import { ageSeconds, message, serviceName } from '../words.ts';

const MOST_PVCS = 500;

export const pvcList = defineRead({
  name: 'kubernetes.pvc.list',
  summary: 'Lists the volume claims of the namespace, or those of one service, and whether they are bound.',
  input: z.object({
    /** Its claims are those that its pods name, and those with the labels of its pods, which claims of a StatefulSet carry. */
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
    const call = { signal: ctx.signal };
    const [listed, wanted] = await Promise.all([client.list('persistentvolumeclaims', pvc, { most: MOST_PVCS }, call), wantedBy(client, input.service, call)]);
    if (!listed.ok) return listed;
    if (!wanted.ok) return wanted;
    const items = listed.value.items.filter(wanted.value).map(({ metadata, spec, status }) => ({
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

/** The claims of the Helm chart say of what release they are, but not of which of its parts (cordum-helm, deployment-control-plane.yaml). */
async function wantedBy(client: KubernetesClient, service: ServiceName | undefined, call: Call): Promise<Result<(one: z.output<typeof pvc>) => boolean>> {
  if (service === undefined) return succeed(() => true);
  const running = await readRunning(client, service, call);
  if (!running.ok && running.failure.reason !== 'notFound') return running;
  const volumes = running.ok ? running.value.record.spec.template.spec.volumes : [];
  const named = new Set(volumes.map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? ''));
  const labels = { matchLabels: labelsOf(client.names.selector(service)), matchExpressions: [] };
  return succeed(({ metadata }) => named.has(metadata.name) || matches(labels, metadata.labels));
}
