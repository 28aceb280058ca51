import { defineRead, succeed, z } from '#step-kit/index.ts';
import { listHpas, scalesNow } from '../autoscalers.ts';
import { conditionOf, type Hpa } from '../records.ts';
import { Kubernetes } from '../system.ts';
import { message, serviceName } from '../words.ts';

export const hpaList = defineRead({
  name: 'kubernetes.hpa.list',
  summary: 'Lists the autoscalers of Cordum: their bounds, what they want, and whether they can see their metrics.',
  input: z.object({ service: serviceName.optional() }),
  output: z.object({
    items: z.array(
      z.object({
        name: z.string(),
        /** Empty where it scales something that is no part of Cordum. */
        service: z.string(),
        target: z.string(),
        min: z.int(),
        max: z.int(),
        current: z.int(),
        desired: z.int(),
        /** It wants as many as it may have: load may need more. */
        atMax: z.boolean(),
        /** It can see its metrics and acts on them. */
        scalingActive: z.boolean(),
        /** Scaled to zero by hand, which stops it. */
        stopped: z.boolean(),
        why: z.string(),
        /** Utilisation of the requested resources, in percent. */
        metrics: z.array(z.object({ name: z.string(), seen: z.boolean(), currentPercent: z.int(), targetPercent: z.int() })),
      }),
    ),
    total: z.int(),
    /** There is at least one, and each is active. */
    active: z.boolean(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'The autoscaler of the gateway, without a metrics server',
      with: { service: 'api-gateway' },
      output: {
        items: [
          {
            name: 'cordum-api-gateway',
            service: 'api-gateway',
            target: 'Deployment/cordum-api-gateway',
            min: 2,
            max: 6,
            current: 2,
            desired: 0,
            atMax: false,
            scalingActive: false,
            stopped: false,
            why: 'FailedGetResourceMetric: the HPA was unable to compute the replica count',
            metrics: [{ name: 'cpu', seen: false, currentPercent: 0, targetPercent: 70 }],
          },
        ],
        total: 1,
        active: false,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const listed = await listHpas(client, { signal: ctx.signal });
    if (!listed.ok) return listed;
    const items = listed.value.items.map((one) => show(one, client.names.serviceOf(one.spec.scaleTargetRef.name) ?? '')).filter(({ service }) => input.service === undefined || service === input.service);
    return succeed({ items, total: items.length, active: items.length > 0 && items.every((one) => one.scalingActive) && !listed.value.truncated, truncated: listed.value.truncated });
  },
});

function show(one: Hpa, service: string) {
  const { spec, status } = one;
  const scaling = conditionOf(status.conditions, 'ScalingActive');
  const active = scalesNow(one);
  const limited = conditionOf(status.conditions, 'ScalingLimited');
  return {
    name: one.metadata.name,
    service,
    target: `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    min: spec.minReplicas,
    max: spec.maxReplicas,
    current: status.currentReplicas,
    desired: status.desiredReplicas,
    atMax: status.desiredReplicas >= spec.maxReplicas || limited?.reason === 'TooManyReplicas',
    scalingActive: active,
    stopped: scaling?.reason === 'ScalingDisabled',
    why: active ? '' : scaling === undefined ? 'It has not acted yet.' : message(`${scaling.reason}: ${scaling.message}`),
    metrics: spec.metrics.flatMap(({ resource }) => {
      if (resource === null || resource === undefined) return [];
      // Without a metrics server the entries are there, but empty (recording hpa_get).
      const current = status.currentMetrics.find((seen) => seen.resource?.name === resource.name)?.resource?.current?.averageUtilization ?? undefined;
      return [{ name: resource.name, seen: current !== undefined, currentPercent: Math.trunc(current ?? 0), targetPercent: resource.target?.averageUtilization ?? 0 }];
    }),
  };
}
