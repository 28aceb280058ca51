/** What a step would plan on a target, apart from any run: what a person approves who approves ahead. */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { isWrite, type Item } from '#step-kit/index.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import { tidy, tidyItem, tidyText } from './plan.ts';
import type { World } from './world.ts';

/** A dead backup directory must not hold a person for as long as a drill may take. */
const PREVIEW_TIMEOUT_MS = 30_000;

export interface Preview {
  readonly summary: string;
  readonly input: JsonObject;
  readonly items: readonly Item[];
}

export async function previewOf(world: World, { uses, input, target }: { readonly uses: string; readonly input: JsonObject; readonly target: string }): Promise<Result<Preview>> {
  const step = world.steps.get(uses);
  if (step === undefined || !isWrite(step)) return fail('invalid', `there is no write step ${uses}`);
  const read = step.input.safeParse(input);
  if (!read.success) return fail('invalid', `the input of ${uses} is wrong`);
  const never = new AbortController().signal;
  const timeoutMs = Math.min(stepTimeoutMs(step), PREVIEW_TIMEOUT_MS);
  const plan = await limited(world.clock, { what: `the plan of ${uses}`, timeoutMs, outer: never }, (signal) => step.plan(read.data, contextFor(world, target, signal)));
  if (!plan.ok) return { ok: false, failure: tidy({ world }, plan.failure) };
  return succeed({ summary: tidyText({ world }, plan.value.summary), input: read.data as JsonObject, items: plan.value.items.map((item) => tidyItem({ world }, item)) });
}
