import { defineRead, succeed, z } from '#step-kit/index.ts';
import { findPods, showPod, shownPod } from '../pods.ts';
import type { Problem } from '../problems.ts';
import { Kubernetes } from '../system.ts';
import { plural, serviceName } from '../words.ts';

export const podsList = defineRead({
  name: 'kubernetes.pods.list',
  summary: 'Lists the pods of a service, or of a label selector, and says what is wrong with each.',
  input: z
    .object({
      /** A part of Cordum; the labels of its pods come from the target. */
      service: serviceName.optional(),
      /** Labels, as kubectl takes them. One that matches everything is refused. */
      selector: z.string().max(1_000).optional(),
      limit: z.int().min(1).max(500).default(100),
    })
    .refine(({ service, selector }) => (service === undefined) !== (selector === undefined), 'give either a service or a selector'),
  output: z.object({
    items: z.array(shownPod),
    total: z.int(),
    ready: z.int(),
    crashLooping: z.int(),
    oomKilled: z.int(),
    imagePull: z.int(),
    configError: z.int(),
    unschedulable: z.int(),
    pending: z.int(),
    notReady: z.int(),
    failed: z.int(),
    terminating: z.int(),
    restarts: z.int(),
    /**
     * Leaving those aside that are being deleted or have ended, whose places others take: there is at least one, all are seen,
     * each is ready and none has a problem.
     */
    healthy: z.boolean(),
    say: z.string(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'The pods of the safety kernel',
      with: { service: 'safety-kernel' },
      output: {
        items: [
          {
            name: 'cordum-safety-kernel-78d479b7bb-4xq7z',
            phase: 'Running',
            ready: false,
            node: 'node-a',
            restarts: 7,
            ageSeconds: 900,
            crashLooping: true,
            oomKilled: false,
            problem: 'crashLoop',
            why: 'safety crashes again and again: 7 restarts, last with exit code 1 (Error).',
            containers: [
              { name: 'safety', init: false, ready: false, state: 'waiting', reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container', exitCode: -1, lastReason: 'Error', lastExitCode: 1, restarts: 7, image: 'ghcr.io/cordum/safety-kernel:v0.9.7' },
            ],
          },
        ],
        total: 1,
        ready: 0,
        crashLooping: 1,
        oomKilled: 0,
        imagePull: 0,
        configError: 0,
        unschedulable: 0,
        pending: 0,
        notReady: 0,
        failed: 0,
        terminating: 0,
        restarts: 7,
        healthy: false,
        say: '0 of 1 pod of safety-kernel ready: 1 crashLoop.',
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const found = await findPods(ctx.use(Kubernetes), input, { signal: ctx.signal });
    if (!found.ok) return found;
    const items = found.value.pods.map((pod) => showPod(pod, ctx.now()));
    const ready = items.filter((pod) => pod.ready).length;
    const having = (...problems: Problem[]): number => items.filter(({ problem }) => problems.includes(problem)).length;
    const staying = items.filter(({ problem, phase }) => problem !== 'terminating' && phase !== 'Failed' && phase !== 'Succeeded');
    const bad = items.filter(({ problem }) => problem !== 'none');
    const kinds = [...Map.groupBy(bad, ({ problem }) => problem)].map(([problem, pods]) => `${pods.length} ${problem}`).join(', ');
    return succeed({
      items,
      total: items.length,
      ready,
      crashLooping: items.filter((pod) => pod.crashLooping).length,
      oomKilled: having('oomKilled'),
      imagePull: having('imagePull'),
      configError: having('configError'),
      unschedulable: having('unschedulable'),
      pending: having('pending'),
      notReady: having('notReady'),
      failed: having('failed', 'evicted'),
      terminating: having('terminating'),
      restarts: items.reduce((sum, pod) => sum + pod.restarts, 0),
      healthy: staying.length > 0 && staying.every((pod) => pod.ready && pod.problem === 'none') && !found.value.truncated,
      say: items.length === 0 ? `${found.value.what} has no pods.` : `${ready} of ${plural(items.length, 'pod')} of ${found.value.what} ready${kinds === '' ? '' : `: ${kinds}`}.`,
      truncated: found.value.truncated,
    });
  },
});
