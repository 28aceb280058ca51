import { z } from 'zod';
import { describe, expect, it, vi } from 'vitest';
import { createVirtualClock } from '../../../kit/clock.ts';
import { type FakeKubernetes, startFakeKubernetes, TOKEN } from '../../../kit/kubernetes/fake.ts';
import { plainText, status } from '../../../kit/kubernetes/errors.ts';

const named = z.object({ metadata: z.object({ name: z.string() }) });
const scale = z.object({ metadata: z.object({ resourceVersion: z.string() }), spec: z.object({ replicas: z.number().default(0) }) });
const anything = z.unknown();

function addPods(kube: FakeKubernetes, count: number): void {
  for (let index = 0; index < count; index += 1) kube.put('pods', { metadata: { name: `pod-${String(index).padStart(5, '0')}`, labels: { app: index % 2 === 0 ? 'even' : 'odd' } } });
}

const lists = (kube: FakeKubernetes): string[] => kube.requests.map(({ query }) => `${query.get('limit')}${query.has('continue') ? '+' : ''}`);

describe('lists', () => {
  it('come in pages of 500, all of them', async () => {
    await using kube = await startFakeKubernetes();
    addPods(kube, 1_201);
    const answer = await (await kube.client()).list('pods', named, { most: 5_000 }, {});
    expect(answer).toMatchObject({ ok: true, value: { truncated: false } });
    expect(answer.ok && new Set(answer.value.items.map((pod) => pod.metadata.name)).size).toBe(1_201);
    expect(lists(kube)).toEqual(['500', '500+', '500+']);
  });

  it('end at the most that was asked for, and say that there are more', async () => {
    await using kube = await startFakeKubernetes();
    addPods(kube, 701);
    const client = await kube.client();
    const cut = await client.list('pods', named, { most: 700 }, {});
    expect(cut.ok && [cut.value.items.length, cut.value.truncated]).toEqual([700, true]);
    const whole = await client.list('pods', named, { most: 701 }, {});
    expect(whole.ok && [whole.value.items.length, whole.value.truncated]).toEqual([701, false]);
    expect(lists(kube)).toEqual(['500', '200+', '500', '201+']);
  });

  it('select by labels and fields', async () => {
    await using kube = await startFakeKubernetes();
    addPods(kube, 5);
    kube.addPod({ name: 'lonely', labels: { app: 'odd' }, state: 'crashLoop' });
    const client = await kube.client();
    const both = await client.list('pods', named, { labels: 'app=odd', fields: 'status.phase=Running', most: 10 }, {});
    expect(both).toEqual({ ok: true, value: { items: [{ metadata: { name: 'lonely' } }], truncated: false } });
  });

  it.each(['', '  '])('refuse the empty selector "%s", which would match everything', async (labels) => {
    await using kube = await startFakeKubernetes();
    expect(await (await kube.client()).list('pods', named, { labels, most: 10 }, {})).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(kube.requests).toEqual([]);
  });

  it('begin anew once when their pages have expired', async () => {
    await using kube = await startFakeKubernetes();
    addPods(kube, 600);
    kube.fault({ path: /pods$/, times: 1, trouble: { kind: 'answer', reply: { status: 200, body: { items: [{ metadata: { name: 'stale' } }], metadata: { continue: 'gone' } } } } });
    kube.fault({ path: /pods$/, times: 1, trouble: { kind: 'answer', reply: status(410, 'Expired', 'too old').reply } });
    const answer = await (await kube.client()).list('pods', named, { most: 1_000 }, {});
    expect(answer.ok && [answer.value.items.length, answer.value.items[0]?.metadata.name]).toEqual([600, 'pod-00000']);
  });

  it('give up when their pages expire twice', async () => {
    await using kube = await startFakeKubernetes();
    addPods(kube, 600);
    kube.expireTokens();
    expect(await (await kube.client()).list('pods', named, { most: 1_000 }, {})).toMatchObject({ ok: false, failure: { reason: 'unavailable' } });
    expect(lists(kube)).toEqual(['500', '500+', '500', '500+']);
  });

  it('are a failure when an item is not what the schema reads, and name the field but no value', async () => {
    await using kube = await startFakeKubernetes();
    kube.addPod({ name: 'one', image: 'secret-image' });
    const answer = await (await kube.client()).list('pods', z.object({ spec: z.object({ containers: z.string() }) }), { most: 5 }, {});
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unexpected' } });
    expect(!answer.ok && answer.failure.message).toContain('spec.containers');
    expect(!answer.ok && answer.failure.message).not.toContain('secret-image');
  });
});

describe('names that would leave their place in a path', () => {
  it.each(['..', '../secrets/x', 'a/b', 'A', '', 'x?y=z', 'x%2fy', 'a..b'])('such as %j are refused before anything is sent', async (name) => {
    await using kube = await startFakeKubernetes();
    const client = await kube.client();
    expect(await client.get('pods', name, anything, {})).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(await client.patch('pods', name, { type: 'merge', body: {} }, anything, {})).toMatchObject({ ok: false, failure: { reason: 'invalid', landed: 'no' } });
    expect(await client.log(name, { container: 'x', tailLines: 1, previous: false }, {})).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(kube.requests).toEqual([]);
  });
});

describe('patches', () => {
  it('of the scale move the Deployment, once its resourceVersion is still the one that was seen', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 2 });
    const client = await kube.client();
    const seen = await client.get('deployments', 'cordum-scheduler', scale, { subresource: 'scale' });
    const { resourceVersion } = seen.ok ? seen.value.metadata : { resourceVersion: '' };
    const patch = { type: 'merge', body: { metadata: { resourceVersion }, spec: { replicas: 3 } } } as const;
    expect(await client.patch('deployments', 'cordum-scheduler', patch, scale, { subresource: 'scale' })).toMatchObject({ ok: true, value: { spec: { replicas: 3 } } });
    expect(await client.patch('deployments', 'cordum-scheduler', patch, scale, { subresource: 'scale' })).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(kube.get('deployments', 'cordum-scheduler').spec?.['replicas']).toBe(3);
  });

  it('that are tried store nothing, and their failures do not speak of landing', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 2 });
    const client = await kube.client();
    const before = kube.get('deployments', 'cordum-scheduler');
    const call = { subresource: 'scale', dryRun: true } as const;
    expect(await client.patch('deployments', 'cordum-scheduler', { type: 'merge', body: { spec: { replicas: 9 } } }, scale, call)).toMatchObject({ ok: true, value: { spec: { replicas: 9 } } });
    expect(kube.get('deployments', 'cordum-scheduler')).toEqual(before);
    const wrong = await client.patch('deployments', 'cordum-scheduler', { type: 'merge', body: { spec: { replicas: -1 } } }, scale, call);
    expect(!wrong.ok && wrong.failure).not.toHaveProperty('landed');
    expect(kube.requests.at(-1)?.query.get('dryRun')).toBe('All');
  });

  it.each([
    ['merge', { spec: { paused: true } }, 'application/merge-patch+json'],
    ['strategic', { spec: { paused: true } }, 'application/strategic-merge-patch+json'],
    ['json', [{ op: 'add', path: '/spec/paused', value: true }], 'application/json-patch+json'],
  ] as const)('of type %s say so', async (type, body, contentType) => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler' });
    expect(await (await kube.client()).patch('deployments', 'cordum-scheduler', { type, body }, anything, {})).toMatchObject({ ok: true });
    expect(kube.get('deployments', 'cordum-scheduler').spec?.['paused']).toBe(true);
    expect(kube.requests[0]?.headers['content-type']).toBe(contentType);
  });

  it('whose answer is lost may have landed', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler' });
    kube.fault({ method: 'PATCH', trouble: { kind: 'cutAfterwards' } });
    const answer = await (await kube.client()).patch('deployments', 'cordum-scheduler', { type: 'merge', body: { spec: { paused: true } } }, anything, {});
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unreachable', landed: 'maybe' } });
    expect(kube.get('deployments', 'cordum-scheduler').spec?.['paused']).toBe(true);
    expect(kube.requests).toHaveLength(1);
  });
});

describe('what is created', () => {
  it('stands in the namespace under its kind', async () => {
    await using kube = await startFakeKubernetes({ namespace: 'prod' });
    const client = await kube.client();
    const spec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'b' }] } } };
    const job = { metadata: { name: 'by-hand' }, spec };
    expect(await client.create('jobs', job, named, {})).toEqual({ ok: true, value: { metadata: { name: 'by-hand' } } });
    expect(await client.create('jobs', job, named, {})).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no', message: expect.stringContaining('it exists already') as string } });
    expect(kube.requests[0]).toMatchObject({ path: '/apis/batch/v1/namespaces/prod/jobs', body: { apiVersion: 'batch/v1', kind: 'Job', metadata: { namespace: 'prod' } } });
  });
});

describe('logs', () => {
  const tail = { container: 'scheduler', tailLines: 3, previous: false };

  it('are the last lines of one container, of this run or of the one before', async () => {
    await using kube = await startFakeKubernetes();
    kube.addPod({ name: 'pod', container: 'scheduler', sidecars: ['otel'] });
    kube.log('pod', 'scheduler', { current: 'a\nb\nc\nd\n', previous: 'panic\n' });
    const client = await kube.client();
    expect(await client.log('pod', tail, {})).toEqual({ ok: true, value: { text: 'b\nc\nd\n', truncated: false } });
    expect(await client.log('pod', { ...tail, previous: true }, {})).toEqual({ ok: true, value: { text: 'panic\n', truncated: false } });
  });

  it('of a pod without a node are empty', async () => {
    await using kube = await startFakeKubernetes();
    kube.addPod({ name: 'pod', container: 'scheduler', state: 'unschedulable' });
    expect(await (await kube.client()).log('pod', tail, {})).toEqual({ ok: true, value: { text: '', truncated: false } });
  });

  it('of more than a mebibyte keep their newest lines, where the reason of a crash stands', async () => {
    await using kube = await startFakeKubernetes();
    kube.addPod({ name: 'pod', container: 'scheduler' });
    const line = `${'x'.repeat(1_000)}\n`;
    kube.log('pod', 'scheduler', { current: `${line.repeat(3_000)}fatal: the reason\n` });
    const answer = await (await kube.client()).log('pod', { ...tail, tailLines: 3_000 }, {});
    expect(answer).toMatchObject({ ok: true, value: { truncated: true } });
    expect(answer.ok && answer.value.text.endsWith('fatal: the reason\n')).toBe(true);
    expect(answer.ok && answer.value.text.length).toBeLessThanOrEqual(1024 * 1024);
  });

  it('of one endless line are cut', async () => {
    await using kube = await startFakeKubernetes();
    kube.addPod({ name: 'pod', container: 'scheduler' });
    kube.log('pod', 'scheduler', { current: 'ä'.repeat(1024 * 1024) });
    const answer = await (await kube.client()).log('pod', tail, {});
    expect(answer.ok && [answer.value.truncated, Buffer.byteLength(answer.value.text) <= 1024 * 1024]).toEqual([true, true]);
  });
});

describe('calls that do not come back', () => {
  it('end at their timeout, of the client\'s clock', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler' });
    kube.fault({ trouble: { kind: 'hang' } });
    const clock = createVirtualClock();
    const client = await kube.client({ clock });
    const pending = client.patch('deployments', 'cordum-scheduler', { type: 'merge', body: {} }, anything, {});
    await vi.waitFor(() => expect(kube.requests).toHaveLength(1));
    await clock.advance(10_000);
    expect(await pending).toMatchObject({ ok: false, failure: { reason: 'timeout', landed: 'maybe', message: expect.stringContaining('within 10000 ms') as string } });
    expect(clock.pending()).toBe(0);
  });

  it('leave no timer behind when they do come back', async () => {
    await using kube = await startFakeKubernetes();
    const clock = createVirtualClock();
    expect(await (await kube.client({ clock })).version({})).toMatchObject({ ok: true });
    expect(clock.pending()).toBe(0);
  });

  it('end when the run is cancelled', async () => {
    await using kube = await startFakeKubernetes();
    kube.fault({ trouble: { kind: 'hang' } });
    const cancel = new AbortController();
    const pending = (await kube.client()).version({ signal: cancel.signal });
    await vi.waitFor(() => expect(kube.requests).toHaveLength(1));
    cancel.abort();
    expect(await pending).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
  });

  it('are not made for a run that is cancelled already', async () => {
    await using kube = await startFakeKubernetes();
    expect(await (await kube.client()).version({ signal: AbortSignal.abort() })).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
    expect(kube.requests).toEqual([]);
  });
});

describe('answers that are no answers', () => {
  it.each([
    ['an empty body', { status: 200, body: '' }, 'an empty body'],
    ['a page', { status: 200, body: '<html></html>', type: 'text/html' }, 'no JSON'],
    ['another object', { status: 200, body: { hello: 1 } }, 'gitVersion'],
  ])('such as %s are unexpected', async (_what, reply, because) => {
    await using kube = await startFakeKubernetes();
    kube.fault({ trouble: { kind: 'answer', reply } });
    const answer = await (await kube.client()).version({});
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unexpected', message: expect.stringContaining(because) as string } });
  });

  it('over the limit of bytes are dropped', async () => {
    await using kube = await startFakeKubernetes();
    kube.fault({ trouble: { kind: 'answer', reply: { status: 200, body: 'x'.repeat(33 * 1024 * 1024), type: 'text/plain' } } });
    expect(await (await kube.client()).version({})).toMatchObject({ ok: false, failure: { reason: 'tooLarge' } });
  });

  it('of an overloaded server say how long it asks to wait', async () => {
    await using kube = await startFakeKubernetes();
    kube.fault({ trouble: { kind: 'answer', reply: plainText(429, 'Too many requests, please try again later.\n', { 'retry-after': '7' }).reply } });
    expect(await (await kube.client()).version({})).toMatchObject({ ok: false, failure: { reason: 'rateLimited', message: expect.stringContaining('wait 7 s') as string } });
  });
});

describe('what the role allows', () => {
  it('is asked for the verb, the resource and its subresource in the namespace', async () => {
    await using kube = await startFakeKubernetes();
    kube.deny({ verb: 'patch', resource: 'deployments/scale' });
    const client = await kube.client();
    expect(await client.may('patch', 'deployments/scale', {})).toEqual({ ok: true, value: false });
    expect(await client.may('patch', 'deployments', {})).toEqual({ ok: true, value: true });
    expect(await client.may('get', 'nodes', {})).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(kube.requests[0]?.body).toMatchObject({ spec: { resourceAttributes: { namespace: 'cordum', verb: 'patch', group: 'apps', resource: 'deployments', subresource: 'scale' } } });
  });

  it('and denies is forbidden, with the verb that the role lacks', async () => {
    await using kube = await startFakeKubernetes();
    kube.deny({ verb: 'list', resource: 'pods' });
    expect(await (await kube.client()).list('pods', anything, { most: 1 }, {})).toMatchObject({ ok: false, failure: { reason: 'forbidden', message: expect.stringContaining('lacks the verb list on pods') as string } });
  });
});

describe('connections', () => {
  it('are kept: twenty calls one after the other use two at most', async () => {
    await using kube = await startFakeKubernetes();
    const client = await kube.client();
    for (let count = 0; count < 20; count += 1) expect(await client.version({})).toEqual({ ok: true, value: 'v1.36.2' });
    expect(kube.connections()).toBeLessThanOrEqual(2);
  });

  it('are at most eight, however many calls there are at once', async () => {
    await using kube = await startFakeKubernetes();
    const client = await kube.client();
    await Promise.all(Array.from({ length: 60 }, () => client.version({})));
    expect(kube.requests).toHaveLength(60);
    expect(kube.connections()).toBeLessThanOrEqual(8);
  });

  it('carry the token and nobody reads it in a failure', async () => {
    await using kube = await startFakeKubernetes();
    kube.fault({ trouble: { kind: 'cut' } });
    const answer = await (await kube.client()).version({});
    expect(kube.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
    expect(JSON.stringify(answer)).not.toContain(TOKEN);
  });

  it('of a client that was closed come back with the next call', async () => {
    await using kube = await startFakeKubernetes();
    const client = await kube.client();
    await client.version({});
    await client.close();
    expect(await client.version({})).toEqual({ ok: true, value: 'v1.36.2' });
  });
});
