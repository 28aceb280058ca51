/**
 * Whether an object is still as it was planned for. Its resourceVersion cannot tell that between a plan and its approval: every
 * report of its status moves it, of an autoscaler with each reading of its metrics (recordings hpa_get_metrics_ok to
 * hpa_get_scale_down_stabilized: four versions, one spec), of a workload with each pod that turns ready or unready. So the item
 * keeps what people and tools change, and the patch names the version of a look from just before it.
 */
import { digestOf } from '#kernel/digest.ts';
import type { Result } from '#step-kit/index.ts';

/** Looks and calls of one try: something that reports its status every few milliseconds is not chased for ever. */
const TRIES_MAX = 3;
/** Enough of a digest to tell states of one object apart. */
const STATE_CHARS = 16;
/** Kept by the controller of Deployments, some time after a change. */
const BY_CONTROLLER = 'deployment.kubernetes.io/';

interface Guarded {
  readonly metadata: { readonly uid: string; readonly generation: number; readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> };
}

/**
 * Differs after any change of the spec, the labels or the annotations, and when the object was made anew; not after one of its
 * status. An autoscaler has no generation (recording hpa_get), so its bounds stand in the item beside this.
 */
export function stateOf({ metadata: { uid, generation, labels, annotations } }: Guarded): string {
  const given = Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith(BY_CONTROLLER)));
  return digestOf({ uid, generation, labels, annotations: given }).slice(0, STATE_CHARS);
}

/** `look` reads and decides, `send` names the version that was seen. Where only that has moved in between, both are done again. */
export async function onFreshLook<Seen, T>(look: () => Promise<Result<Seen>>, send: (seen: Seen) => Promise<Result<T>>): Promise<Result<T>> {
  for (let tries = 1; ; tries += 1) {
    const seen = await look();
    if (!seen.ok) return seen;
    const sent = await send(seen.value);
    if (sent.ok || sent.failure.reason !== 'conflict' || tries >= TRIES_MAX) return sent;
  }
}
