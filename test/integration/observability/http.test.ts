import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createHttpClient } from '#systems/http/client.ts';
import { certificateGet } from '#systems/http/steps/certificate-get.ts';
import { urlGet } from '#systems/http/steps/url-get.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { freePort } from '../../kit/servers/port.ts';
import { read, tryRead } from '../../kit/step-context.ts';

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const serve = (answer: RequestListener): Promise<number> => listen(createServer(answer));
const client = createHttpClient({ allow: ['127.0.0.1', 'localhost', 'no-such-host.invalid'], clock: systemClock });

describe('http.url.get', () => {
  it('gives status, fields and what was expected, without secrets', async () => {
    const port = await serve((request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url, method: request.method, build: { version: '0.9.1' }, token: 'very-secret-value', up: true }));
    });
    const answer = await read(urlGet, { url: `http://localhost:${port}/health?a=1`, contains: ['0.9.1'], fields: [{ name: 'version', path: 'build.version' }, { name: 'token', path: 'token' }, { name: 'none', path: 'x.y' }] }, client);
    expect(answer).toMatchObject({
      reachable: true, matched: true, status: 200, json: true, truncated: false, note: 'What looks like a secret was taken out.',
      fields: [{ name: 'version', value: '0.9.1' }, { name: 'token', value: '[redacted]' }, { name: 'none', seen: false }],
    });
    expect(answer['body']).toContain('"method":"GET"');
    expect(JSON.stringify(answer)).not.toContain('very-secret-value');
    expect(await read(urlGet, { url: `http://127.0.0.1:${port}/`, contains: ['missing'] }, client)).toMatchObject({ matched: false, status: 200 });
    expect(await read(urlGet, { url: `http://127.0.0.1:${port}/`, status: 503 }, client)).toMatchObject({ matched: false, reachable: true });
  });

  it('does not follow a redirect, wherever it leads', async () => {
    let asked = 0;
    const inner = await serve((_request, response) => {
      asked += 1;
      response.end('inner');
    });
    const port = await serve((_request, response) => response.writeHead(302, { location: `http://127.0.0.1:${inner}/` }).end());
    expect(await read(urlGet, { url: `http://127.0.0.1:${port}/` }, client)).toMatchObject({ matched: false, status: 302, location: `http://127.0.0.1:${inner}/`, note: expect.stringContaining('not followed') });
    expect(asked).toBe(0);
  });

  it('cuts a long answer, and one without an end', async () => {
    const port = await serve((_request, response) => {
      const more = (): void => {
        while (response.write('ä'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    });
    const answer = await read(urlGet, { url: `http://127.0.0.1:${port}/`, fields: [{ name: 'a', path: 'a' }] }, client);
    expect(answer).toMatchObject({ truncated: true, json: false, fields: [{ seen: false }] });
    expect((answer['body'] as string).length).toBe(32_768);
    expect(answer['body']).not.toContain('\ufffd');
  });

  it('says why nobody answers', async () => {
    expect(await read(urlGet, { url: `http://127.0.0.1:${await freePort()}/` }, client)).toMatchObject({ reachable: false, cause: 'refused', matched: false, status: 0 });
    expect(await read(urlGet, { url: 'http://no-such-host.invalid/' }, client)).toMatchObject({ reachable: false, cause: 'nameNotFound' });
    const hanging = await serve(() => {});
    expect(await read(urlGet, { url: `http://127.0.0.1:${hanging}/`, withinMs: 200 }, client)).toMatchObject({ reachable: false, cause: 'timeout' });
    const silent = await listen(createTcp(() => {}));
    expect(await read(urlGet, { url: `https://127.0.0.1:${silent}/`, withinMs: 300 }, client)).toMatchObject({ reachable: false, cause: 'timeout' });
    const plain = await serve((_request, response) => response.end());
    expect(await read(urlGet, { url: `https://127.0.0.1:${plain}/` }, client)).toMatchObject({ reachable: false, cause: 'plaintextExpected' });
    const own = await makeCertificates({ names: ['127.0.0.1'] });
    const https = await listen(createHttps({ key: own.serverKey, cert: own.serverCert }, (_request, response) => response.end()));
    expect(await read(urlGet, { url: `https://127.0.0.1:${https}/` }, client)).toMatchObject({ reachable: false, cause: 'tlsUntrusted' });
    const rude = await listen(createTcp((socket) => socket.destroy()));
    expect(await read(urlGet, { url: `http://127.0.0.1:${rude}/` }, client)).toMatchObject({ reachable: false, cause: 'reset' });
  });
});

describe('http.certificate.get', () => {
  it('shows how long a certificate lasts, for which names, and that a private authority is not trusted', async () => {
    const own = await makeCertificates({ names: ['localhost', 'gateway'], expiresInDays: 20 });
    const port = await listen(createHttps({ key: own.serverKey, cert: own.serverCert }));
    expect(await read(certificateGet, { endpoint: `localhost:${port}` }, client)).toMatchObject({
      reachable: true, seen: true, valid: true, expired: false, expiresSoon: true, daysLeft: 19, nameMatches: true, trusted: false, issuer: 'CN=Test authority', names: [{ name: 'localhost' }, { name: 'gateway' }], protocol: 'TLSv1.3',
    });
    expect(await read(certificateGet, { endpoint: `127.0.0.1:${port}`, soonDays: 5 }, client)).toMatchObject({ valid: false, nameMatches: false, expiresSoon: false });
    expect(await read(certificateGet, { endpoint: `127.0.0.1:${port}`, serverName: 'gateway' }, client)).toMatchObject({ valid: true, nameMatches: true });
  });

  it('says that one has expired, also where the server demands a client certificate', async () => {
    const own = await makeCertificates({ names: ['localhost'], expiresInDays: -1 });
    const port = await listen(createHttps({ key: own.serverKey, cert: own.serverCert, requestCert: true, ca: own.ca }));
    expect(await read(certificateGet, { endpoint: `localhost:${port}` }, client)).toMatchObject({ seen: true, valid: false, expired: true, expiresSoon: true, nameMatches: true });
  });

  it('waits for the greeting of NATS before it begins TLS', async () => {
    const own = await makeCertificates({ names: ['localhost'] });
    const port = await listen(
      createTcp((socket) => {
        socket.write('INFO {"tls_required":true}\r\n');
        new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ key: own.serverKey, cert: own.serverCert }) }).on('error', () => {});
      }),
    );
    expect(await read(certificateGet, { endpoint: `localhost:${port}`, greeting: 'nats' }, client)).toMatchObject({ seen: true, valid: true });
    expect(await read(certificateGet, { endpoint: `localhost:${port}` }, client)).toMatchObject({ reachable: false, cause: 'plaintextExpected', seen: false, valid: false });
  });

  it('is refused for hosts that are not in the list, and says when nobody is there', async () => {
    expect(await tryRead(certificateGet, { endpoint: 'example.com:443' }, client)).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(await tryRead(certificateGet, { endpoint: '169.254.169.254:443' }, createHttpClient({ allow: ['169.254.169.254'], clock: systemClock }))).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(await read(certificateGet, { endpoint: `127.0.0.1:${await freePort()}` }, client)).toMatchObject({ reachable: false, cause: 'refused' });
    const silent = await listen(createTcp(() => {}));
    expect(await read(certificateGet, { endpoint: `127.0.0.1:${silent}`, withinMs: 200 }, client)).toMatchObject({ reachable: false, cause: 'timeout' });
    const rude = await listen(createTcp((socket) => socket.destroy()));
    expect(await read(certificateGet, { endpoint: `127.0.0.1:${rude}` }, client)).toMatchObject({ reachable: false, cause: 'reset' });
  });
});
