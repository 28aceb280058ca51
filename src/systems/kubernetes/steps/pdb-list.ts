import { defineRead, succeed, z } from '#step-kit/index.ts';
import { SERVICES } from '../names.ts';
import { pdb } from '../records.ts';
import { labelsOf, matches } from '../selectors.ts';
import { Kubernetes } from '../system.ts';
import { serviceName } from '../words.ts';

const MOST_PDBS = 200;

export const pdbList = defineRead({
  name: 'kubernetes.pdb.list',
  summary: 'Lists the disruption budgets: how many pods of each service may be taken away now.',
  input: z.object({ service: serviceName.optional() }),
  output: z.object({
    items: z.array(
      z.object({
        name: z.string(),
        /** Empty where it guards no part of Cordum. */
        service: z.string(),
        /** As written: a number or a percentage; empty where the other is set. */
        minAvailable: z.string(),
        maxUnavailable: z.string(),
        expected: z.int(),
        healthy: z.int(),
        desiredHealthy: z.int(),
        disruptionsAllowed: z.int(),
        /** At least one pod may go now, by an answer of Kubernetes that is not older than the budget. */
        allowed: z.boolean(),
      }),
    ),
    total: z.int(),
    /** There is one, and none forbids a disruption. */
    allAllow: z.boolean(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'May a scheduler go?',
      with: { service: 'scheduler' },
      output: {
        items: [{ name: 'cordum-scheduler', service: 'scheduler', minAvailable: '', maxUnavailable: '1', expected: 2, healthy: 2, desiredHealthy: 1, disruptionsAllowed: 1, allowed: true }],
        total: 1,
        allAllow: true,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const listed = await client.list('poddisruptionbudgets', pdb, { most: MOST_PDBS }, { signal: ctx.signal });
    if (!listed.ok) return listed;
    const items = listed.value.items
      .map(({ metadata, spec, status }) => ({
        name: metadata.name,
        service: SERVICES.find((service) => spec.selector !== undefined && matches(spec.selector, labelsOf(client.names.selector(service)))) ?? '',
        minAvailable: spec.minAvailable,
        maxUnavailable: spec.maxUnavailable,
        expected: status.expectedPods,
        healthy: status.currentHealthy,
        desiredHealthy: status.desiredHealthy,
        disruptionsAllowed: status.disruptionsAllowed,
        allowed: status.disruptionsAllowed > 0 && status.observedGeneration >= metadata.generation,
      }))
      .filter(({ service }) => input.service === undefined || service === input.service);
    return succeed({ items, total: items.length, allAllow: items.length > 0 && items.every(({ allowed }) => allowed) && !listed.value.truncated, truncated: listed.value.truncated });
  },
});
