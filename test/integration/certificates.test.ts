import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../kit/servers/certificates.ts';

describe('the certificates of the kit', () => {
  it('are signed by their authority and carry the names asked for', async () => {
    const made = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    const server = new X509Certificate(made.serverCert);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    const authority = new X509Certificate(made.ca).publicKey;
    expect(server.verify(authority)).toBe(true);
    expect(new X509Certificate(made.clientCert).verify(authority)).toBe(true);
  });

  it('may have expired already', async () => {
    const { serverCert } = await makeCertificates({ names: ['localhost'], expiresInDays: -1 });
    expect(new X509Certificate(serverCert).validToDate.getTime()).toBeLessThan(Date.now());
  });
});
