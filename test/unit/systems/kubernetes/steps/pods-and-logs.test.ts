import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linesOf, matching } from '#systems/kubernetes/log-lines.ts';
import { showPod } from '#systems/kubernetes/pods.ts';
import { pod } from '#systems/kubernetes/records.ts';
import { checkedSelector } from '#systems/kubernetes/selectors.ts';
import { eventsList } from '#systems/kubernetes/steps/events-list.ts';
import { logsSearch } from '#systems/kubernetes/steps/logs-search.ts';
import { podsList } from '#systems/kubernetes/steps/pods-list.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { at } from '../../../../kit/kubernetes/objects.ts';
import { kubeRecording } from '../../../../kit/kubernetes/recordings.ts';
import { read, tryRead } from '../../../../kit/step-context.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
});
afterEach(() => kube.close());

const kernel = { service: 'safety-kernel' };

describe('the pods of a service', () => {
  it.each([
    ['crashLoop', { crashLooping: 1, problem: 'crashLoop' }],
    ['oomKilled', { oomKilled: 1, problem: 'oomKilled' }],
    ['imagePull', { imagePull: 1, problem: 'imagePull' }],
    ['configError', { configError: 1, problem: 'configError' }],
    ['unschedulable', { unschedulable: 1, problem: 'unschedulable' }],
    ['containerCreating', { pending: 1, problem: 'pending' }],
    ['notReady', { notReady: 1, problem: 'notReady' }],
  ] as const)('that are in the state %s are counted as that, and are not healthy', async (state, { problem, ...counts }) => {
    kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', pods: ['running', state] });
    const answer = await read(podsList, kernel, await kube.client());
    expect(answer).toMatchObject({ total: 2, ready: 1, healthy: false, ...counts });
    const items = answer['items'] as { problem: string; why: string }[];
    expect(items.map((one) => one.problem).toSorted()).toEqual(['none', problem].toSorted());
    expect(items.find((one) => one.problem === problem)?.why).not.toBe('');
  });

  it('are healthy when each is ready, whatever was evicted or is being deleted beside them, but not by those alone', async () => {
    const labels = { app: 'cordum-safety-kernel' };
    kube.addDeployment({ name: 'cordum-safety-kernel', replicas: 0 });
    kube.addPod({ name: 'gone', labels, state: 'evicted' });
    kube.addPod({ name: 'going', labels, state: 'terminating' });
    const client = await kube.client();
    expect(await read(podsList, kernel, client)).toMatchObject({ healthy: false, total: 2, failed: 1, terminating: 1 });
    kube.addPod({ name: 'there', labels });
    expect(await read(podsList, kernel, client)).toMatchObject({ healthy: true, total: 3, ready: 1 });
  });

  it('may be none, which is an answer; a service without a workload is not found', async () => {
    kube.addDeployment({ name: 'cordum-safety-kernel', replicas: 0 });
    const client = await kube.client();
    expect(await read(podsList, kernel, client)).toMatchObject({ total: 0, healthy: false, say: 'safety-kernel has no pods.' });
    expect(await tryRead(podsList, { service: 'dashboard' }, client)).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });

  it('are found by the labels of the Helm chart as well', async () => {
    const labels = { 'app.kubernetes.io/instance': 'prod', 'app.kubernetes.io/component': 'safety-kernel' };
    kube.addDeployment({ name: 'prod-cordum-safety-kernel', labels });
    expect(await read(podsList, kernel, await kube.client({ profile: 'helm', release: 'prod' }))).toMatchObject({ total: 2 });
  });

  it('that are asked for by a selector must be some', async () => {
    kube.addPod({ name: 'a', labels: { app: 'x' } });
    const client = await kube.client();
    expect(await read(podsList, { selector: 'app in (x, y),!canary' }, client)).toMatchObject({ total: 1 });
    expect(await tryRead(podsList, { selector: 'app=cordum-nats' }, client)).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(await tryRead(podsList, { selector: 'app!=x' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });
});

describe('pods as a real kubelet reported them', () => {
  const NOW = Date.parse('2026-11-20T19:56:00Z');
  it.each([
    ['pods_list_crashloop', 'crashLoop'],
    ['pods_list_oomkilled', 'oomKilled'],
    ['pods_list_image_pull_backoff', 'imagePull'],
    ['pods_list_pending_unschedulable', 'unschedulable'],
  ])('%s: %s', (name, problem) => {
    const items = at(kubeRecording(name).response.body, 'items') as unknown[];
    expect(items.map((item) => showPod(pod.parse(item), NOW).problem)).toContain(problem);
  });

  it('that run are no problem', () => {
    const items = at(kubeRecording('pods_list_running').response.body, 'items') as unknown[];
    expect(items.map((item) => showPod(pod.parse(item), NOW)).every(({ ready, problem }) => ready && problem === 'none')).toBe(true);
  });
});

describe('a selector', () => {
  it.each(['', '  ', '!app', 'app!=x', 'app notin (a,b)', 'a!=b,!c', 'app==', '=x,', 'app=x,,b=c', 'app=x;rm', 'app in ()x', 'app in (a', 'app=x y'])('that matches everything or is none is refused: %j', (text) => {
    const answer = checkedSelector(text);
    // An empty value is a value: `app==` names pods whose label is empty.
    if (text === 'app==') expect(answer.ok).toBe(true);
    else expect(answer).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });

  it.each(['app=x', 'app==x', 'app', 'a/b.c=d,app in (x, y),!gone', 'app notin (a),b=c'])('that names what is wanted goes through: %s', (text) => {
    expect(checkedSelector(text)).toEqual({ ok: true, value: text });
  });

  it('of any text is either refused or holds nothing but requirements', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z=!,() ]{0,30}$/)), (text) => {
      const answer = checkedSelector(text);
      expect(!answer.ok || /^[A-Za-z0-9_./=!,() \s-]+$/.test(answer.value)).toBe(true);
    }));
  });
});

describe('logs', () => {
  const crashed = (): string => {
    kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', sidecars: ['otel-collector'], pods: ['crashLoop', 'running'] });
    const [first, second] = kube.podsOf('cordum-safety-kernel').map(({ metadata }) => metadata.name);
    kube.log(first ?? '', 'safety', { current: 'starting\n', previous: '2026-11-20T19:55:58Z level=error msg="Parse Policy: yaml: line 4"\nbye\n' });
    kube.log(second ?? '', 'safety', { current: 'starting\nlistening on :50051\n' });
    return first ?? '';
  };

  it('are searched for literal texts whatever their case, and counted by name', async () => {
    const first = crashed();
    const input = { service: 'safety-kernel', previous: true, patterns: [{ name: 'policy', text: 'parse policy' }, { name: 'redis', text: 'redis' }] };
    const answer = await read(logsSearch, input, await kube.client());
    expect(answer).toMatchObject({
      matched: 1,
      searched: 1,
      lines: [{ pod: first, text: 'level=error msg="Parse Policy: yaml: line 4"', time: '2026-11-20T19:55:58Z' }],
      patterns: [{ name: 'policy', count: 1, pods: 1 }, { name: 'redis', count: 0, pods: 0, lastText: '' }],
      unseen: [{ why: expect.stringContaining('has not been restarted') }],
    });
  });

  it('of the container of the service are read, not of its sidecar', async () => {
    crashed();
    expect(await read(logsSearch, { service: 'safety-kernel', contains: ['LISTENING'] }, await kube.client())).toMatchObject({ matched: 1, searched: 2 });
    expect(kube.requests.filter(({ path }) => path.endsWith('/log')).every(({ query }) => query.get('container') === 'safety')).toBe(true);
  });

  it('that cannot be read are said to be, and the count of nothing read is not taken for none', async () => {
    kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', pods: [{ state: 'running', node: 'node-dead' }] });
    kube.killNode('node-dead');
    expect(await read(logsSearch, { service: 'safety-kernel', contains: ['x'] }, await kube.client())).toMatchObject({ searched: 0, matched: 0, unseen: [{ why: expect.any(String) }] });
  });

  it('without the right to read them are a failure', async () => {
    crashed();
    kube.deny({ verb: 'get', resource: 'pods/log' });
    expect(await tryRead(logsSearch, kernel, await kube.client())).toMatchObject({ ok: false, failure: { reason: 'forbidden' } });
  });

  it('of any text give lines that hold what was looked for', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 1, maxLength: 5 }), (text, wanted) => {
      for (const line of matching(linesOf('p', text), [wanted], [])) expect(line.text.toLowerCase()).toContain(wanted.toLowerCase());
    }));
  });

  it('in colour are read without it', () => {
    expect(linesOf('p', '\u001B[31mERROR\u001B[0m broken\n\n')).toEqual([{ pod: 'p', line: 1, text: 'ERROR broken', time: '' }]);
  });
});

describe('events', () => {
  it('of a service are those of its workload, sets and pods, newest first', async () => {
    kube.addEvent({ on: 'Pod/cordum-redis-0', reason: 'BackOff', message: 'back-off', secondsAgo: 30, count: 4 });
    kube.addEvent({ on: 'PersistentVolumeClaim/data-cordum-redis-0', reason: 'FailedMount', message: 'no', secondsAgo: 10 });
    kube.addEvent({ on: 'Job/cordum-redis-backup-29402878', reason: 'BackoffLimitExceeded', message: 'no', secondsAgo: 5 });
    kube.addEvent({ on: 'Pod/cordum-redis-0', reason: 'Pulled', message: 'ok', type: 'Normal' });
    kube.addEvent({ on: 'Pod/cordum-redis-1', reason: 'BackOff', message: 'long ago', secondsAgo: 7_200 });
    const client = await kube.client();
    expect(await read(eventsList, { service: 'redis' }, client)).toMatchObject({ total: 2, items: [{ reason: 'FailedMount' }, { reason: 'BackOff', count: 4, kind: 'Pod' }], byReason: [{ reason: 'BackOff', count: 4 }, { reason: 'FailedMount' }] });
    expect(await read(eventsList, { object: { kind: 'Pod', name: 'cordum-redis-0' }, warningsOnly: false }, client)).toMatchObject({ total: 2 });
    expect(await read(eventsList, {}, client)).toMatchObject({ total: 3 });
  });

  it('of a Deployment do not take in another one whose name begins alike', async () => {
    for (const name of ['cordum-scheduler', 'cordum-scheduler-7f4dbdd774', 'cordum-scheduler-7f4dbdd774-5glvv', 'cordum-scheduler-extra', 'cordum-scheduler2']) kube.addEvent({ on: `Pod/${name}`, reason: 'X', message: name });
    expect(await read(eventsList, { service: 'scheduler' }, await kube.client())).toMatchObject({ total: 3 });
  });
});
