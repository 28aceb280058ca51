/** Finds pods by service or by selector, and shows them. */
import { fail, type Result, succeed, z } from '#step-kit/index.ts';
import type { Call, KubernetesClient, ServiceName } from './client.ts';
import { isCrashLooping, isReady, PROBLEMS, troubleOf } from './problems.ts';
import { type ContainerStatus, type Pod, pod } from './records.ts';
import { readRunning } from './rollouts.ts';
import { checkedSelector } from './selectors.ts';
import { ageSeconds, message } from './words.ts';

export const shownPod = z.object({
  name: z.string(),
  phase: z.string(),
  ready: z.boolean(),
  /** Empty while it has none. */
  node: z.string(),
  restarts: z.int(),
  ageSeconds: z.int(),
  crashLooping: z.boolean(),
  /** Killed for its memory, now or in the last hour. */
  oomKilled: z.boolean(),
  problem: z.enum(PROBLEMS),
  /** A sentence on the problem. */
  why: z.string(),
  containers: z.array(
    z.object({
      name: z.string(),
      init: z.boolean(),
      ready: z.boolean(),
      state: z.enum(['running', 'waiting', 'terminated', 'unknown']),
      /** Why it waits or has ended, by Kubernetes' own word. */
      reason: z.string(),
      message: z.string(),
      /** -1: it has not ended. */
      exitCode: z.int(),
      lastReason: z.string(),
      /** How it ended the time before; -1: it has not. */
      lastExitCode: z.int(),
      restarts: z.int(),
      image: z.string(),
    }),
  ),
});

export interface PodsAsked {
  readonly service?: ServiceName | undefined;
  readonly selector?: string | undefined;
  readonly limit: number;
}

export interface FoundPods {
  readonly pods: readonly Pod[];
  readonly truncated: boolean;
  /** What was looked for, for a sentence. */
  readonly what: string;
}

/** A service whose workload exists but has no pods is an answer; a selector that matches nothing is none. */
export async function findPods(client: KubernetesClient, asked: PodsAsked, call: Call): Promise<Result<FoundPods>> {
  const selector = asked.service === undefined ? checkedSelector(asked.selector ?? '') : succeed(client.names.selector(asked.service));
  if (!selector.ok) return selector;
  const listed = await client.list('pods', pod, { labels: selector.value, most: asked.limit }, call);
  if (!listed.ok) return listed;
  const what = asked.service ?? selector.value;
  if (listed.value.items.length === 0) {
    if (asked.service === undefined) return fail('notFound', `No pod in ${client.namespace} has the labels ${selector.value}.`);
    const running = await readRunning(client, asked.service, call);
    if (!running.ok) return running;
  }
  return succeed({ pods: listed.value.items, truncated: listed.value.truncated, what });
}

export function showPod(found: Pod, nowMs: number): z.output<typeof shownPod> {
  const { metadata, spec, status } = found;
  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  const trouble = troubleOf(found, nowMs);
  return {
    name: metadata.name,
    phase: status.phase,
    ready: isReady(found),
    node: spec.nodeName,
    restarts: all.reduce((sum, { restartCount }) => sum + restartCount, 0),
    ageSeconds: ageSeconds(nowMs, metadata.creationTimestamp),
    crashLooping: all.some(isCrashLooping),
    oomKilled: trouble.problem === 'oomKilled',
    problem: trouble.problem,
    why: trouble.why,
    containers: [
      ...status.initContainerStatuses.map((one) => showContainer(one, true, imageOf(found, one))),
      ...status.containerStatuses.map((one) => showContainer(one, false, imageOf(found, one))),
    ],
  };
}

/** What the pod asks for, since the status may name the same image in another way. */
function imageOf(found: Pod, container: ContainerStatus): string {
  return found.spec.containers.find(({ name }) => name === container.name)?.image ?? container.image;
}

function showContainer({ name, ready, restartCount, state, lastState }: ContainerStatus, init: boolean, image: string): z.output<typeof shownPod>['containers'][number] {
  const waiting = state?.waiting ?? undefined;
  const ended = state?.terminated ?? undefined;
  const before = lastState?.terminated ?? undefined;
  return {
    name,
    init,
    ready,
    state: waiting !== undefined ? 'waiting' : ended !== undefined ? 'terminated' : state?.running ? 'running' : 'unknown',
    reason: waiting?.reason ?? ended?.reason ?? '',
    message: message(waiting?.message ?? ended?.message ?? ''),
    exitCode: ended?.exitCode ?? -1,
    lastReason: before?.reason ?? '',
    lastExitCode: before?.exitCode ?? -1,
    restarts: restartCount,
    image,
  };
}
