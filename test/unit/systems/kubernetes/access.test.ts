import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { createAccess } from '#systems/kubernetes/access.ts';
import { createVirtualClock } from '../../../kit/clock.ts';
import { type FakeKubernetes, startFakeKubernetes, TOKEN } from '../../../kit/kubernetes/fake.ts';
import { freePort } from '../../../kit/servers/port.ts';

const PLUGIN_TOKEN = 'plugin-token-9876543210';

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function ask(kube: FakeKubernetes, kubeconfig: string, context?: string): Promise<string> {
  const client = await kube.client({ kubeconfig, ...(context === undefined ? {} : { context }) });
  const answer = await client.version({});
  return answer.ok ? answer.value : `${answer.failure.reason}: ${answer.failure.message}`;
}

/** An exec plugin as a script of this Node. */
function plugin(script: string): object {
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', script] } };
}

const credential = (token: string): string => `{ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: '${token}' } }`;

describe('a kubeconfig that leads nowhere ends in what to do', () => {
  it('when it is not there', async () => {
    await using kube = await startFakeKubernetes();
    const said = await ask(kube, join(await folder(), 'gone'));
    expect(said).toMatch(/^unauthorised: Kubernetes was not asked to tell its version: the kubeconfig .*gone is not there.*check kubernetes\.kubeconfig of the target\.$/);
  });

  it('when it is a folder', async () => {
    await using kube = await startFakeKubernetes();
    expect(await ask(kube, await folder())).toContain('is a directory: name the file');
  });

  it.each([
    ['broken YAML', `users: [{ name: bot, user: { token: ${TOKEN}`],
    ['a text', TOKEN],
    ['a list of users without names', `users:\n- user: { token: ${TOKEN} }\n`],
    ['nothing', ''],
  ])('when it holds %s, of which no word is told', async (_what, text) => {
    await using kube = await startFakeKubernetes();
    const path = join(await folder(), 'config');
    await writeFile(path, text);
    const said = await ask(kube, path);
    expect(said).toMatch(/^unauthorised: .*(?:is not a kubeconfig that can be read|has no current context)/);
    expect(said).not.toContain(TOKEN);
  });

  it('when it has no such context: the known ones are told', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'));
    expect(await ask(kube, path, 'prod')).toContain('has no context prod: it has fake');
  });

  it('when its context names a user that is not there', async () => {
    await using kube = await startFakeKubernetes();
    const path = join(await folder(), 'config');
    const config = { clusters: [{ name: 'c', cluster: { server: kube.url } }], users: [], contexts: [{ name: 'x', context: { cluster: 'c', user: 'bob' } }], 'current-context': 'x' };
    await writeFile(path, JSON.stringify(config));
    expect(await ask(kube, path)).toContain('has no user bob, which its context x names');
  });

  it('when credentials would travel in the clear to another host', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { server: 'http://cluster.example:8080' });
    expect(await ask(kube, path)).toContain('http://cluster.example:8080 is not encrypted');
  });

  it('when nothing listens at its server', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { server: `http://127.0.0.1:${await freePort()}` });
    expect(await ask(kube, path)).toMatch(/^unreachable: .*nothing listens there/);
  });

  it('when the bot runs in no cluster and none is given', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
    expect(await createAccess({}).get()).toMatchObject({ ok: false, failure: { reason: 'unauthorised', message: expect.stringContaining('no kubeconfig is given') as string } });
  });
});

describe('credentials', () => {
  it.skipIf(existsSync('/var/run/secrets/kubernetes.io'))('of a pod without its service account\'s token cannot be read, and that is said', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '6443');
    expect(await createAccess({}).get()).toMatchObject({ ok: false, failure: { reason: 'unauthorised', message: expect.stringContaining('automountServiceAccountToken') as string } });
  });

  it('that are wrong are unauthorised, and stay unsaid', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { token: 'expired-0123456789' });
    const said = await ask(kube, path);
    expect(said).toMatch(/^unauthorised: .*the credentials were refused \(401\)/);
    expect(said).not.toContain('expired-0123456789');
    expect(kube.requests).toHaveLength(1);
  });

  it('that were renewed in the file are taken at once, without a restart', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { token: TOKEN });
    const client = await kube.client({ kubeconfig: path });
    expect(await client.version({})).toMatchObject({ ok: true });
    await kube.kubeconfig(path, { token: 'expired-0123456789' });
    expect(await client.version({}), 'the file is read again only when it must be').toMatchObject({ ok: true });
    const later = await kube.client({ kubeconfig: path });
    expect(await later.version({})).toMatchObject({ ok: false });
    await kube.kubeconfig(path, { token: TOKEN });
    expect(await later.version({})).toMatchObject({ ok: true });
  });

  it('that are absent are asked for', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { token: null });
    const client = await kube.client({ kubeconfig: path });
    const answer = await client.get('pods', 'x', z.unknown(), {});
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unauthorised', message: expect.stringContaining('no credentials at all') as string } });
  });

  it('may be a name and a password', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { user: { username: 'bot', password: 'geheim' } });
    await ask(kube, path);
    expect(kube.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('bot:geheim').toString('base64')}`);
  });

  it('may stand in a file with a newline at its end', async () => {
    await using kube = await startFakeKubernetes();
    const directory = await folder();
    await writeFile(join(directory, 'token'), `${TOKEN}\n`);
    const path = await kube.kubeconfig(join(directory, 'config'), { user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(directory, 'token') } } } });
    expect(await ask(kube, path)).toBe('v1.36.2');
  });
});

describe('an exec plugin', () => {
  it('gives the token, is told of the cluster, and is asked once by calls that begin together', async () => {
    await using kube = await startFakeKubernetes({ users: { [PLUGIN_TOKEN]: { name: 'plugin', admin: false } } });
    const directory = await folder();
    const script = `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(join(directory, 'asked'))}, process.env.KUBERNETES_EXEC_INFO + '\\n'); console.log(JSON.stringify(${credential(PLUGIN_TOKEN)}))`;
    const path = await kube.kubeconfig(join(directory, 'config'), { user: { ...plugin(script) } });
    const client = await kube.client({ kubeconfig: path });
    const answers = await Promise.all([client.version({}), client.version({}), client.version({})]);
    expect(answers.every((answer) => answer.ok)).toBe(true);
    expect(kube.requests[0]?.headers.authorization).toBe(`Bearer ${PLUGIN_TOKEN}`);
    const asked = (await readFile(join(directory, 'asked'), 'utf8')).trim().split('\n');
    expect(asked).toHaveLength(1);
    expect(JSON.parse(asked[0] ?? '')).toMatchObject({ kind: 'ExecCredential', spec: { interactive: false, cluster: { server: kube.url } } });
  });

  it('that is not installed is named', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-login-plugin' } } });
    expect(await ask(kube, path)).toMatch(/^unauthorised: .*the exec plugin no-such-login-plugin of the kubeconfig could not be started \(ENOENT\): install it/);
  });

  it.each([
    ['fails and prints a token', `console.error('password=${PLUGIN_TOKEN}'); process.exit(1)`, 'could not be had'],
    ['prints something else', `console.log('${PLUGIN_TOKEN}')`, 'did not answer with an ExecCredential'],
    ['answers without a status', `console.log('{}')`, 'did not answer with an ExecCredential'],
  ])('that %s is a failure without it', async (_what, script, says) => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { user: { ...plugin(script) } });
    const said = await ask(kube, path);
    expect(said).toMatch(/^unauthorised: /);
    expect(said).toContain(says);
    expect(said).not.toContain(PLUGIN_TOKEN);
  });

  it('that waits for somebody does not hold the call', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'), { user: { ...plugin(`setTimeout(() => {}, 25_000)`) } });
    const clock = createVirtualClock();
    const client = await kube.client({ kubeconfig: path, clock });
    const pending = client.patch('pods', 'x', { type: 'merge', body: {} }, z.unknown(), {});
    await clock.advance(10_000);
    expect(await pending).toMatchObject({ ok: false, failure: { reason: 'timeout', landed: 'no', message: expect.stringContaining('credentials did not come in time') as string } });
    expect(kube.requests).toEqual([]);
  });
});

describe('a file that others own', () => {
  it.skipIf(process.getuid?.() === 0)('is not readable, and that is said', async () => {
    await using kube = await startFakeKubernetes();
    const path = await kube.kubeconfig(join(await folder(), 'config'));
    await chmod(path, 0);
    expect(await ask(kube, path)).toContain('may not be read');
  });
});
