import { defineWrite } from '#step-kit/index.ts';
import { applyTake, planTake, probeTake, TAKE_LANDS_WITHIN_MS, TAKE_RATE, TAKE_WITHIN_MS, takeInput, takeOutput, verifyTake } from '../take.ts';

export const natsTake = defineWrite({
  name: 'backup.nats.take',
  summary: 'Takes a backup of the streams of Cordum in JetStream, with their consumers, into the directory of the target, with a manifest.',
  tier: 'R1',
  // It reads the target and writes beside it: that a disk was full says nothing about changes of the target.
  aside: true,
  rate: TAKE_RATE,
  landsWithinMs: TAKE_LANDS_WITHIN_MS,
  timeoutMs: TAKE_WITHIN_MS,
  input: takeInput,
  output: takeOutput,
  examples: [{ title: 'Now', with: {} }],
  plan: (_input, ctx) => planTake('nats', ctx),
  apply: (_item, _input, ctx) => applyTake('nats', ctx),
  probe: (_item, _input, ctx) => probeTake('nats', ctx),
  verify: (applied, _input, ctx) => verifyTake(applied, ctx),
});
