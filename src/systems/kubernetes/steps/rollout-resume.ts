import { defineWrite, z } from '#step-kit/index.ts';
import { applyChange, LANDS_WITHIN_MS, planChanges, probeChange, verifyRollouts } from '../changes.ts';
import { pausing } from '../pausing.ts';
import { serviceName } from '../words.ts';

const resume = pausing(false);

export const rolloutResume = defineWrite({
  name: 'kubernetes.rollout.resume',
  summary: 'Lets held-back rollouts of services go on.',
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z.object({ services: z.array(serviceName).min(1, 'the list of services is empty').max(8) }),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'Let a held-back rollout go on', with: { services: ['safety-kernel'] } }],
  plan: (input, ctx) => planChanges(resume, input, ctx),
  apply: (item, input, ctx) => applyChange(resume, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, input.services, ctx),
  verify: (applied, input, ctx) => verifyRollouts(applied, input.services, (_client, { record }) => !record.spec.paused, ctx),
  undo: (applied) => {
    const services = applied.map(({ result }) => result['service'] ?? '');
    return { uses: 'kubernetes.rollout.pause', with: { services }, title: `Pause the rollout of ${services.join(', ')} again` };
  },
});
