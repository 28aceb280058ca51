import { defineWrite } from '#step-kit/index.ts';
import { LANDS_WITHIN_MS } from '../changes.ts';
import { applyScale, formerScale, planScale, probeScale, scaleInput, scaleOutput, verifyScale } from '../scaling.ts';

export const deploymentScaleUp = defineWrite({
  name: 'kubernetes.deployment.scale-up',
  summary: 'Gives a service more replicas, within the scaling table; where an autoscaler owns the number, raises its least.',
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input: scaleInput,
  output: scaleOutput,
  examples: [{ title: 'Three safety kernels', with: { service: 'safety-kernel', replicas: 3 } }],
  plan: (input, ctx) => planScale('up', input, ctx),
  apply: (item, input, ctx) => applyScale(item, input, ctx),
  probe: (item, input, ctx) => probeScale(item, input, ctx),
  verify: (applied, input, ctx) => verifyScale('up', applied, input, ctx),
  undo(applied, input) {
    const former = formerScale(applied, input);
    return former === undefined ? undefined : { uses: 'kubernetes.deployment.scale-down', with: former.with, title: `Scale ${input.service} down to ${former.replicas} again` };
  },
});
