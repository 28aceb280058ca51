import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestRunner } from 'vitest';
import { requireServer } from './find.ts';

const run = promisify(execFile);
const OPENSSL_WITHIN_MS = 20_000;

export interface CertificateOptions {
  /** What the server's certificate is good for: DNS names and addresses, `['localhost', '127.0.0.1']`. */
  readonly names: readonly string[];
  /** Of the server's and the client's certificate, default 30. Negative: they have expired already. The authority lasts longer. */
  readonly expiresInDays?: number;
}

/** PEM texts, and the same as files for servers that want paths. */
export interface Certificates {
  readonly directory: string;
  readonly ca: string;
  readonly caFile: string;
  readonly serverCert: string;
  readonly serverCertFile: string;
  readonly serverKey: string;
  readonly serverKeyFile: string;
  readonly clientCert: string;
  readonly clientCertFile: string;
  readonly clientKey: string;
  readonly clientKeyFile: string;
}

/**
 * An authority of its own, a server's and a client's certificate, by openssl in a temporary folder that leaves with the
 * test. Two calls make two authorities that do not trust each other. Skips the test (fails it under `CI=true`) without openssl.
 */
export async function makeCertificates({ names, expiresInDays = 30 }: CertificateOptions): Promise<Certificates> {
  const openssl = requireServer('openssl');
  const directory = await mkdtemp(join(tmpdir(), 'certificates-'));
  TestRunner.getCurrentTest()?.context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const call = (...args: string[]): Promise<unknown> => run(openssl, args, { cwd: directory, timeout: OPENSSL_WITHIN_MS });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await call('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '60', '-subj', '/CN=Test authority');
  const issue = async (who: 'server' | 'client', extensions: readonly string[]): Promise<void> => {
    await writeFile(join(directory, `${who}.ext`), `${extensions.join('\n')}\n`);
    await call('req', '-new', ...newKey, '-keyout', `${who}.key`, '-out', `${who}.csr`, '-subj', `/CN=Test ${who}`);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(expiresInDays), '-extfile', `${who}.ext`];
    await call('x509', '-req', '-in', `${who}.csr`, ...signing, '-out', `${who}.pem`);
  };
  const alternatives = names.map((name) => (isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`)).join(',');
  // Servers of a cluster call each other, with the same certificate.
  await issue('server', [`subjectAltName=${alternatives}`, 'extendedKeyUsage=serverAuth,clientAuth']);
  await issue('client', ['extendedKeyUsage=clientAuth']);
  const file = (name: string): string => join(directory, name);
  const text = (name: string): Promise<string> => readFile(file(name), 'utf8');
  return {
    directory,
    ca: await text('ca.pem'),
    caFile: file('ca.pem'),
    serverCert: await text('server.pem'),
    serverCertFile: file('server.pem'),
    serverKey: await text('server.key'),
    serverKeyFile: file('server.key'),
    clientCert: await text('client.pem'),
    clientCertFile: file('client.pem'),
    clientKey: await text('client.key'),
    clientKeyFile: file('client.key'),
  };
}
