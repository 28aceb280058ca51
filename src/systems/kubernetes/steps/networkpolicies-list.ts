import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { Call, KubernetesClient, ServiceName } from '../client.ts';
import { directionsOf, judgeConnection, policiesOn, type Verdict } from '../network.ts';
import { type Container, cronJob, networkPolicy } from '../records.ts';
import { readRunning } from '../rollouts.ts';
import { labelsOf } from '../selectors.ts';
import { Kubernetes } from '../system.ts';
import { serviceName } from '../words.ts';

const MOST_POLICIES = 300;

const verdict = z.object({
  allowed: z.enum(['yes', 'no', 'unknown']),
  /** The policy that decides; empty where none applies. */
  policy: z.string(),
  why: z.string(),
});

export const networkpoliciesList = defineRead({
  name: 'kubernetes.networkpolicies.list',
  summary: 'Lists the network policies on the pods of a service, and says whether another service may reach it on a port.',
  input: z
    .object({
      service: serviceName,
      /** The service that calls; without it and `fromBackup` one of which nothing is known. */
      from: serviceName.optional(),
      /** The caller is a Job of this backup, by the template of its CronJob. */
      fromBackup: z.enum(['redis', 'nats', 'retention']).optional(),
      /** Of the pods, not of the Service. Absent: any. */
      port: z.int().min(1).max(65_535).optional(),
    })
    .refine(({ from, fromBackup }) => from === undefined || fromBackup === undefined, 'give either a service or a backup as the caller'),
  output: z.object({
    items: z.array(z.object({ name: z.string(), ingress: z.boolean(), egress: z.boolean() })),
    total: z.int(),
    /** By the policies on the service that is called. */
    ingress: verdict,
    /** By the policies on the caller. */
    egress: verdict,
    /** Both together. `yes` holds for the text of the policies only: the network plugin is not asked. */
    allowed: z.enum(['yes', 'no', 'unknown']),
    say: z.string(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'May the gateway reach the safety kernel?',
      with: { service: 'safety-kernel', from: 'api-gateway', port: 50051 },
      output: {
        items: [{ name: 'cordum-default-deny', ingress: true, egress: true }],
        total: 1,
        ingress: { allowed: 'no', policy: 'cordum-default-deny', why: 'safety-kernel is restricted by cordum-default-deny, and no rule allows it.' },
        egress: { allowed: 'yes', policy: 'cordum-egress-api-gateway', why: 'cordum-egress-api-gateway allows it.' },
        allowed: 'no',
        say: 'safety-kernel is restricted by cordum-default-deny, and no rule allows it.',
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const call = { signal: ctx.signal };
    const [listed, to, from] = await Promise.all([
      client.list('networkpolicies', networkPolicy, { most: MOST_POLICIES }, call),
      podsAsWritten(client, input.service, call),
      input.from !== undefined ? podsAsWritten(client, input.from, call) : input.fromBackup !== undefined ? jobPods(client, input.fromBackup, call) : succeed({ labels: undefined }),
    ]);
    if (!listed.ok) return listed;
    if (!to.ok) return to;
    if (!from.ok) return from;
    const { items: policies, truncated } = listed.value;
    const wanted = { namespace: client.namespace, from: { name: input.from ?? (input.fromBackup === undefined ? 'the caller' : `a Job of ${client.names.backups[input.fromBackup]}`), labels: from.value.labels }, to: { name: input.service, ...to.value }, port: input.port };
    const unsure: Verdict = { allowed: 'unknown', policy: '', why: 'There are more policies than can be looked through.' };
    const ingress = truncated ? unsure : judgeConnection(policies, wanted, 'ingress');
    const egress = truncated ? unsure : judgeConnection(policies, wanted, 'egress');
    const deciding = [ingress, egress].find(({ allowed }) => allowed === 'no') ?? [ingress, egress].find(({ allowed }) => allowed === 'unknown') ?? ingress;
    const own = policies.filter((policy) => policiesOn([policy], to.value.labels, 'ingress').length + policiesOn([policy], to.value.labels, 'egress').length > 0);
    const items = own.map((policy) => ({ name: policy.metadata.name, ingress: directionsOf(policy).includes('ingress'), egress: directionsOf(policy).includes('egress') }));
    return succeed({ items, total: items.length, ingress, egress, allowed: deciding.allowed, say: deciding.why, truncated });
  },
});

/** The labels and ports that the workload gives its pods, which hold even while there are none. */
async function podsAsWritten(client: KubernetesClient, service: ServiceName, call: Call): Promise<Result<{ labels: Record<string, string>; containers: readonly Container[] }>> {
  const running = await readRunning(client, service, call);
  if (!running.ok) return running;
  const { metadata, spec } = running.value.record.spec.template;
  return succeed({ labels: { ...labelsOf(client.names.selector(service)), ...metadata.labels }, containers: spec.containers });
}

const jobTemplate = z.object({ template: z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()).nullish() }).nullish() }) });

/** The labels that the template gives, and the keys of those that the controller of Jobs adds, whose values are made when a Job is (recording jobs_list). */
async function jobPods(client: KubernetesClient, backup: 'redis' | 'nats' | 'retention', call: Call): Promise<Result<{ labels: Record<string, string> }>> {
  const found = await client.get('cronjobs', client.names.backups[backup], cronJob, call);
  if (!found.ok) return found;
  const read = jobTemplate.safeParse(found.value.spec.jobTemplate.spec);
  const own = read.success ? (read.data.template.metadata?.labels ?? {}) : {};
  return succeed({ labels: { 'job-name': '', 'batch.kubernetes.io/job-name': '', 'controller-uid': '', 'batch.kubernetes.io/controller-uid': '', ...own } });
}
