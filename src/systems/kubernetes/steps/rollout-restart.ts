import { defineWrite, fail, succeed, z } from '#step-kit/index.ts';
import { applyChange, type Changing, guarded, LANDS_WITHIN_MS, planChanges, probeChange, verifyRollouts } from '../changes.ts';
import type { ServiceName } from '../client.ts';
import { RESTARTED_AT } from '../history.ts';
import { spoken } from '../rollouts.ts';
import { serviceName } from '../words.ts';

type Input = { readonly services: ServiceName[] };

const restart: Changing<Input> = {
  services: ({ services }) => services,
  rolls: true,
  summary: (titles) => `${titles.join('; ')}. Pods are replaced one after another, as the rollout strategy says.`,
  async decide(_client, running, _input, ctx) {
    const { spec } = running.record;
    if (spec.paused) return fail('refused', `${spoken(running)} is paused, so a restart would not begin: resume it first.`);
    if (spec.replicas === 0) return succeed({ nothing: `${spoken(running)} is scaled to 0: there is nothing to restart.` });
    if (spec.updateStrategy?.type === 'OnDelete') return fail('refused', `${spoken(running)} replaces pods only when somebody deletes them (OnDelete), so a restart would do nothing.`);
    const restartedAt = new Date(ctx.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return succeed({
      change: {
        title: `Restart ${running.name}`,
        current: { restartedAt: spec.template.metadata.annotations[RESTARTED_AT] ?? '', replicas: spec.replicas },
        next: { action: 'its pods are replaced by new ones of the same revision' },
        patch: (version, mark) => ({ type: 'strategic', body: guarded(version, mark, { template: { metadata: { annotations: { [RESTARTED_AT]: restartedAt } } } }) }),
      },
    });
  },
};

export const rolloutRestart = defineWrite({
  name: 'kubernetes.rollout.restart',
  summary: 'Restarts the pods of services, one service after another, by a rolling restart.',
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z.object({
    /** In the order in which they are restarted. */
    services: z.array(serviceName).min(1, 'there is nothing to restart: the list of services is empty').max(8),
  }),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'Restart the safety kernel', with: { services: ['safety-kernel'] } }],
  plan: (input, ctx) => planChanges(restart, input, ctx),
  apply: (item, input, ctx) => applyChange(restart, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, input.services, ctx),
  // A later restart is no return: the pods have been replaced either way.
  verify: (applied, input, ctx) => verifyRollouts(applied, input.services, () => true, ctx),
});
