/**
 * How the bot gets into a cluster: the kubeconfig or the pod's service account, read by the Kubernetes library (tokens,
 * certificates, exec plugins, OIDC), and a pool of connections of our own, because the library opens a new TLS connection for
 * every call. Whatever is wrong here ends in a sentence that says what to do and holds nothing of the file.
 */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import type { Agent, Dispatcher, ProxyAgent } from 'undici';
import { codeOf, quote } from './failure.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** The library waits for a plugin for ever. */
const PLUGIN_TIMEOUT_MS = 30_000;
/** Sockets to one API server. */
const MOST_CONNECTIONS = 8;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export interface Access {
  /** Scheme, host, port and, behind some proxies, a path; without a slash at the end. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

export interface AccessParts {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export interface AccessKeeper {
  /**
   * The address, with credentials that are fresh: tokens and plugins have their own lives. The message of a failure ends the
   * sentence "Kubernetes was not asked to list pods: …".
   */
  get(): Promise<Result<Access>>;
  /** Reads the kubeconfig again at the next call: the credentials were refused, so somebody may have renewed them. */
  forget(): void;
  close(): Promise<void>;
}

interface Tls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export function createAccess(parts: AccessParts): AccessKeeper {
  let loaded: KubeConfig | undefined;
  let pool: { readonly key: string; readonly dispatcher: Agent | ProxyAgent } | undefined;
  /** Calls that begin together ask a plugin once. */
  let asking: Promise<Result<Access>> | undefined;
  let plugins = new AbortController();

  const load = async (): Promise<Result<Access>> => {
    if (loaded === undefined) {
      const read = await readConfig(parts, () => plugins.signal);
      if (!read.ok) return read;
      loaded = read.value;
    }
    const asked = await credentials(loaded, parts);
    if (!asked.ok) return asked;
    const { base, headers, tls, proxy } = asked.value;
    const key = JSON.stringify([base, proxy, Object.entries(tls).map(([name, value]) => [name, String(value)])]);
    if (pool?.key !== key) {
      const old = pool?.dispatcher;
      pool = { key, dispatcher: await createPool(tls, proxy) };
      // Calls that are under way on the old certificate may finish. Nobody waits for its end, so that it ends badly concerns nobody.
      old?.close().catch(() => {});
    }
    return succeed({ base, headers, dispatcher: pool.dispatcher });
  };

  return {
    async get() {
      asking ??= load().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    forget() {
      loaded = undefined;
    },
    async close() {
      // A plugin that waits for somebody must not keep the bot from ending.
      plugins.abort();
      plugins = new AbortController();
      const { dispatcher } = pool ?? {};
      pool = undefined;
      await dispatcher?.destroy();
    },
  };
}

async function createPool(tls: Tls, proxy: string | undefined): Promise<Agent | ProxyAgent> {
  const undici = await import('undici');
  const shared = { connections: MOST_CONNECTIONS, pipelining: 1 };
  if (proxy !== undefined) return new undici.ProxyAgent({ uri: proxy, requestTls: { ...tls, timeout: CONNECT_TIMEOUT_MS }, ...shared });
  return new undici.Agent({ ...shared, connect: { ...tls, timeout: CONNECT_TIMEOUT_MS } });
}

async function readConfig({ kubeconfig, context }: AccessParts, closed: () => AbortSignal): Promise<Result<KubeConfig>> {
  const { KubeConfig: Library } = await import('@kubernetes/client-node');
  const config = new Library();
  boundPlugins(config, closed);
  if (kubeconfig === undefined) {
    config.loadFromCluster();
    const server = config.getCurrentCluster()?.server ?? '';
    // The library builds the address from two variables of the environment and writes "undefined" where there are none.
    if (server.includes('//undefined')) return fail('unauthorised', 'the bot does not run in a pod of a cluster and no kubeconfig is given: set kubernetes.kubeconfig of the target');
    return succeed(config);
  }
  try {
    // Beside the real file stand the certificates that it names.
    config.loadFromFile(realpathSync(kubeconfig));
  } catch (error) {
    return fail('unauthorised', `the kubeconfig ${kubeconfig} ${unreadableBecause(error)}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return checked(config, kubeconfig);
}

/** The library takes a kubeconfig with holes and fails later in odd ways: without a user it even forgets the CA. */
function checked(config: KubeConfig, file: string): Result<KubeConfig> {
  const name = config.getCurrentContext() as string | undefined;
  const known = config.getContexts().map((one) => one.name).slice(0, 12).join(', ');
  const context = config.getContextObject(name ?? '');
  const wrong = (what: string): Result<KubeConfig> => fail('unauthorised', `the kubeconfig ${file} ${what}`);
  if (name === undefined || name === '') return wrong(`has no current context: set kubernetes.context of the target to one of ${quote(known) || 'its contexts, of which it has none'}`);
  if (context === null) return wrong(`has no context ${quote(name)}: it has ${quote(known) || 'none'}`);
  const cluster = config.getCluster(context.cluster);
  if (cluster === null) return wrong(`has no cluster ${quote(context.cluster)}, which its context ${quote(name)} names`);
  if (config.getUser(context.user) === null) return wrong(`has no user ${quote(context.user)}, which its context ${quote(name)} names`);
  if (!URL.canParse(cluster.server) || !/^https?:/.test(cluster.server)) return wrong(`names no server with http:// or https:// for its cluster ${quote(cluster.name)}`);
  return succeed(config);
}

async function credentials(config: KubeConfig, parts: AccessParts): Promise<Result<{ base: string; headers: Record<string, string>; tls: Tls; proxy: string | undefined }>> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) return fail('unauthorised', 'the kubeconfig names no cluster');
  const server = new URL(cluster.server);
  if (server.protocol === 'http:') {
    if (!LOOPBACK.test(server.hostname) && !cluster.skipTLSVerify) return fail('unauthorised', `${server.origin} is not encrypted, so credentials would be readable on the way: use https`);
    // There is no certificate to verify; the library refuses http without this.
    Object.assign(cluster, { skipTLSVerify: true });
  }
  if (cluster.proxyUrl !== undefined && cluster.proxyUrl !== null && !/^https?:/.test(cluster.proxyUrl)) {
    return fail('unauthorised', 'the kubeconfig names a proxy that is neither http nor https, which the bot does not speak');
  }
  const options: RequestOptions & Tls = {};
  try {
    tellPlugin(config, cluster.server);
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    return fail('unauthorised', credentialsBecause(error, parts));
  }
  const headers: Record<string, string> = {};
  if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
  if (Object.values(headers).some((value) => !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))) return fail('unauthorised', 'the token holds a character that no header may hold: log in again');
  return succeed({ base: cluster.server.replace(/\/+$/, ''), headers, tls: tlsOf(options), proxy: cluster.proxyUrl ?? undefined });
}

function tlsOf(options: Tls): Tls {
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
  return Object.fromEntries(Object.entries({ ca, cert, key, passphrase, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined));
}

/** A plugin that hangs would stay for ever; the library has no way to say so, except the function by which it starts one. */
function boundPlugins(config: KubeConfig, closed: () => AbortSignal): void {
  const { authenticators } = config as unknown as { authenticators?: readonly { execFn?: unknown }[] };
  for (const one of authenticators ?? []) {
    if (one.execFn === undefined) continue;
    one.execFn = (command: string, args: readonly string[] | null | undefined, options: object) => spawn(command, args ?? [], { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: PLUGIN_TIMEOUT_MS, killSignal: 'SIGKILL', signal: closed() });
  }
}

/** Some exec plugins refuse to work without this variable, which client-go always sets and the library does not. */
function tellPlugin(config: KubeConfig, server: string): void {
  const exec: unknown = config.getCurrentUser()?.exec;
  if (typeof exec !== 'object' || exec === null) return;
  const plugin = exec as { apiVersion?: unknown; env?: { name: string; value: string }[] | null };
  const env = plugin.env ?? [];
  if (env.some((one) => one.name === 'KUBERNETES_EXEC_INFO')) return;
  const apiVersion = typeof plugin.apiVersion === 'string' ? plugin.apiVersion : 'client.authentication.k8s.io/v1';
  plugin.env = [...env, { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { interactive: false, cluster: { server } } }) }];
}

/** The YAML parser quotes the lines around a mistake, tokens included, so its words are not passed on. */
function unreadableBecause(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'is not there, or it names a file that is not: check kubernetes.kubeconfig of the target';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by the user that the bot runs as: check its mode and owner';
    case 'EISDIR':
      return 'is a directory: name the file';
    default:
      return 'is not a kubeconfig that can be read: try it with kubectl config view --kubeconfig';
  }
}

function credentialsBecause(error: unknown, { kubeconfig }: AccessParts): string {
  const code = codeOf(error);
  const syscall = typeof error === 'object' && error !== null && 'syscall' in error ? String(error.syscall) : '';
  if (syscall.startsWith('spawn')) return `the exec plugin ${quote(syscall.slice('spawn'.length))} of the kubeconfig could not be started (${code}): install it where the bot runs, or use a service account's token`;
  if (code === 'ENOENT' || code === 'EACCES') {
    return kubeconfig === undefined
      ? `the service account's token or CA cannot be read (${code}): set automountServiceAccountToken for the bot's pod`
      : `a file that the kubeconfig names (certificate, key or token) cannot be read (${code})`;
  }
  // What a plugin printed may be a token; a parser's or a program's error about it quotes it.
  if (error instanceof SyntaxError || error instanceof TypeError) return 'the exec plugin of the kubeconfig did not answer with an ExecCredential: run it by hand and log in again';
  const said = error instanceof Error ? quote(error.message) : '';
  return `the kubeconfig's credentials could not be had (${said === '' ? 'no reason given' : said}): log in again`;
}
