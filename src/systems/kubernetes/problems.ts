/**
 * What is wrong with a pod, in one word and one sentence. The phase does not say it: pods that crash in a loop or are killed
 * for their memory are "Running" (recordings pods_list_crashloop, pods_list_oomkilled).
 */
import { conditionOf, type ContainerStatus, type Pod } from './records.ts';
import { ageSeconds, message } from './words.ts';

export const PROBLEMS = ['none', 'crashLoop', 'oomKilled', 'imagePull', 'configError', 'unschedulable', 'pending', 'notReady', 'failed', 'evicted', 'terminating', 'unknown'] as const;
export type Problem = (typeof PROBLEMS)[number];

/** A container that was killed for its memory this recently is still a problem, even if it runs again. */
const RECENT_SECONDS = 3_600;

const PULL_REASONS: ReadonlySet<string> = new Set(['ImagePullBackOff', 'ErrImagePull', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError', 'RegistryUnavailable']);
const CONFIG_REASONS: ReadonlySet<string> = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'StartError', 'ContainerCannotRun', 'PreStartHookError', 'PostStartHookError']);
/** What a container waits with while nothing is wrong. */
const ORDINARY_REASONS: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

export interface Trouble {
  readonly problem: Problem;
  /** A sentence; empty when there is nothing to say. */
  readonly why: string;
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod.status.conditions, 'Ready')?.status === 'True' && pod.metadata.deletionTimestamp === '';
}

export function troubleOf(pod: Pod, nowMs: number): Trouble {
  const { status } = pod;
  if (pod.metadata.deletionTimestamp !== '') return { problem: 'terminating', why: 'It is being deleted.' };
  if (status.phase === 'Succeeded') return { problem: 'none', why: 'It has completed.' };
  if (status.phase === 'Failed') return { problem: status.reason === 'Evicted' ? 'evicted' : 'failed', why: message(status.message) || endedBadly(pod) };
  if (status.phase === 'Unknown') return { problem: 'unknown', why: 'Its node does not report.' };
  const scheduled = conditionOf(status.conditions, 'PodScheduled');
  if (scheduled?.status === 'False') return { problem: scheduled.reason === 'Unschedulable' ? 'unschedulable' : 'pending', why: message(scheduled.message) };
  for (const container of [...status.initContainerStatuses, ...status.containerStatuses]) {
    const trouble = containerTrouble(container, nowMs);
    if (trouble !== undefined) return trouble;
  }
  if (isReady(pod)) return { problem: 'none', why: '' };
  if (status.phase === 'Running') return { problem: 'notReady', why: message(conditionOf(status.conditions, 'Ready')?.message ?? 'It is not ready.') };
  if (status.phase === 'Pending') return { problem: 'pending', why: 'Its containers are being created.' };
  return { problem: 'unknown', why: 'Kubernetes does not say how it is.' };
}

function containerTrouble(container: ContainerStatus, nowMs: number): Trouble | undefined {
  const { name, state, lastState } = container;
  const waiting = state?.waiting ?? undefined;
  const killed = [state?.terminated, lastState?.terminated].find((ended) => ended?.reason === 'OOMKilled');
  const recently = killed !== undefined && isRecent(killed?.finishedAt ?? '', nowMs);
  if (killed !== undefined && killed !== null && (!container.ready || recently)) {
    return { problem: 'oomKilled', why: `${name} was killed because it used more memory than its limit (${container.restartCount} restarts).` };
  }
  if (waiting !== undefined && PULL_REASONS.has(waiting.reason)) return { problem: 'imagePull', why: `The image of ${name} cannot be pulled (${waiting.reason}): ${message(waiting.message)}` };
  if (waiting !== undefined && CONFIG_REASONS.has(waiting.reason)) return { problem: 'configError', why: `${name} cannot be started (${waiting.reason}): ${message(waiting.message)}` };
  if (isCrashLooping(container)) {
    const last = (waiting === undefined ? state?.terminated : undefined) ?? lastState?.terminated;
    const exit = last === undefined || last === null ? '' : `, last with exit code ${last.exitCode} (${last.reason || 'no reason'})`;
    return { problem: 'crashLoop', why: `${name} crashes again and again: ${container.restartCount} restarts${exit}.` };
  }
  if (waiting !== undefined && !ORDINARY_REASONS.has(waiting.reason)) return { problem: 'pending', why: `${name} waits (${waiting.reason}): ${message(waiting.message)}` };
  return undefined;
}

/** Between two tries of a crash loop the container is "terminated" for a moment, or runs unready with a fresh crash behind it. */
export function isCrashLooping({ ready, restartCount, state, lastState }: ContainerStatus): boolean {
  if (state?.waiting?.reason === 'CrashLoopBackOff') return true;
  if (state?.terminated !== undefined && state.terminated !== null) return restartCount > 0 && state.terminated.exitCode !== 0;
  return !ready && restartCount >= 3 && (lastState?.terminated?.exitCode ?? 0) !== 0;
}

function isRecent(time: string, nowMs: number): boolean {
  const age = ageSeconds(nowMs, time);
  return age >= 0 && age <= RECENT_SECONDS;
}

function endedBadly(pod: Pod): string {
  const ended = pod.status.containerStatuses.flatMap(({ name, state }) => (state?.terminated !== undefined && state.terminated !== null && state.terminated.exitCode !== 0 ? [{ name, ...state.terminated }] : []));
  const [first] = ended;
  return first === undefined ? 'It has failed.' : `${first.name} ended with exit code ${first.exitCode} (${first.reason || 'no reason'}).`;
}
