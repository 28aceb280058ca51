/** A Deployment or StatefulSet as runbooks see it. */
import { isSecretName, redact } from '#kernel/redact.ts';
import { z } from '#step-kit/index.ts';
import type { KubernetesClient } from './client.ts';
import type { Container } from './records.ts';
import { judge, mainContainer, ROLLOUTS, type Running } from './rollouts.ts';
import { serviceName, tagOf } from './words.ts';

/** Values of settings are short; a long one is a document. */
const LONGEST_VALUE = 200;

const ENV_SOURCES = ['plain', 'secret', 'configMap', 'field', 'hidden', 'absent', 'unknown'] as const;

export const shownWorkload = z.object({
  service: serviceName,
  kind: z.enum(['deployments', 'statefulsets']),
  name: z.string(),
  desired: z.int(),
  ready: z.int(),
  updated: z.int(),
  available: z.int(),
  image: z.string(),
  tag: z.string(),
  /** The number of a Deployment's revision, the name of a StatefulSet's. */
  revision: z.string(),
  paused: z.boolean(),
  rollout: z.enum(ROLLOUTS),
  why: z.string(),
  /** Its rollout is complete, and at least one pod is wanted. */
  healthy: z.boolean(),
  /** Kubernetes has looked at the latest change; else the numbers are from before it. */
  generationSeen: z.boolean(),
  /** The least and the most replicas that the scaling table of the target allows. */
  minReplicas: z.int(),
  maxReplicas: z.int(),
  limitCpu: z.string(),
  limitMemory: z.string(),
  requestCpu: z.string(),
  requestMemory: z.string(),
  env: z.array(
    z.object({
      name: z.string(),
      /** Empty unless the source is `plain`. */
      value: z.string(),
      /** `hidden` by us, as it looks like a secret; `absent` for certain; `unknown` where a whole Secret or ConfigMap is read in. */
      source: z.enum(ENV_SOURCES),
    }),
  ),
});

export function showWorkload(client: KubernetesClient, running: Running, env: readonly string[]): z.output<typeof shownWorkload> {
  const { metadata, spec, status } = running.record;
  const container = mainContainer(client, running);
  const { rollout, why } = judge(running);
  const bounds = client.names.replicas(running.service);
  return {
    service: running.service,
    kind: running.kind,
    name: running.name,
    desired: spec.replicas,
    ready: status.readyReplicas,
    updated: status.updatedReplicas,
    available: status.availableReplicas,
    image: container?.image ?? '',
    tag: container === undefined ? '' : tagOf(container.image),
    revision: running.kind === 'deployments' ? (metadata.annotations['deployment.kubernetes.io/revision'] ?? '') : status.updateRevision,
    paused: spec.paused,
    rollout,
    why,
    healthy: rollout === 'complete' && spec.replicas > 0,
    generationSeen: status.observedGeneration >= metadata.generation,
    minReplicas: bounds.min,
    maxReplicas: bounds.max,
    limitCpu: container?.resources.limits['cpu'] ?? '',
    limitMemory: container?.resources.limits['memory'] ?? '',
    requestCpu: container?.resources.requests['cpu'] ?? '',
    requestMemory: container?.resources.requests['memory'] ?? '',
    env: env.map((name) => ({ name, ...settingOf(container, name) })),
  };
}

type Setting = Omit<z.output<typeof shownWorkload>['env'][number], 'name'>;

/** The last of several entries of one name is the one that counts. */
export function settingOf(container: Container | undefined, name: string): Setting {
  const entry = container?.env.findLast((one) => one.name === name);
  if (entry === undefined) return { value: '', source: container === undefined || container.envFrom.length > 0 ? 'unknown' : 'absent' };
  const { valueFrom } = entry;
  if (valueFrom !== null && valueFrom !== undefined) return { value: '', source: valueFrom.secretKeyRef ? 'secret' : valueFrom.configMapKeyRef ? 'configMap' : 'field' };
  const value = entry.value ?? '';
  if (value.length > LONGEST_VALUE || isSecretName(name) || redact(value) !== value || /:\/\/[^/\s]*@/.test(value)) return { value: '', source: 'hidden' };
  return { value, source: 'plain' };
}
