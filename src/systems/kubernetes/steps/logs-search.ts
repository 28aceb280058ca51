import { defineRead, fail, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import type { KubernetesClient, ServiceName } from '../client.ts';
import { linesOf, type LogLine, matching, shown, tally } from '../log-lines.ts';
import { findPods } from '../pods.ts';
import { type Pod, pod as podShape } from '../records.ts';
import { isObjectName } from '../resources.ts';
import { Kubernetes } from '../system.ts';
import { message, plural, serviceName } from '../words.ts';

/** A service of Cordum has at most six pods, and twice that during a rollout. */
const MOST_PODS = 12;

const literal = z.string().min(1).max(200);

const inputShape = z
  .object({
    service: serviceName.optional(),
    pod: z.string().refine(isObjectName, 'the name of a pod').optional(),
    /** Default: the container of the service, or the first one of the pod. */
    container: z.string().refine(isObjectName, 'the name of a container').optional(),
    /** The last lines of each pod. */
    tail: z.int().min(1).max(5_000).default(500),
    /** The log of the container before its last restart: what a crash has left. */
    previous: z.boolean().default(false),
    sinceSeconds: z.int().min(1).max(604_800).optional(),
    /** Lines that hold one of these texts are shown, whatever their case. */
    contains: z.array(literal).max(20).default([]),
    /** Counted by name, so that findings can tell causes apart; their lines are shown as well. */
    patterns: z.array(z.object({ name: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/), text: literal })).max(30).default([]),
    limit: z.int().min(1).max(500).default(50),
  })
  .refine(({ service, pod }) => (service === undefined) !== (pod === undefined), 'give either a service or a pod')
  .refine(({ patterns }) => new Set(patterns.map(({ name }) => name)).size === patterns.length, 'a pattern is named twice');
type Input = z.output<typeof inputShape>;

export const logsSearch = defineRead({
  name: 'kubernetes.logs.search',
  summary: 'Searches the last log lines of a service or a pod for texts, and counts how often each occurs.',
  input: inputShape,
  output: z.object({
    /** The last of those that match, oldest first within a pod. */
    lines: z.array(z.object({ pod: z.string(), line: z.int(), text: z.string(), time: z.string() })),
    matched: z.int(),
    /** How many lines were read. */
    read: z.int(),
    patterns: z.array(z.object({ name: z.string(), count: z.int(), pods: z.int(), lastText: z.string(), lastTime: z.string() })),
    /** Pods whose log was read; where it is 0, a count of 0 says nothing. */
    searched: z.int(),
    unseen: z.array(z.object({ pod: z.string(), why: z.string() })),
    truncated: z.boolean(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Why does the safety kernel crash?',
      with: { service: 'safety-kernel', previous: true, patterns: [{ name: 'policyParse', text: 'parse policy' }, { name: 'redis', text: 'redis' }] },
      output: {
        lines: [{ pod: 'cordum-safety-kernel-78d479b7bb-4xq7z', line: 12, text: 'level=error msg="parse policy: yaml: line 4"', time: '2026-11-20T19:55:58Z' }],
        matched: 1,
        read: 12,
        patterns: [
          { name: 'policyParse', count: 1, pods: 1, lastText: 'level=error msg="parse policy: yaml: line 4"', lastTime: '2026-11-20T19:55:58Z' },
          { name: 'redis', count: 0, pods: 0, lastText: '', lastTime: '' },
        ],
        searched: 1,
        unseen: [],
        truncated: false,
        say: '1 of 12 lines of 1 pod match.',
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const found = await podsOf(client, input, ctx);
    if (!found.ok) return found;
    const pods = found.value.pods.slice(0, MOST_PODS);
    const logs = await Promise.all(pods.map(async (one) => ({ name: one.metadata.name, answer: await readLog(client, one, input, ctx) })));
    const lines: LogLine[] = [];
    const unseen: { pod: string; why: string }[] = [];
    let cut = found.value.truncated || found.value.pods.length > MOST_PODS;
    for (const { name, answer } of logs) {
      // Without the right to read logs no pod will answer, and that is no fact about the pods.
      if (!answer.ok && (answer.failure.reason === 'forbidden' || answer.failure.reason === 'unauthorised' || answer.failure.reason === 'cancelled')) return answer;
      if (!answer.ok) unseen.push({ pod: name, why: message(answer.failure.message) });
      else {
        lines.push(...linesOf(name, answer.value.text));
        cut ||= answer.value.truncated;
      }
    }
    const matches = matching(lines, input.contains, input.patterns);
    const searched = pods.length - unseen.length;
    const blind = unseen.length === 0 ? '' : ` The log of ${plural(unseen.length, 'pod')} cannot be read.`;
    return succeed({
      lines: matches.slice(-input.limit).map(shown),
      matched: matches.length,
      read: lines.length,
      patterns: tally(lines, input.patterns),
      searched,
      unseen,
      truncated: cut || matches.length > input.limit,
      say: `${matches.length} of ${plural(lines.length, 'line')} of ${plural(searched, 'pod')} match.${blind}`,
    });
  },
});

async function podsOf(client: KubernetesClient, input: Input, ctx: StepContext): Promise<Result<{ pods: readonly Pod[]; truncated: boolean }>> {
  const call = { signal: ctx.signal };
  if (input.pod === undefined) return findPods(client, { service: input.service, limit: MOST_PODS }, call);
  const one = await client.get('pods', input.pod, podShape, call);
  return one.ok ? succeed({ pods: [one.value], truncated: false }) : one;
}

async function readLog(client: KubernetesClient, one: Pod, input: Input, ctx: StepContext): Promise<Result<{ text: string; truncated: boolean }>> {
  const container = containerOf(client, one, input.service, input.container);
  if (container === undefined) return fail('notFound', `It has no container ${input.container ?? ''}`.trimEnd());
  const restarts = one.status.containerStatuses.find(({ name }) => name === container)?.restartCount ?? 0;
  if (input.previous && restarts === 0) return fail('notFound', `${container} has not been restarted, so there is no log from before.`);
  const query = { container, tailLines: input.tail, previous: input.previous, ...(input.sinceSeconds === undefined ? {} : { sinceSeconds: input.sinceSeconds }) };
  return client.log(one.metadata.name, query, { signal: ctx.signal });
}

/** Always named, since the overlay adds a second container to five services (recording pod_log_no_container_400). */
function containerOf(client: KubernetesClient, one: Pod, service: ServiceName | undefined, wanted: string | undefined): string | undefined {
  const names = one.spec.containers.map(({ name }) => name);
  const initial = one.status.initContainerStatuses.map(({ name }) => name);
  if (wanted !== undefined) return [...names, ...initial].find((name) => name === wanted);
  const usual = service === undefined ? undefined : client.names.container(service);
  return names.find((name) => name === usual) ?? names[0];
}
