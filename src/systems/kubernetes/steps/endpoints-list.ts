import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { Call, KubernetesClient } from '../client.ts';
import { type Container, endpointSlice, type Service, service as serviceShape } from '../records.ts';
import { readRunning } from '../rollouts.ts';
import { matches } from '../selectors.ts';
import { Kubernetes } from '../system.ts';
import { serviceName } from '../words.ts';

const MOST_SERVICES = 200;
const MOST_SLICES = 1_000;
/** More than any part of Cordum has pods. */
const MOST_ADDRESSES = 100;
/** Every slice carries the name of its Service. */
const SLICE_OF = 'kubernetes.io/service-name';

const PROBLEMS = ['none', 'noPods', 'noReadyPods', 'targetPortNotServed', 'portNotExposed'] as const;

const shownService = z.object({
  name: z.string(),
  type: z.string(),
  headless: z.boolean(),
  ports: z.array(
    z.object({
      name: z.string(),
      port: z.int(),
      targetPort: z.string(),
      /** A container of the pods declares it. Kubernetes does not ask for that, so `false` is a hint and no proof. */
      declared: z.boolean(),
    }),
  ),
  addresses: z.array(z.object({ ip: z.string(), pod: z.string(), ready: z.boolean() })),
  ready: z.int(),
  notReady: z.int(),
  problem: z.enum(PROBLEMS),
  why: z.string(),
});

export const endpointsList = defineRead({
  name: 'kubernetes.endpoints.list',
  summary: 'Lists the Services in front of a part of Cordum, with the addresses behind them: tells "no pods" from "wrong port".',
  input: z.object({
    service: serviceName,
    /** A port of the Service that clients use: says whether some Service has it. */
    port: z.int().min(1).max(65_535).optional(),
  }),
  output: z.object({
    items: z.array(shownService),
    /** How many Services select its pods. */
    total: z.int(),
    /** Addresses that are ready, over all of them, each once. */
    readyAddresses: z.int(),
    /** Some Service with ready addresses has the port that was asked for, or any port where none was. */
    portServed: z.boolean(),
    problem: z.enum(['noService', ...PROBLEMS] as const),
    say: z.string(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'What stands behind the safety kernel',
      with: { service: 'safety-kernel', port: 50051 },
      output: {
        items: [
          {
            name: 'cordum-safety-kernel',
            type: 'ClusterIP',
            headless: false,
            ports: [{ name: 'grpc', port: 50051, targetPort: '50051', declared: true }],
            addresses: [{ ip: '10.244.0.9', pod: 'cordum-safety-kernel-78d479b7bb-4xq7z', ready: false }],
            ready: 0,
            notReady: 1,
            problem: 'noReadyPods',
            why: 'None of the 1 addresses is ready.',
          },
        ],
        total: 1,
        readyAddresses: 0,
        portServed: false,
        problem: 'noReadyPods',
        say: 'cordum-safety-kernel: None of the 1 addresses is ready.',
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const call = { signal: ctx.signal };
    const [running, services] = await Promise.all([readRunning(client, input.service, call), client.list('services', serviceShape, { most: MOST_SERVICES }, call)]);
    if (!running.ok) return running;
    if (!services.ok) return services;
    const { metadata, spec } = running.value.record.spec.template;
    const inFront = services.value.items.filter((one) => Object.keys(one.spec.selector).length > 0 && matches({ matchLabels: one.spec.selector, matchExpressions: [] }, metadata.labels));
    const items: z.output<typeof shownService>[] = [];
    let truncated = services.value.truncated;
    for (const one of inFront) {
      const addresses = await addressesOf(client, one.metadata.name, call);
      if (!addresses.ok) return addresses;
      truncated ||= addresses.value.truncated;
      items.push(show(one, addresses.value.items, spec.containers, input.port));
    }
    const ready = new Set(items.flatMap(({ addresses }) => addresses.filter((address) => address.ready).map(({ ip }) => ip)));
    const good = items.find(({ problem }) => problem === 'none');
    // A Service without the port is no news where another one has it.
    const worst = good ?? items.find(({ problem }) => problem !== 'portNotExposed') ?? items[0];
    return succeed({
      items,
      total: items.length,
      readyAddresses: ready.size,
      portServed: good !== undefined,
      problem: worst?.problem ?? ('noService' as const),
      say: worst === undefined ? `No Service selects the pods of ${running.value.name}.` : `${worst.name}: ${worst.why}`,
      truncated,
    });
  },
});

type Address = z.output<typeof shownService>['addresses'][number];

async function addressesOf(client: KubernetesClient, name: string, call: Call): Promise<Result<{ items: Address[]; truncated: boolean }>> {
  const slices = await client.list('endpointslices', endpointSlice, { labels: `${SLICE_OF}=${name}`, most: MOST_SLICES }, call);
  if (!slices.ok) return slices;
  const byIp = new Map<string, Address>();
  for (const { endpoints } of slices.value.items) {
    for (const { addresses, conditions, targetRef } of endpoints) {
      const ready = conditions?.ready !== false && conditions?.terminating !== true;
      for (const ip of addresses) byIp.set(ip, { ip, pod: targetRef?.name ?? '', ready: ready || byIp.get(ip)?.ready === true });
    }
  }
  return succeed({ items: [...byIp.values()], truncated: slices.value.truncated });
}

function show({ metadata, spec }: Service, addresses: readonly Address[], containers: readonly Container[], wanted: number | undefined): z.output<typeof shownService> {
  const ports = spec.ports.map(({ name, port, targetPort }) => ({ name, port, targetPort: targetPort || String(port), declared: isDeclared(targetPort || String(port), containers) }));
  const ready = addresses.filter((address) => address.ready).length;
  const headless = spec.clusterIP === 'None';
  const asked = wanted === undefined ? ports : ports.filter(({ port }) => port === wanted);
  return {
    name: metadata.name,
    type: spec.type,
    headless,
    ports,
    addresses: addresses.slice(0, MOST_ADDRESSES),
    ready,
    notReady: addresses.length - ready,
    ...judge(addresses.length, ready, asked, wanted, containers),
  };
}

type Port = z.output<typeof shownService>['ports'][number];

function judge(all: number, ready: number, asked: readonly Port[], wanted: number | undefined, containers: readonly Container[]): { problem: (typeof PROBLEMS)[number]; why: string } {
  if (wanted !== undefined && asked.length === 0) return { problem: 'portNotExposed', why: `It has no port ${wanted}.` };
  if (all === 0) return { problem: 'noPods', why: 'There is no address behind it.' };
  if (ready === 0) return { problem: 'noReadyPods', why: `None of the ${all} addresses is ready.` };
  // Pods that declare no port at all may listen on any.
  const telling = containers.some(({ ports }) => ports.length > 0);
  const wrong = asked.find(({ declared, targetPort }) => !declared && (telling || Number.isNaN(Number(targetPort))));
  if (wrong !== undefined) return { problem: 'targetPortNotServed', why: `Its port ${wrong.port} leads to ${wrong.targetPort}, which no container of its pods declares.` };
  return { problem: 'none', why: `${ready} of ${all} addresses are ready.` };
}

/** A named port has to be declared, or the Service has no address for it. */
function isDeclared(targetPort: string, containers: readonly Container[]): boolean {
  return containers.some(({ ports }) => ports.some(({ name, containerPort }) => name === targetPort || String(containerPort) === targetPort));
}
