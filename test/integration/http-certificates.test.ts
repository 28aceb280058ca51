import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { createHttpClient, type TlsEndpoint } from '#systems/http/client.ts';
import { certificatesList } from '#systems/http/steps/certificates-list.ts';
import { makeCertificates } from '../kit/servers/certificates.ts';
import { startNats } from '../kit/servers/nats.ts';
import { freePort } from '../kit/servers/port.ts';
import { startRedis } from '../kit/servers/redis.ts';
import { read } from '../kit/step-context.ts';

const LOCAL = ['localhost', '127.0.0.1'];

const look = async (endpoints: readonly TlsEndpoint[], input: object = {}): Promise<unknown> => {
  const client = createHttpClient({ allow: [], endpoints, clock: systemClock });
  onTestFinished(() => client.close());
  return read(certificatesList, input, client);
};
const at = (name: string, address: string, more: Partial<TlsEndpoint> = {}): TlsEndpoint => ({ name, host: '127.0.0.1', port: Number(address.split(':').at(-1)), greeting: 'none', ...more });

describe('the certificates of the addresses of a target', () => {
  it('are judged by time, name and the authority of the target, the one that ends first coming first', async () => {
    const [good, short] = [await makeCertificates({ names: LOCAL }), await makeCertificates({ names: LOCAL, expiresInDays: 10 })];
    const redis = await startRedis({ tls: { certificates: good, mutual: true } });
    const nats = await startNats({ tls: short });
    const identity = { cert: good.clientCert, key: new Secret(good.clientKey) };
    const shown = await look([
      at('redis', redis.address, { ca: good.ca, identity }),
      at('nats', nats.address, { greeting: 'nats', ca: short.ca }),
      at('other', redis.address, { ca: short.ca, identity, serverName: 'elsewhere.example' }),
    ], { soonDays: 14 });
    expect(shown).toMatchObject({
      total: 3, seen: 3, unseen: 0, expired: 0, expiringSoon: 1, allGood: false,
      items: [
        { endpoint: 'nats', good: false, expiresSoon: true, trusted: true, nameMatches: true },
        { endpoint: 'other', good: false, expiresSoon: false, trusted: false, nameMatches: false },
        { endpoint: 'redis', good: true, expiresSoon: false, trusted: true, nameMatches: true, why: '' },
      ],
    });
  });

  it('say why where there is no handshake, and do not hide the others by it', async () => {
    const plain = await startNats();
    const shown = await look([at('gone', `127.0.0.1:${await freePort()}`), at('plain', plain.address), at('metadata', '169.254.169.254:443', { host: '169.254.169.254' })], { withinMs: 2_000 });
    expect(shown).toMatchObject({ total: 3, seen: 0, allGood: false, soonestDays: 0 });
    expect(shown).toHaveProperty('items', expect.arrayContaining([expect.objectContaining({ endpoint: 'gone', cause: 'refused', seen: false }), expect.objectContaining({ endpoint: 'plain', cause: 'plaintextExpected', seen: false }), expect.objectContaining({ endpoint: 'metadata', seen: false, why: expect.stringContaining('never asked') })]));
  });

  it('are none where nothing speaks TLS, which is not called good', async () => {
    expect(await look([])).toMatchObject({ total: 0, allGood: false, say: 'No address of the target speaks TLS, by its configuration.' });
  });
});
