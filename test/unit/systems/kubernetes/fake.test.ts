import { describe, expect, it } from 'vitest';
import { type FakeKubernetes, startFakeKubernetes } from '../../../kit/kubernetes/fake.ts';
import { at, isFields } from '../../../kit/kubernetes/objects.ts';
import { bodyText, type KubeRecording, kubeRecording, kubeRecordingNames, seed } from '../../../kit/kubernetes/recordings.ts';

/** Exchanges that need something besides the cluster's objects to be asked again. */
const SETUPS: Readonly<Record<string, (kube: FakeKubernetes) => void>> = {
  configmap_patch_stale_409: (kube) => void kube.put('configmaps', { metadata: { name: 'cordum-ops-bot-state' }, data: {} }),
  deployment_restart_same_value: (kube) => restarted(kube, 'deployment_restart_same_value'),
  deployment_pause: (kube) => restarted(kube, 'deployment_pause'),
  deployment_resume: (kube) => restarted(kube, 'deployment_resume'),
  deployment_set_image_bad: (kube) => restarted(kube, 'deployment_set_image_bad'),
  deployment_undo: (kube) => unfinished(kube),
  deployment_undo_dry_run: (kube) => unfinished(kube),
  deployment_undo_to_current: (kube) => copySpec(kube, 'deployment_undo_to_current'),
  job_create_exists_409: (kube) => kube.addJob({ name: 'cordum-nats-backup-manual-1' }),
  pod_log_ok: (kube) => schedulerWithLog(kube),
  pod_log_limit_bytes: (kube) => schedulerWithLog(kube),
  pod_log_tail_zero: (kube) => schedulerWithLog(kube),
  pod_log_bad_bool_400: (kube) => schedulerWithLog(kube),
  pod_log_tail_negative_422: (kube) => schedulerWithLog(kube),
  pod_log_previous_ok: (kube) => schedulerWithLog(kube),
  pod_log_bad_container_400: (kube) => gateway(kube),
  pod_log_no_container_400: (kube) => gateway(kube),
  pod_log_previous_missing_400: (kube) => gateway(kube),
  pod_log_unscheduled_204: (kube) => kube.addPod({ name: 'cordum-context-engine-69997b59cc-hvdxn', state: 'unschedulable' }),
  pod_log_kubelet_unreachable_500: (kube) => {
    kube.addPod({ name: 'on-dead-node', container: 'main', state: { state: 'running', node: 'node-dead' } });
    kube.killNode('node-dead');
  },
  pods_continue_expired_410: (kube) => kube.expireTokens(),
  pods_continue_inconsistent_ok: (kube) => {
    morePods(kube);
    kube.expireTokens();
  },
  pods_page_1: (kube) => morePods(kube),
  pods_page_2: (kube) => morePods(kube),
  pods_page_selector: (kube) => morePods(kube, 'redis'),
  pods_list_label_set_selector: (kube) => morePods(kube, 'redis'),
  events_list: (kube) => crowdOfEvents(kube),
  events_list_warning: (kube) => crowdOfEvents(kube),
  rbac_pods_list_allowed: (kube) => morePods(kube, 'cordum-scheduler'),
  ssar_denied: (kube) => kube.deny({ verb: 'patch', resource: 'deployments/scale', name: 'cordum-scheduler' }),
  rbac_deployment_patch_forbidden_403: (kube) => kube.deny({ verb: 'patch', resource: 'deployments' }),
  rbac_job_create_forbidden_403: (kube) => kube.deny({ verb: 'create', resource: 'jobs' }),
  rbac_scale_patch_forbidden_403: (kube) => kube.deny({ verb: 'patch', resource: 'deployments/scale', name: 'cordum-scheduler' }),
  rbac_scale_patch_resource_name_allowed_dry_run: (kube) => kube.deny({ verb: 'patch', resource: 'deployments/scale', name: 'cordum-scheduler' }),
  rbac_secret_get_forbidden_403: (kube) => kube.deny({ resource: 'secrets' }),
  rbac_secrets_list_forbidden_403: (kube) => kube.deny({ resource: 'secrets' }),
};

/** What the fake answers only when a test tells it to (overload, outage, quota, admission), and one check that it leaves out (limits below requests). */
const NOT_OF_ITSELF = /^(?:throttled|admission_|etcd_down|metrics_|request_too_large|pod_create_quota|create_in_terminating|deployment_patch_invalid_many)/;

/** The Deployment of an exchange had been restarted before. */
function restarted(kube: FakeKubernetes, recording: string): void {
  const name = at(kubeRecording(recording).response.body, 'metadata', 'name') as string;
  const spec = kube.get('deployments', name).spec;
  const template = { ...(at(spec, 'template') as object), metadata: { labels: at(spec, 'template', 'metadata', 'labels'), annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-20T20:00:00Z' } } };
  kube.touch('deployments', name, { spec: { template } });
}

/** What is undone is a rollout that did not get through. */
function unfinished(kube: FakeKubernetes): void {
  const { spec, status } = kubeRecording('deployment_get_progressing_bad').response.body as { spec: object; status: object };
  kube.touch('deployments', 'cordum-safety-kernel', { spec: { ...spec }, status: { ...status } });
}

/** So that there is another page: the fixtures hold the first four of each list. */
function morePods(kube: FakeKubernetes, app = 'more'): void {
  for (const name of ['zz-1', 'zz-2', 'zz-3', 'zz-4']) kube.addPod({ name, labels: { app } });
}

function copySpec(kube: FakeKubernetes, recording: string): void {
  const { response } = kubeRecording(recording);
  const name = at(response.body, 'metadata', 'name') as string;
  kube.touch('deployments', name, { metadata: { annotations: at(response.body, 'metadata', 'annotations') }, spec: { template: at(response.body, 'spec', 'template') } });
}

function schedulerWithLog(kube: FakeKubernetes): void {
  const name = 'cordum-scheduler-7f4dbdd774-hwhdt';
  kube.addPod({ name, container: 'scheduler' });
  const line = (index: number): string => `{"level":"info","msg":"line ${index}","component":"scheduler"}\n`;
  kube.log(name, 'scheduler', { current: Array.from({ length: 20 }, (_, index) => line(index + 1)).join(''), previous: bodyText(kubeRecording('pod_log_previous_ok')) });
}

function gateway(kube: FakeKubernetes): void {
  kube.addPod({ name: 'cordum-api-gateway-d5d9f8498-pcmx8', container: 'gateway', sidecars: ['otel-collector'] });
}

function crowdOfEvents(kube: FakeKubernetes): void {
  for (let index = 0; index < 45; index += 1) kube.addEvent({ on: `Pod/zz-${index}`, reason: 'BackOff', message: `Back-off ${index}` });
}

const ADMINS = { '<admin>': { name: 'admin', admin: true }, '<bot>': { name: 'system:serviceaccount:cordum:cordum-ops-bot', admin: false } };

async function ask(recording: KubeRecording): Promise<{ status: number; type: string | null; warning: string | null; text: string }> {
  await using kube = await startFakeKubernetes({ users: ADMINS });
  seed(kube, recording);
  SETUPS[recording.name]?.(kube);
  const { method, path, headers, body } = recording.request;
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-length').map(([name, value]) => [name, String(value)]));
  const answer = await fetch(kube.url + path, { method, headers: sent, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) });
  return { status: answer.status, type: answer.headers.get('content-type'), warning: answer.headers.get('warning'), text: await answer.text() };
}

/** Names, times and numbers differ between two worlds; field by field the types do not. Maps of foreign names are one field. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [`${path}[]`] : [...new Set(value.slice(0, 1).flatMap((one) => shapeOf(one, `${path}[]`)))];
  if (isFields(value)) {
    if (/\.(?:labels|annotations|matchLabels|resources|limits|requests)$/.test(path)) return [`${path}: map`];
    return Object.entries(value).flatMap(([name, one]) => shapeOf(one, `${path}.${name}`));
  }
  return [`${path}: ${value === null ? 'null' : typeof value}`];
}

/** An echoed object, and the port of a kubelet, are of their world. */
function withoutForeign(status: unknown): unknown {
  const clean = (text: string): string => text.replace(/"\{.*\}"/s, '(object)').replaceAll(/127\.0\.0\.1:\d+/g, 'kubelet');
  return JSON.parse(JSON.stringify(status), (_key, value: unknown) => (typeof value === 'string' ? clean(value) : value));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const names = kubeRecordingNames().filter((name) => !NOT_OF_ITSELF.test(name));

describe('the fake API server', () => {
  it('is held to at least eighty exchanges with a real one', () => {
    expect(names.length).toBeGreaterThanOrEqual(80);
  });

  it.each(names)('answers %s as the recorded server did', async (name) => {
    const recording = kubeRecording(name);
    const answer = await ask(recording);
    const { status, headers } = recording.response;
    expect({ status: answer.status, type: answer.type, warning: answer.warning }).toEqual({ status, type: headers['content-type'] ?? null, warning: headers['warning'] ?? null });
    const [real, ours] = [json(bodyText(recording)), json(answer.text)];
    if (at(real, 'kind') === 'Status') expect(withoutForeign(ours)).toEqual(withoutForeign(real));
    else if (typeof real === 'string') expect(ours).toBe(real);
    else expect(shapeOf(ours).toSorted()).toEqual(shapeOf(real).toSorted());
  });
});
