import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { readHistory, revisionOf } from '../history.ts';
import { readRunning } from '../rollouts.ts';
import { Kubernetes } from '../system.ts';
import { message, serviceName, tagOf } from '../words.ts';

const MOST_SHOWN = 50;

export const rolloutHistory = defineRead({
  name: 'kubernetes.rollout.history',
  summary: 'Lists the revisions that a Deployment still keeps, newest first.',
  input: z.object({ service: serviceName }),
  output: z.object({
    items: z.array(
      z.object({
        revision: z.int(),
        image: z.string(),
        tag: z.string(),
        changeCause: z.string(),
        createdAt: z.string(),
        /** Pods that still run it. */
        replicas: z.int(),
        current: z.boolean(),
        /** Runs the same as the current one: only a restart lies between. */
        sameAsCurrent: z.boolean(),
      }),
    ),
    total: z.int(),
    current: z.int(),
    /** What an undo would go back to: the newest revision that is not the same as the current one. 0: there is none. */
    previous: z.int(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'What the scheduler ran before',
      with: { service: 'scheduler' },
      output: {
        items: [
          { revision: 2, image: 'ghcr.io/cordum/scheduler:v0.9.7', tag: 'v0.9.7', changeCause: 'v0.9.7', createdAt: '2026-11-20T19:55:30Z', replicas: 2, current: true, sameAsCurrent: true },
          { revision: 1, image: 'ghcr.io/cordum/scheduler:v0.9.6', tag: 'v0.9.6', changeCause: '', createdAt: '2026-11-20T19:55:16Z', replicas: 0, current: false, sameAsCurrent: false },
        ],
        total: 2,
        current: 2,
        previous: 1,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Kubernetes);
    const call = { signal: ctx.signal };
    const running = await readRunning(client, input.service, call);
    if (!running.ok) return running;
    if (running.value.kind !== 'deployments') return fail('invalid', `${running.value.name} is a StatefulSet: its history is not kept in a form that can be read here.`);
    const history = await readHistory(client, running.value, call);
    if (!history.ok) return history;
    const { revisions, truncated } = history.value;
    const current = revisionOf(running.value);
    const now = revisions.find(({ revision }) => revision === current);
    return succeed({
      items: revisions.slice(0, MOST_SHOWN).map(({ revision, image, changeCause, set, sameness }) => ({
        revision,
        image,
        tag: tagOf(image),
        changeCause: message(changeCause),
        createdAt: set.metadata.creationTimestamp,
        replicas: set.spec.replicas,
        current: revision === current,
        sameAsCurrent: sameness === now?.sameness,
      })),
      total: revisions.length,
      current,
      previous: revisions.find(({ revision, sameness }) => revision < current && sameness !== now?.sameness)?.revision ?? 0,
      truncated: truncated || revisions.length > MOST_SHOWN,
    });
  },
});
