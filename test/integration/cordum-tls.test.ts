import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTargets } from '#app/targets.ts';
import { loadConfig } from '#config/load.ts';
import { systemClock } from '#kernel/clock.ts';
import { makeCertificates } from '../kit/servers/certificates.ts';

const NAME = 'cordum.internal';

/** A Cordum behind TLS that demands a client certificate, and the client that this `tls` section gives. */
async function clientOf(section: (files: { readonly ca: string; readonly cert: string; readonly key: string }) => Readonly<Record<string, unknown>>) {
  const certificates = await makeCertificates({ names: [NAME] });
  const server = createServer({ cert: certificates.serverCert, key: certificates.serverKey, ca: certificates.ca, requestCert: true, rejectUnauthorized: true }, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"items":[],"next_cursor":null}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const tls = section({ ca: certificates.caFile, cert: certificates.clientCertFile, key: certificates.clientKeyFile });
  const yaml = JSON.stringify({ targets: [{ name: 'prod', cordum: { url: `https://127.0.0.1:${port}`, apiKey: 'ck_1', tls } }] });
  const loaded = loadConfig({ configPath: '/bot.yaml', env: {}, cwd: '/', readFile: (path) => ({ ok: true, text: path === '/bot.yaml' ? yaml : readFileSync(path, 'utf8'), worldReadable: false }) });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const targets = createTargets(loaded.config, systemClock);
  onTestFinished(() => targets.close());
  const client = targets.cordum('prod');
  if (client === undefined) throw new Error('the target has a Cordum');
  return client;
}

describe('Cordum over TLS', () => {
  it('is reached with its own authority, its own name and our certificate', async () => {
    const client = await clientOf(({ ca, cert, key }) => ({ caFile: ca, certFile: cert, keyFile: key, serverName: NAME }));
    expect(await client.dlqPage({ limit: 1 })).toEqual({ ok: true, value: [] });
  });

  it.each([
    ['an authority that nobody knows', (files: { readonly cert: string; readonly key: string }) => ({ certFile: files.cert, keyFile: files.key, serverName: NAME })],
    ['another name', (files: { readonly ca: string; readonly cert: string; readonly key: string }) => ({ caFile: files.ca, certFile: files.cert, keyFile: files.key, serverName: 'other.internal' })],
    ['no certificate of ours', (files: { readonly ca: string }) => ({ caFile: files.ca, serverName: NAME })],
  ])('is not reached with %s', async (_what, section) => {
    const client = await clientOf(section);
    expect(await client.dlqPage({ limit: 1 })).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
  });
});
