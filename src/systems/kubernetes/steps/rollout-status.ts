import { defineRead, succeed, z } from '#step-kit/index.ts';
import { readRunning } from '../rollouts.ts';
import { shownWorkload, showWorkload } from '../shown-workload.ts';
import { Kubernetes } from '../system.ts';
import { serviceName } from '../words.ts';

export const rolloutStatus = defineRead({
  name: 'kubernetes.rollout.status',
  summary: 'Says how far the rollout of a service is, by the rule that kubectl waits by.',
  input: z.object({ service: serviceName }),
  output: shownWorkload.pick({ service: true, name: true, desired: true, ready: true, updated: true, available: true, revision: true, image: true, tag: true, paused: true, rollout: true, why: true, healthy: true, generationSeen: true }).extend({
    complete: z.boolean(),
    /** It will not go on by itself. */
    stuck: z.boolean(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'A rollout whose new pod does not come up',
      with: { service: 'safety-kernel' },
      output: {
        service: 'safety-kernel',
        name: 'cordum-safety-kernel',
        desired: 2,
        ready: 2,
        updated: 1,
        available: 2,
        revision: '4',
        image: 'ghcr.io/cordum/safety-kernel:v0.9.8',
        tag: 'v0.9.8',
        paused: false,
        rollout: 'stuck',
        why: 'It has not come further within its deadline (ProgressDeadlineExceeded): 1 of 2 are new, 2 available.',
        healthy: false,
        generationSeen: true,
        complete: false,
        stuck: true,
        say: 'cordum-safety-kernel is stuck. It has not come further within its deadline (ProgressDeadlineExceeded): 1 of 2 are new, 2 available.',
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const running = await readRunning(client, input.service, { signal: ctx.signal });
    if (!running.ok) return running;
    const { service, name, desired, ready, updated, available, revision, image, tag, paused, rollout, why, healthy, generationSeen } = showWorkload(client, running.value, []);
    return succeed({
      ...{ service, name, desired, ready, updated, available, revision, image, tag, paused, rollout, why, healthy, generationSeen },
      complete: rollout === 'complete',
      stuck: rollout === 'stuck',
      say: `${name} is ${rollout}. ${why}`,
    });
  },
});
