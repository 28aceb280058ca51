/** The revisions of a Deployment: its ReplicaSets, by the number that an annotation gives each. */
import { canonicalJson } from '#kernel/digest.ts';
import { type Json, type JsonObject, type Result, succeed } from '#step-kit/index.ts';
import type { Call, KubernetesClient } from './client.ts';
import { type ReplicaSet, replicaSet, shownTemplate } from './records.ts';
import type { Running } from './rollouts.ts';

/** Deployments keep ten old ReplicaSets unless told otherwise; a namespace of Cordum holds eight such sets. */
const MOST_REPLICA_SETS = 1_000;
const REVISION = 'deployment.kubernetes.io/revision';
export const CHANGE_CAUSE = 'kubernetes.io/change-cause';
export const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
const HASH = 'pod-template-hash';

export interface Revision {
  readonly revision: number;
  readonly set: ReplicaSet;
  /** What an undo sends: the template without the label that the controller adds. */
  readonly template: JsonObject;
  /** Equal for revisions that run the same, whenever their pods were restarted. */
  readonly sameness: string;
  readonly image: string;
  readonly changeCause: string;
}

/** Newest first. */
export async function readHistory(client: KubernetesClient, running: Running, call: Call): Promise<Result<{ revisions: Revision[]; truncated: boolean }>> {
  const listed = await client.list('replicasets', replicaSet, { most: MOST_REPLICA_SETS }, call);
  if (!listed.ok) return listed;
  const own = listed.value.items.filter(({ metadata }) => metadata.ownerReferences.some(({ uid, controller }) => controller && uid === running.record.metadata.uid));
  const revisions = own.map((set) => toRevision(set, client.names.container(running.service))).toSorted((a, b) => b.revision - a.revision);
  return succeed({ revisions, truncated: listed.value.truncated });
}

function toRevision(set: ReplicaSet, container: string): Revision {
  const template = withoutHash(set.spec.template);
  const shown = shownTemplate.safeParse(template);
  const containers = shown.success ? shown.data.spec.containers : [];
  const revision = Number(set.metadata.annotations[REVISION] ?? '0');
  return {
    revision: Number.isSafeInteger(revision) ? revision : 0,
    set,
    template,
    sameness: canonicalJson(withoutRestart(template)),
    image: (containers.find(({ name }) => name === container) ?? containers[0])?.image ?? '',
    changeCause: set.metadata.annotations[CHANGE_CAUSE] ?? '',
  };
}

export function revisionOf(running: Running): number {
  const revision = Number(running.record.metadata.annotations[REVISION] ?? '0');
  return Number.isSafeInteger(revision) ? revision : 0;
}

function withoutHash(template: JsonObject): JsonObject {
  return mapMetadata(template, 'labels', (labels) => omit(labels, (name) => name === HASH));
}

/** A restart is a revision of its own with nothing new in it; so is an effect of ours, by its mark. */
function withoutRestart(template: JsonObject): JsonObject {
  return mapMetadata(template, 'annotations', (annotations) => omit(annotations, (name) => name === RESTARTED_AT || name.startsWith('cordum-runbook-bot/')));
}

function mapMetadata(template: JsonObject, part: 'labels' | 'annotations', change: (words: JsonObject) => JsonObject): JsonObject {
  const metadata = asObject(template['metadata']);
  const changed = change(asObject(metadata[part]));
  const others = omit(metadata, (name) => name === part || name === 'creationTimestamp');
  return { ...template, metadata: Object.keys(changed).length === 0 ? others : { ...others, [part]: changed } };
}

function omit(object: JsonObject, leaveOut: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !leaveOut(name)));
}

function asObject(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
