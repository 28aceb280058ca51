import { defineWrite, z } from '#step-kit/index.ts';
import { applyChange, LANDS_WITHIN_MS, planChanges, probeChange, verifyStored } from '../changes.ts';
import { pausing } from '../pausing.ts';
import { serviceName } from '../words.ts';

const pause = pausing(true);

export const rolloutPause = defineWrite({
  name: 'kubernetes.rollout.pause',
  summary: 'Holds the rollout of services where it is.',
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z.object({ services: z.array(serviceName).min(1, 'the list of services is empty').max(8) }),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'Hold a rollout that goes wrong', with: { services: ['safety-kernel'] } }],
  plan: (input, ctx) => planChanges(pause, input, ctx),
  apply: (item, input, ctx) => applyChange(pause, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, input.services, ctx),
  verify: (applied, input, ctx) => verifyStored(applied, input.services, (_client, { record }) => record.spec.paused, ctx),
  undo: (applied) => {
    const services = applied.map(({ result }) => result['service'] ?? '');
    return { uses: 'kubernetes.rollout.resume', with: { services }, title: `Resume the rollout of ${services.join(', ')} again` };
  },
});
