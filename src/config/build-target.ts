import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import type { Path } from '#language/document.ts';
import type { Building } from './building.ts';
import type { HttpEndpoint, KubernetesTarget, NatsTarget, RedisTarget, TargetConfig } from './config.ts';
import type { TargetYaml, TlsYaml } from './target-shape.ts';
import { buildTls } from './tls.ts';
import { parseUrl } from './values.ts';

/** From the written sections of one target to those of `TargetConfig`. A section that lacks its secret is a mistake, and left out. */
export function buildTarget(written: TargetYaml, path: Path, building: Building): TargetConfig {
  const at = (key: string): Path => [...path, key];
  const cordum = written.cordum && buildCordum(written.cordum, at('cordum'), building);
  const prometheus = written.prometheus && buildEndpoint(written.prometheus, at('prometheus'), building);
  const alertmanager = written.alertmanager && buildEndpoint(written.alertmanager, at('alertmanager'), building);
  return {
    name: written.name,
    match: written.match,
    ...(cordum === undefined ? {} : { cordum }),
    ...(prometheus === undefined ? {} : { prometheus }),
    ...(alertmanager === undefined ? {} : { alertmanager }),
    ...(written.redis === undefined ? {} : { redis: buildRedis(written.redis, at('redis'), building) }),
    ...(written.nats === undefined ? {} : { nats: buildNats(written.nats, at('nats'), building) }),
    ...(written.kubernetes === undefined ? {} : { kubernetes: buildKubernetes(written.kubernetes, building) }),
    ...(written.grpc === undefined ? {} : { grpc: buildGrpc(written.grpc, at('grpc'), building) }),
    ...(written.backups === undefined ? {} : { backups: building.resolvePath(written.backups), backupRetentionMs: written.backupRetention }),
    ...(written.http === undefined ? {} : { http: written.http }),
  };
}

function buildCordum(section: NonNullable<TargetYaml['cordum']>, path: Path, building: Building): TargetConfig['cordum'] {
  if (section.apiKey === undefined && section.apiKeyFile === undefined) building.mistakes.push({ path: [...path, 'apiKeyFile'], expected: 'expected the file that holds the API key of Cordum (or apiKey)' });
  const apiKey = headerSecret(section, path, 'apiKey', building);
  const tls = httpsTls(section, path, building);
  return apiKey === undefined ? undefined : { url: section.url, tenant: section.tenant, apiKey, ...tls };
}

function buildEndpoint(section: NonNullable<TargetYaml['prometheus']>, path: Path, building: Building): HttpEndpoint {
  const { secrets, mistakes } = building;
  const bearerToken = headerSecret(section, path, 'bearerToken', building);
  const { basic } = section;
  if (basic !== undefined && (section.bearerToken ?? section.bearerTokenFile) !== undefined) mistakes.push({ path: [...path, 'basic'], expected: 'expected either basic or bearerToken, not both' });
  if (basic !== undefined && basic.password === undefined && basic.passwordFile === undefined) mistakes.push({ path: [...path, 'basic'], expected: 'expected password or passwordFile' });
  const password = basic === undefined ? undefined : secrets.read(basic, [...path, 'basic'], 'password');
  return {
    url: section.url,
    ...(bearerToken === undefined ? {} : { bearerToken }),
    ...(basic === undefined || password === undefined ? {} : { basic: { username: basic.username, password } }),
    ...httpsTls(section, path, building),
  };
}

/** It goes out in a header, where a blank, a line break or an umlaut would make every call fail. */
function headerSecret(section: object, path: Path, key: string, { secrets, mistakes }: Building): Secret | undefined {
  const secret = secrets.read(section, path, key);
  if (secret === undefined || /^[\u0021-\u007e]+$/.test(secret.reveal())) return secret;
  mistakes.push({ path: [...path, Object.hasOwn(section, key) ? key : `${key}File`], expected: 'expected letters, digits and signs of ASCII alone, without blanks and line breaks' });
  return undefined;
}

function httpsTls(section: { readonly url: string; readonly tls?: TlsYaml | undefined }, path: Path, building: Building): { readonly tls?: TlsMaterial } {
  if (section.tls !== undefined && parseUrl(section.url)?.protocol !== 'https:') building.mistakes.push({ path: [...path, 'tls'], expected: 'expected https:// in url beside it: without, nothing is encrypted' });
  return tlsOf(section.tls, path, building);
}

function tlsOf(section: TlsYaml | undefined, path: Path, building: Building): { readonly tls?: TlsMaterial } {
  const tls = buildTls(section, [...path, 'tls'], building);
  return tls === undefined ? {} : { tls };
}

function buildRedis(section: NonNullable<TargetYaml['redis']>, path: Path, building: Building): RedisTarget {
  const { mistakes, secrets } = building;
  const { url, sentinel, username } = section;
  const password = secrets.read(section, path, 'password');
  if (url === undefined && sentinel === undefined) mistakes.push({ path, expected: 'expected url or sentinel' });
  if (url !== undefined && sentinel !== undefined) mistakes.push({ path: [...path, 'sentinel'], expected: 'expected either url or sentinel, not both' });
  const inUrl = url === undefined ? undefined : parseUrl(url);
  if (inUrl !== undefined && inUrl.password !== '' && (section.password ?? section.passwordFile) !== undefined) mistakes.push({ path: [...path, section.password === undefined ? 'passwordFile' : 'password'], expected: 'expected the password here or in url, not both' });
  if (section.tls !== undefined && inUrl !== undefined && inUrl.protocol !== 'rediss:') mistakes.push({ path: [...path, 'tls'], expected: 'expected rediss:// in url beside it: without, nothing is encrypted' });
  if (username !== undefined && (section.password ?? section.passwordFile) === undefined) mistakes.push({ path: [...path, 'username'], expected: 'expected password or passwordFile beside it' });
  const sentinelPassword = sentinel === undefined ? undefined : secrets.read(sentinel, [...path, 'sentinel'], 'password');
  return {
    ...(url === undefined ? {} : { url: new Secret(url) }),
    ...(sentinel === undefined ? {} : { sentinel: { master: sentinel.master, addresses: sentinel.addresses, ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }) } }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...tlsOf(section.tls, path, building),
  };
}

function buildNats(section: NonNullable<TargetYaml['nats']>, path: Path, building: Building): NatsTarget {
  const { mistakes, secrets } = building;
  const { username } = section;
  const password = secrets.read(section, path, 'password');
  const token = secrets.read(section, path, 'token');
  const credentials = secrets.read(section, path, 'credentials');
  if (credentials !== undefined && !credentials.reveal().includes('BEGIN NATS USER JWT')) mistakes.push({ path: [...path, 'credentialsFile'], expected: 'expected a .creds file, which holds -----BEGIN NATS USER JWT-----' });
  const written = (key: 'password' | 'token'): boolean => (section[key] ?? section[`${key}File`]) !== undefined;
  if (username !== undefined && !written('password')) mistakes.push({ path: [...path, 'username'], expected: 'expected password or passwordFile beside it' });
  if (username === undefined && written('password')) mistakes.push({ path: [...path, section.password === undefined ? 'passwordFile' : 'password'], expected: 'expected username beside it' });
  const ways = [username !== undefined, written('token'), section.credentialsFile !== undefined].filter(Boolean).length;
  if (ways > 1) mistakes.push({ path, expected: 'expected one way to log in: username with password, token, or credentialsFile' });
  return {
    url: new Secret([section.url].flat().join(',')),
    monitorUrls: section.monitorUrl === undefined ? [] : [section.monitorUrl].flat(),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
    ...(credentials === undefined ? {} : { credentials }),
    ...tlsOf(section.tls, path, building),
  };
}

function buildKubernetes({ kubeconfig, context, release, ...rest }: NonNullable<TargetYaml['kubernetes']>, { resolvePath }: Building): KubernetesTarget {
  return {
    ...rest,
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolvePath(kubeconfig) }),
    ...(context === undefined ? {} : { context }),
    ...(release === undefined ? {} : { release }),
  };
}

function buildGrpc(services: NonNullable<TargetYaml['grpc']>, path: Path, building: Building): NonNullable<TargetConfig['grpc']> {
  const seen = new Map<string, number>();
  return services.map(({ name, address, tls }, i) => {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, i);
    else building.mistakes.push({ path: [...path, i, 'name'], expected: `expected a name of its own: this one is that of grpc[${first}]` });
    return { name, address, ...tlsOf(tls, [...path, i], building) };
  });
}
