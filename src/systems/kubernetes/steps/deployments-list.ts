import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { SERVICES } from '../names.ts';
import { workload } from '../records.ts';
import type { Running } from '../rollouts.ts';
import { readRunning } from '../rollouts.ts';
import { shownWorkload, showWorkload } from '../shown-workload.ts';
import { Kubernetes } from '../system.ts';
import { plural, serviceName } from '../words.ts';

/** A namespace with more workloads than this holds more than Cordum. */
const MOST_WORKLOADS = 500;

export const deploymentsList = defineRead({
  name: 'kubernetes.deployments.list',
  summary: 'Lists the Deployments and StatefulSets of Cordum, or of one service: replicas, image, rollout and chosen settings.',
  input: z.object({
    service: serviceName.optional(),
    /** Names of environment variables to show. Values that come from Secrets, or look like one, are never shown. */
    env: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/)).max(20).default([]),
  }),
  output: z.object({
    items: z.array(shownWorkload),
    total: z.int(),
    /** Services of Cordum that have no workload of the expected name. */
    missing: z.array(z.object({ service: serviceName, name: z.string() })),
    /** Each that was asked for is there and healthy. */
    healthy: z.boolean(),
    say: z.string(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'The gateway and one of its settings',
      with: { service: 'api-gateway', env: ['REDIS_RATE_LIMIT'] },
      output: {
        items: [
          {
            service: 'api-gateway',
            kind: 'deployments',
            name: 'cordum-api-gateway',
            desired: 2,
            ready: 2,
            updated: 2,
            available: 2,
            image: 'ghcr.io/cordum/api-gateway:v0.9.7',
            tag: 'v0.9.7',
            revision: '3',
            paused: false,
            rollout: 'complete',
            why: '2 of 2 pods available.',
            healthy: true,
            generationSeen: true,
            minReplicas: 1,
            maxReplicas: 6,
            limitCpu: '1',
            limitMemory: '512Mi',
            requestCpu: '100m',
            requestMemory: '128Mi',
            env: [{ name: 'REDIS_RATE_LIMIT', value: 'true', source: 'plain' }],
          },
        ],
        total: 1,
        missing: [],
        healthy: true,
        say: '1 of 1 workload healthy.',
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const call = { signal: ctx.signal };
    const found: Running[] = [];
    let truncated = false;
    if (input.service === undefined) {
      const lists = await Promise.all((['deployments', 'statefulsets'] as const).map(async (kind) => ({ kind, listed: await client.list(kind, workload, { most: MOST_WORKLOADS }, call) })));
      for (const { kind, listed } of lists) {
        if (!listed.ok) return listed;
        truncated ||= listed.value.truncated;
        for (const record of listed.value.items) {
          const service = client.names.serviceOf(record.metadata.name);
          if (service !== undefined && client.names.workload(service).kind === kind) found.push({ service, kind, name: record.metadata.name, record });
        }
      }
      if (found.length === 0) return fail('notFound', `No workload of Cordum is in the namespace ${client.namespace}: check the namespace, profile and release of the target.`);
    } else {
      const one = await readRunning(client, input.service, call);
      if (!one.ok) return one;
      found.push(one.value);
    }
    const items = found.toSorted((a, b) => SERVICES.indexOf(a.service) - SERVICES.indexOf(b.service)).map((running) => showWorkload(client, running, input.env));
    const missing = (input.service === undefined ? SERVICES : []).filter((service) => !found.some((one) => one.service === service)).map((service) => ({ service, name: client.names.workload(service).name }));
    const healthy = items.filter((item) => item.healthy).length;
    const gone = missing.length === 0 ? '' : ` Not there: ${missing.map(({ name }) => name).join(', ')}.`;
    return succeed({ items, total: items.length, missing, healthy: healthy === items.length && missing.length === 0 && !truncated, say: `${healthy} of ${plural(items.length, 'workload')} healthy.${gone}`, truncated });
  },
});
