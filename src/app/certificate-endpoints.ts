/** The endpoints of a target that speak TLS, by its configuration. Others of its addresses have no certificate to look at. */
import type { TargetConfig } from '#config/config.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import type { TlsEndpoint } from '#systems/http/client.ts';

/** Of one target. */
const MOST_ENDPOINTS = 50;
const REDIS_PORT = 6_379;
const NATS_PORT = 4_222;

export function endpointsOf({ cordum, grpc = [], redis, nats }: TargetConfig): readonly TlsEndpoint[] {
  const endpoints: TlsEndpoint[] = [];
  if (cordum !== undefined && new URL(cordum.url).protocol === 'https:') endpoints.push(endpoint('cordum', new URL(cordum.url), 443, cordum.tls));
  for (const { name, address, tls } of grpc) if (tls !== undefined) endpoints.push(...addressed(`grpc/${name}`, address, 443, tls));
  const redisUrl = redis?.url?.reveal();
  if (redisUrl !== undefined && URL.canParse(redisUrl)) {
    const url = new URL(redisUrl);
    if (url.protocol === 'rediss:' || redis?.tls !== undefined) endpoints.push(endpoint('redis', url, REDIS_PORT, redis?.tls));
  }
  if (redis?.sentinel !== undefined && redis.tls !== undefined) for (const address of redis.sentinel.addresses) endpoints.push(...addressed(`redis/${address}`, address, 26_379, redis.tls));
  const natsUrls = (nats?.url.reveal() ?? '').split(',').map((url) => url.trim()).filter((url) => URL.canParse(url)).map((url) => new URL(url));
  for (const url of natsUrls) {
    if (url.protocol !== 'tls:' && nats?.tls === undefined) continue;
    endpoints.push({ ...endpoint(natsUrls.length === 1 ? 'nats' : `nats/${url.hostname}:${url.port || NATS_PORT}`, url, NATS_PORT, nats?.tls), greeting: 'nats' });
  }
  return endpoints.slice(0, MOST_ENDPOINTS);
}

function endpoint(name: string, { hostname, port }: { readonly hostname: string; readonly port: string }, usual: number, tls: TlsMaterial | undefined): TlsEndpoint {
  const identity = tls?.cert === undefined || tls.key === undefined ? {} : { identity: { cert: tls.cert, key: tls.key } };
  return { name, host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port), greeting: 'none', ...(tls?.serverName === undefined ? {} : { serverName: tls.serverName }), ...(tls?.ca === undefined ? {} : { ca: tls.ca }), ...identity };
}

/** `host:port`, with brackets around an IPv6 address. */
function addressed(name: string, address: string, usual: number, tls: TlsMaterial): TlsEndpoint[] {
  const text = `tcp://${address}`;
  return URL.canParse(text) ? [endpoint(name, new URL(text), usual, tls)] : [];
}
