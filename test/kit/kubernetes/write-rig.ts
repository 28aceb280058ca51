/** Drives a write step on a fake Kubernetes as the engine does: plan, re-check each item, apply it, verify. */
import type { Item, Plan, ProbeAnswer, Result, VerifyAnswer, WriteStep, AppliedItem } from '#step-kit/index.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { KubernetesParts } from '#systems/kubernetes/client.ts';
import { type AnyContext, contextOn } from '../step-context.ts';
import type { FakeKubernetes } from './fake.ts';

export interface WriteRig {
  plan(input: object, only?: string): Promise<Result<Plan>>;
  /** The plan, where there must be one. */
  planned(input: object): Promise<Plan>;
  apply(item: Item, input: object, more?: Partial<AnyContext>): Promise<Result<JsonObject>>;
  probe(item: Item, input: object, more?: Partial<AnyContext>): Promise<ProbeAnswer>;
  verify(applied: readonly AppliedItem[], input: object): Promise<VerifyAnswer>;
  /** Plans, then for each item: re-check, apply, let the cluster settle. What was applied. */
  carryOut(input: object): Promise<AppliedItem[]>;
}

export async function writeRig(step: WriteStep, kube: FakeKubernetes, parts: Partial<KubernetesParts> = {}): Promise<WriteRig> {
  const client = await kube.client(parts);
  const context = (more: Partial<AnyContext> = {}): AnyContext => contextOn(client, more);
  const rig: WriteRig = {
    plan: (input, only) => step.plan(step.input.parse(input), context(only === undefined ? {} : { only })),
    async planned(input) {
      const plan = await rig.plan(input);
      if (!plan.ok) throw new Error(`${step.name}: ${plan.failure.reason}: ${plan.failure.message}`);
      return plan.value;
    },
    apply: async (item, input, more) => (await step.apply(item, step.input.parse(input), context(more))) as Result<JsonObject>,
    probe: (item, input, more) => step.probe(item, step.input.parse(input), context(more)),
    async verify(applied, input) {
      const answer = await step.verify(applied, step.input.parse(input), context());
      if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
      return answer.value;
    },
    async carryOut(input) {
      const applied: AppliedItem[] = [];
      for (const item of (await rig.planned(input)).items) {
        const again = await rig.plan(input, item.key);
        if (!again.ok) throw new Error(`re-check of ${item.key}: ${again.failure.message}`);
        const same = again.value.items.find(({ key }) => key === item.key);
        if (JSON.stringify(same) !== JSON.stringify(item)) throw new Error(`${item.key} moved: ${JSON.stringify(item)} → ${JSON.stringify(same)}`);
        const done = await rig.apply(item, input);
        if (!done.ok) throw new Error(`${item.key}: ${done.failure.reason}: ${done.failure.message}`);
        applied.push({ item, result: step.output.parse(done.value) as JsonObject });
        kube.settle();
      }
      return applied;
    },
  };
  return rig;
}
