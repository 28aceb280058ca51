import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Config } from '#config/config.ts';
import { loadConfig, type LoadedConfig } from '#config/load.ts';

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/config/${name}`, import.meta.url), 'utf8');
const CERT = fixture('tls/client.pem');
const KEY = fixture('tls/client.key');
const OTHER_KEY = fixture('tls/other.key');
const LOCKED_KEY = fixture('tls/locked.key');
const CREDS = '-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n';

const FILES: Record<string, string> = {
  'tls/ca.pem': `# the authority\n${CERT}${CERT}`,
  'tls/client.pem': CERT,
  'tls/client.key': KEY,
  'tls/other.key': OTHER_KEY,
  'tls/locked.key': LOCKED_KEY,
  'tls/empty.pem': '',
  'tls/broken.pem': '-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n',
  'secrets/prometheus.token': 'prom-t0ken\n',
  'secrets/sentinel.password': 'sentinel-pa55',
  'secrets/redis.password': 'redis-pa55',
  'secrets/nats.creds': CREDS,
  'secrets/not.creds': 'hello',
};

function load(yaml: string, open: readonly string[] = []): LoadedConfig {
  return loadConfig({
    configPath: 'bot.yaml',
    env: {},
    cwd: '/etc/bot',
    readFile(path) {
      const name = path.replace('/etc/bot/', '');
      const text = name === 'bot.yaml' ? yaml : FILES[name];
      return text === undefined ? { ok: false, missing: true, because: 'it does not exist' } : { ok: true, text, worldReadable: open.includes(name) };
    },
  });
}

function good(yaml: string): Config {
  const loaded = load(yaml);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

/** The mistakes of one target that has this section, without the file's name and the target's path. */
function problems(section: string): readonly string[] {
  const loaded = load(`targets: [{ name: prod, ${section} }]`);
  return loaded.ok ? [] : loaded.problems.map((line) => line.replace('/etc/bot/bot.yaml:1 targets[0].', ''));
}

describe('the systems of a target', () => {
  test('are read with their secrets, certificates and lists', () => {
    const [prod] = good(fixture('systems.yaml')).targets;
    expect(prod?.cordum?.tls).toMatchObject({ ca: FILES['tls/ca.pem'], cert: CERT, serverName: 'cordum.internal' });
    expect(prod?.cordum?.tls?.key?.reveal()).toBe(KEY);
    expect(prod?.prometheus).toMatchObject({ url: 'https://prometheus:9090', tls: {} });
    expect(prod?.prometheus?.bearerToken?.reveal()).toBe('prom-t0ken');
    expect(prod?.alertmanager?.basic?.password.reveal()).toBe('am-pa55word');
    expect(prod?.redis).toMatchObject({ sentinel: { master: 'mymaster', addresses: ['s1:26379', '[::1]:26380'] }, username: 'bot', tls: { ca: FILES['tls/ca.pem'] } });
    expect([prod?.redis?.password?.reveal(), prod?.redis?.sentinel?.password?.reveal()]).toEqual(['redis-pa55', 'sentinel-pa55']);
    expect(prod?.nats?.url.reveal()).toBe('nats://n1:4222,tls://n2:4222');
    expect(prod?.nats?.monitorUrls).toEqual(['http://n1:8222', 'http://n2:8222']);
    expect(prod?.nats?.credentials?.reveal()).toBe(CREDS.trim());
    expect(prod?.kubernetes).toEqual({ namespace: 'cordum', kubeconfig: '/etc/bot/kube/config', context: 'prod', profile: 'helm', release: 'blue', names: { 'safety-kernel': 'blue-kernel' }, replicas: { scheduler: { min: 2, max: 5 } } });
    expect(prod?.grpc).toEqual([{ name: 'safety-kernel', address: 'kernel:50051', tls: { ca: FILES['tls/ca.pem'] } }, { name: 'context-engine', address: 'context:50070' }]);
    expect(prod?.http).toEqual({ allow: ['status.example.com', '10.0.0.7:8443'] });
  });

  test('print without any of their secrets', () => {
    const config = good(fixture('systems.yaml'));
    const printed = inspect(config, { depth: 20 }) + JSON.stringify(config);
    for (const secret of ['ck_1', 'prom-t0ken', 'am-pa55word', 'sentinel-pa55', 'redis-pa55', 'NATS USER JWT', 'PRIVATE KEY']) expect(printed).not.toContain(secret);
  });

  test('take one URL where they take a list', () => {
    const [prod] = good('targets: [{ name: prod, nats: { url: "nats://a:4222,nats://b:4222", monitorUrl: "http://a:8222" } }]').targets;
    expect(prod?.nats?.url.reveal()).toBe('nats://a:4222,nats://b:4222');
    expect(prod?.nats?.monitorUrls).toEqual(['http://a:8222']);
  });

  test('warn of a key that every user can read, and not of a certificate', () => {
    const loaded = load('targets: [{ name: prod, grpc: [{ name: kernel, address: "k:1", tls: { certFile: tls/client.pem, keyFile: tls/client.key } }] }]', ['tls/client.pem', 'tls/client.key']);
    expect(loaded).toMatchObject({ ok: true, warnings: ['/etc/bot/bot.yaml:1 targets[0].grpc[0].tls.keyFile: every user of this machine can read /etc/bot/tls/client.key: chmod 600 it'] });
  });
});

describe('a mistake in a system', () => {
  const tls = (section: string): string => `grpc: [{ name: kernel, address: "k:1", tls: { ${section} } }]`;

  test.each<[string, string, string]>([
    ['a certificate file that is missing', tls('caFile: none.pem'), 'grpc[0].tls.caFile: expected a file that can be read: /etc/bot/none.pem: it does not exist'],
    ['a file that is no certificate', tls('caFile: tls/empty.pem'), 'grpc[0].tls.caFile: expected a certificate in PEM form (-----BEGIN CERTIFICATE-----) in /etc/bot/tls/empty.pem'],
    ['PEM around something else', tls('caFile: tls/broken.pem'), 'grpc[0].tls.caFile: expected a certificate in PEM form (-----BEGIN CERTIFICATE-----) in /etc/bot/tls/broken.pem'],
    ['a key for the authorities', tls('caFile: tls/client.key'), 'grpc[0].tls.caFile: expected a certificate in PEM form (-----BEGIN CERTIFICATE-----) in /etc/bot/tls/client.key'],
    ['a certificate without its key', tls('certFile: tls/client.pem'), 'grpc[0].tls.certFile: expected keyFile beside it: a certificate is used with its key'],
    ['a key without its certificate', tls('keyFile: tls/client.key'), 'grpc[0].tls.keyFile: expected certFile beside it: a key is used with its certificate'],
    ['the key of another certificate', tls('certFile: tls/client.pem, keyFile: tls/other.key'), 'grpc[0].tls.keyFile: expected the key that belongs to the certificate in certFile'],
    ['a key with a passphrase', tls('certFile: tls/client.pem, keyFile: tls/locked.key'), 'grpc[0].tls.keyFile: expected a private key without a passphrase in /etc/bot/tls/locked.key'],
    ['a certificate for the key', tls('certFile: tls/client.pem, keyFile: tls/client.pem'), 'grpc[0].tls.keyFile: expected a private key in PEM form (-----BEGIN PRIVATE KEY-----) in /etc/bot/tls/client.pem'],
    ['a misspelt key of tls', tls('cafile: x'), 'grpc[0].tls.cafile: unknown key; did you mean "caFile"?'],
    ['TLS beside http', 'prometheus: { url: "http://p:9090", tls: {} }', 'prometheus.tls: expected https:// in url beside it: without, nothing is encrypted'],
    ['TLS beside redis://', 'redis: { url: "redis://r:6379", tls: {} }', 'redis.tls: expected rediss:// in url beside it: without, nothing is encrypted'],
    ['two ways to log in', 'prometheus: { url: "http://p:9090", bearerToken: x, basic: { username: u, password: p } }', 'prometheus.basic: expected either basic or bearerToken, not both'],
    ['a user without password', 'alertmanager: { url: "http://a:9093", basic: { username: u } }', 'alertmanager.basic: expected password or passwordFile'],
    ['a Redis from nowhere', 'redis: {}', 'redis: expected url or sentinel'],
    ['a Redis from two places', 'redis: { url: "redis://r:6379", sentinel: { master: m, addresses: ["s:1"] } }', 'redis.sentinel: expected either url or sentinel, not both'],
    ['a Redis that is HTTP', 'redis: { url: "http://r:6379" }', 'redis.url: expected a URL such as redis://host:6379'],
    ['a password twice', 'redis: { url: "redis://:x@r:6379", passwordFile: secrets/redis.password }', 'redis.passwordFile: expected the password here or in url, not both'],
    ['a Sentinel without port', 'redis: { sentinel: { master: m, addresses: [s1] } }', 'redis.sentinel.addresses[0]: expected HOST:PORT, such as redis-sentinel:26379'],
    ['a NATS that is HTTP', 'nats: { url: "http://n:4222" }', 'nats.url: expected a URL such as nats://host:4222, or a list of them'],
    ['a number for NATS', 'nats: { url: 4222 }', 'nats.url: expected a URL such as nats://host:4222, or a list of them'],
    ['monitoring without scheme', 'nats: { url: "nats://n:4222", monitorUrl: "n:8222" }', 'nats.monitorUrl: expected a URL such as http://host:8222, or a list of them'],
    ['NATS with a token and a user', 'nats: { url: "nats://n:4222", token: x, username: u, password: p }', 'nats: expected one way to log in: username with password, token, or credentialsFile'],
    ['a NATS password without user', 'nats: { url: "nats://n:4222", password: p }', 'nats.password: expected username beside it'],
    ['a file that is no .creds', 'nats: { url: "nats://n:4222", credentialsFile: secrets/not.creds }', 'nats.credentialsFile: expected a .creds file, which holds -----BEGIN NATS USER JWT-----'],
    ['an unknown service', 'kubernetes: { namespace: cordum, names: { kernel: k } }', 'kubernetes.names.kernel: expected one of api-gateway, scheduler, workflow-engine, safety-kernel, context-engine, dashboard, redis, nats, redis-backup, nats-backup, backup-retention'],
    ['a namespace with a slash', 'kubernetes: { namespace: "a/b" }', 'kubernetes.namespace: expected the name of a namespace: lower case letters, digits and -'],
    ['an unknown profile', 'kubernetes: { namespace: cordum, profile: kustomise }', 'kubernetes.profile: expected one of kustomize, helm'],
    ['a max below min', 'kubernetes: { namespace: cordum, replicas: { scheduler: { min: 3, max: 2 } } }', 'kubernetes.replicas.scheduler: expected a max that is not below min'],
    ['half a replica', 'kubernetes: { namespace: cordum, replicas: { scheduler: { min: 0.5, max: 2 } } }', 'kubernetes.replicas.scheduler.min: expected a whole number'],
    ['a gRPC service twice', 'grpc: [{ name: a, address: "a:1" }, { name: a, address: "b:1" }]', 'grpc[1].name: expected a name of its own: this one is that of grpc[0]'],
    ['a gRPC address with a scheme', 'grpc: [{ name: a, address: "http://a:1" }]', 'grpc[0].address: expected HOST:PORT, such as safety-kernel:50051'],
    ['a port that does not exist', 'grpc: [{ name: a, address: "a:65536" }]', 'grpc[0].address: expected HOST:PORT, such as safety-kernel:50051'],
    ['a path among the hosts', 'http: { allow: ["host/path"] }', 'http.allow[0]: expected a host or HOST:PORT, without scheme and path'],
    ['a wildcard among the hosts', 'http: { allow: ["*.example.com"] }', 'http.allow[0]: expected a host or HOST:PORT, without scheme and path'],
  ])('%s', (_what, section, line) => {
    expect(problems(section)).toEqual([line]);
  });
});

describe('the directory of backups', () => {
  const target = (yaml: string) => {
    const loaded = load(`targets:\n  - { name: prod, ${yaml} }\n`);
    return loaded.ok ? loaded.config.targets[0] : loaded.problems.join('\n');
  };

  test('is found from the file, and its sets are kept for seven days unless told', () => {
    expect(target('backups: backups')).toMatchObject({ backups: expect.stringMatching(/^\/.+\/backups$/) as string, backupRetentionMs: 7 * 86_400_000 });
    expect(target('backups: /backups, backupRetention: 30d')).toMatchObject({ backupRetentionMs: 30 * 86_400_000 });
    expect(target('match: {}')).not.toHaveProperty('backupRetentionMs');
    expect(target('backups: /backups, backupRetention: 0d')).toContain('targets[0].backupRetention: expected a duration');
  });
});
