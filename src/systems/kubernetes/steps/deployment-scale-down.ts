import { defineWrite } from '#step-kit/index.ts';
import { LANDS_WITHIN_MS } from '../changes.ts';
import { applyScale, formerScale, planScale, probeScale, scaleInput, scaleOutput, verifyScale } from '../scaling.ts';

export const deploymentScaleDown = defineWrite({
  name: 'kubernetes.deployment.scale-down',
  summary: 'Takes replicas from a service, one after another and never below the floor; where an autoscaler owns the number, lowers its most.',
  tier: 'R2',
  landsWithinMs: LANDS_WITHIN_MS,
  input: scaleInput,
  output: scaleOutput,
  examples: [{ title: 'Back to two safety kernels', with: { service: 'safety-kernel', replicas: 2 } }],
  plan: (input, ctx) => planScale('down', input, ctx),
  apply: (item, input, ctx) => applyScale(item, input, ctx),
  probe: (item, input, ctx) => probeScale(item, input, ctx),
  verify: (applied, input, ctx) => verifyScale('down', applied, input, ctx),
  undo(applied, input) {
    const former = formerScale(applied, input);
    return former === undefined ? undefined : { uses: 'kubernetes.deployment.scale-up', with: former.with, title: `Scale ${input.service} up to ${former.replicas} again` };
  },
});
