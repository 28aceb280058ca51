import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';

async function kubeconfigPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'config');
}

describe('an API server that speaks TLS', () => {
  it('is trusted by the CA of the kubeconfig, over connections that are kept', async () => {
    const { serverCert: cert, serverKey: key, ca } = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    await using kube = await startFakeKubernetes({ tls: { cert, key, ca } });
    const client = await kube.client();
    for (let count = 0; count < 10; count += 1) expect(await client.version({})).toEqual({ ok: true, value: 'v1.36.2' });
    expect(kube.connections()).toBeLessThanOrEqual(2);
  });

  it('of another authority, or of none that is known, is unreachable, and what to do is said', async () => {
    const { serverCert: cert, serverKey: key, ca } = await makeCertificates({ names: ['127.0.0.1'] });
    const other = await makeCertificates({ names: ['127.0.0.1'] });
    await using kube = await startFakeKubernetes({ tls: { cert, key, ca } });
    for (const trusted of [other.ca, null]) {
      const client = await kube.client({ kubeconfig: await kube.kubeconfig(await kubeconfigPath(), { ca: trusted }) });
      expect(await client.version({})).toMatchObject({ ok: false, failure: { reason: 'unreachable', message: expect.stringMatching(/certificate.*kubeconfig/) as string } });
    }
    expect(kube.requests).toEqual([]);
  });

  it('under another name is unreachable', async () => {
    const { serverCert: cert, serverKey: key, ca } = await makeCertificates({ names: ['kube.example'] });
    await using kube = await startFakeKubernetes({ tls: { cert, key, ca } });
    expect(await (await kube.client()).version({})).toMatchObject({ ok: false, failure: { reason: 'unreachable', message: expect.stringContaining('is for another name') as string } });
  });

  it('with a certificate that has expired is unreachable', async () => {
    const { serverCert: cert, serverKey: key, ca } = await makeCertificates({ names: ['127.0.0.1'], expiresInDays: -1 });
    await using kube = await startFakeKubernetes({ tls: { cert, key, ca } });
    expect(await (await kube.client()).version({})).toMatchObject({ ok: false, failure: { reason: 'unreachable', message: expect.stringContaining('has expired') as string } });
  });

  it('is told who the bot is by the client certificate of the kubeconfig', async () => {
    const made = await makeCertificates({ names: ['127.0.0.1'] });
    await using kube = await startFakeKubernetes();
    const names: unknown[] = [];
    const server = createServer({ cert: made.serverCert, key: made.serverKey, ca: made.ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      names.push((request.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.end(JSON.stringify({ gitVersion: 'v1.36.2' }));
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const user = { 'client-certificate-data': Buffer.from(made.clientCert).toString('base64'), 'client-key-data': Buffer.from(made.clientKey).toString('base64') };
    const at = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = await kube.client({ kubeconfig: await kube.kubeconfig(await kubeconfigPath(), { server: at, ca: made.ca, user }) });
    expect(await client.version({})).toEqual({ ok: true, value: 'v1.36.2' });
    expect(names).toEqual(['Test client']);
  });

  it('is not asked in the clear: a kubeconfig that says http is told apart', async () => {
    const { serverCert: cert, serverKey: key, ca } = await makeCertificates({ names: ['127.0.0.1'] });
    await using kube = await startFakeKubernetes({ tls: { cert, key, ca } });
    const client = await kube.client({ kubeconfig: await kube.kubeconfig(await kubeconfigPath(), { server: kube.url.replace('https:', 'http:') }) });
    expect(await client.version({})).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
  });
});
