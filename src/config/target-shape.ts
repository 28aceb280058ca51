import { z } from 'zod';
import { duration, text, httpUrl, labels, parseUrl, path } from './values.ts';

/** The YAML of one target: what it is called, which alerts are its own, and how each of its systems is reached. */

const MOST_ADDRESSES = 50;
/** Servers of one NATS whose monitoring is asked. */
const MOST_MONITORS = 16;
const MOST_HOSTS = 200;
const MOST_GRPC = 50;
/** What cordum-backup-retention of the production overlay leaves: it deletes what is older than seven days (cordum.md, CronJobs). */
const BACKUP_RETENTION_MS = 7 * 24 * 3_600_000;
/** More replicas of one service than this are a slip of the finger. */
const MOST_REPLICAS = 1_000;

/** The services of a Cordum installation, as runbooks name them. */
const SERVICES = ['api-gateway', 'scheduler', 'workflow-engine', 'safety-kernel', 'context-engine', 'dashboard', 'redis', 'nats'] as const;

/** Its CronJobs, which may have other names as well. */
const BACKUPS = ['redis-backup', 'nats-backup', 'backup-retention'] as const;

const KUBERNETES_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const kubernetesName = text.regex(KUBERNETES_NAME, 'expected a name as Kubernetes has them: lower case letters, digits, - and .');

const HOST = String.raw`(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})?)`;
const HOST_PORT = new RegExp(`^${HOST}:(?<port>[0-9]{1,5})$`);
const HOST_MAYBE_PORT = new RegExp(`^${HOST}(?::(?<port>[0-9]{1,5}))?$`);

function isPort(port: string | undefined): boolean {
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

function hostPort(example: string) {
  return text.refine((value) => HOST_PORT.test(value) && isPort(HOST_PORT.exec(value)?.groups?.['port']), `expected HOST:PORT, such as ${example}`);
}

function urlOf(example: string, ...schemes: string[]) {
  return text.refine((value) => isUrlOf(value, schemes), `expected a URL such as ${example}`);
}

function isUrlOf(value: string, schemes: readonly string[]): boolean {
  const url = parseUrl(value);
  return url !== undefined && schemes.includes(url.protocol) && url.hostname !== '';
}

const NATS_SCHEMES = ['nats:', 'tls:'];
const NATS_EXPECTED = 'expected a URL such as nats://host:4222, or a list of them';
const oneNatsUrl = text.refine((value) => value.split(',').every((part) => isUrlOf(part.trim(), NATS_SCHEMES)), NATS_EXPECTED);

/** `{}` speaks TLS with the authorities of the machine. */
const tls = z.strictObject({ caFile: path.optional(), certFile: path.optional(), keyFile: path.optional(), serverName: text.optional() }, 'expected keys and values');

const httpEndpoint = z.strictObject({
  url: httpUrl,
  bearerToken: text.optional(),
  bearerTokenFile: path.optional(),
  basic: z.strictObject({ username: text, password: text.optional(), passwordFile: path.optional() }).optional(),
  tls: tls.optional(),
});

const redis = z.strictObject({
  url: urlOf('redis://host:6379', 'redis:', 'rediss:').optional(),
  sentinel: z
    .strictObject({
      master: text.regex(/^[A-Za-z0-9._-]{1,128}$/, 'expected the name that the Sentinels give the master, such as mymaster'),
      addresses: z.array(hostPort('redis-sentinel:26379'), 'expected a list of HOST:PORT').min(1, 'expected at least one HOST:PORT').max(MOST_ADDRESSES),
      password: text.optional(),
      passwordFile: path.optional(),
    })
    .optional(),
  username: text.optional(),
  password: text.optional(),
  passwordFile: path.optional(),
  tls: tls.optional(),
});

const nats = z.strictObject({
  url: z.union([oneNatsUrl, z.array(oneNatsUrl).min(1, NATS_EXPECTED).max(MOST_ADDRESSES)], NATS_EXPECTED),
  monitorUrl: z.union([httpUrl, z.array(httpUrl).max(MOST_MONITORS)], 'expected a URL such as http://host:8222, or a list of them').optional(),
  username: text.optional(),
  password: text.optional(),
  passwordFile: path.optional(),
  token: text.optional(),
  tokenFile: path.optional(),
  credentialsFile: path.optional(),
  tls: tls.optional(),
});

const oneOf = (names: readonly string[]) => text.refine((name) => names.includes(name), `expected one of ${names.join(', ')}`);
const count = z.int('expected a whole number').min(0, 'expected 0 or more').max(MOST_REPLICAS, `expected at most ${MOST_REPLICAS}`);

const kubernetes = z.strictObject({
  namespace: text.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected the name of a namespace: lower case letters, digits and -'),
  kubeconfig: path.optional(),
  context: text.optional(),
  profile: z.enum(['kustomize', 'helm']).default('kustomize'),
  release: text.regex(/^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/, 'expected the name of a Helm release: lower case letters, digits and -').optional(),
  names: z.record(oneOf([...SERVICES, ...BACKUPS]), kubernetesName).default({}),
  replicas: z.record(oneOf(SERVICES), z.strictObject({ min: count, max: count }).refine(({ min, max }) => min <= max, 'expected a max that is not below min')).default({}),
});

const grpc = z.strictObject({
  name: text.regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a name of lower case letters, digits and -, such as safety-kernel'),
  address: hostPort('safety-kernel:50051'),
  tls: tls.optional(),
});

const allowedHost = text.refine((value) => HOST_MAYBE_PORT.test(value) && isPort(HOST_MAYBE_PORT.exec(value)?.groups?.['port']), 'expected a host or HOST:PORT, without scheme and path');

export const targetShape = z.strictObject({
  name: text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'expected a name of letters, digits and . _ -'),
  match: labels.default({}),
  cordum: z.strictObject({ url: httpUrl, apiKey: text.optional(), apiKeyFile: path.optional(), tenant: text.regex(/^[\u0021-\u007e]+$/, 'expected letters, digits and signs of ASCII alone, without blanks').default('default'), tls: tls.optional() }).optional(),
  prometheus: httpEndpoint.optional(),
  alertmanager: httpEndpoint.optional(),
  redis: redis.optional(),
  nats: nats.optional(),
  kubernetes: kubernetes.optional(),
  grpc: z.array(grpc, 'expected a list of { name, address }').max(MOST_GRPC).optional(),
  /** The directory of this target's backups. */
  backups: path.optional(),
  backupRetention: duration.default(BACKUP_RETENTION_MS),
  http: z.strictObject({ allow: z.array(allowedHost, 'expected a list of hosts').max(MOST_HOSTS) }).optional(),
});

export type TargetYaml = z.output<typeof targetShape>;
export type TlsYaml = z.output<typeof tls>;
