/**
 * A Cordum without policy bundles has no `cfg:system:policy`: its safety kernel then decides by its file alone (seen on V0.9.9.1, as
 * it is installed). The kernel keeps a list of the policies that it has loaded, and one with bundles carries `cfg:` in its name.
 */
import type { RedisConnection } from './connection.ts';

export const POLICY_KEY = 'cfg:system:policy';
/** For people. */
export const POLICY_FROM_FILE = `${POLICY_KEY} is not there, and by what the safety kernel wrote down never was: its policy comes from its file alone`;
const LOADED_KEY = 'cordum:safety:snapshots';
/** Snapshots of bundles are kept apart; where there are any, there were bundles. */
const BUNDLE_SNAPSHOTS_KEY = 'cfg:system:policy_snapshots';
const MOST_LOADED = 1_000;

/** What one server holds of it; of a cluster each has a part. */
export interface PolicyTrace {
  /** The names of the policies that kernels loaded. */
  readonly loaded: readonly unknown[];
  /** A document of the policy, or snapshots of it. */
  readonly bundles: boolean;
}

export async function policyTrace(connection: RedisConnection): Promise<PolicyTrace> {
  const names = await quiet(connection.call('LRANGE', LOADED_KEY, 0, MOST_LOADED));
  const there = [await quiet(connection.call('EXISTS', POLICY_KEY)), await quiet(connection.call('EXISTS', BUNDLE_SNAPSHOTS_KEY))];
  return { loaded: Array.isArray(names) ? (names as unknown[]) : [], bundles: there.some((count) => Number(count ?? 0) !== 0) };
}

/** True only on evidence, over all servers: a kernel has run, none of its policies had bundles, and none are kept. */
export function isPolicyFromFile(traces: readonly PolicyTrace[]): boolean {
  const loaded = traces.flatMap((trace) => trace.loaded);
  return loaded.length > 0 && traces.every(({ bundles }) => !bundles) && loaded.every((name) => typeof name === 'string' && name !== '' && !name.includes('cfg:'));
}

/** A key in a slot of another node, or of another type, says nothing. */
async function quiet(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /^(?:MOVED|CLUSTERDOWN|WRONGTYPE|NOPERM)\b/.test(error.message)) return undefined;
    throw error;
  }
}
