import type { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import type { Policy } from '#policy/model.ts';

/** What the parts of the bot are told; each takes its own slice. Paths are absolute. */
export interface Config {
  /** The file it was read from; null: the embedded defaults. */
  readonly file: string | null;
  readonly http: HttpConfig;
  readonly journal: JournalConfig;
  /** The directory of the runbooks. */
  readonly runbooksDir: string;
  readonly policyFile: string | null;
  readonly policy: Policy;
  readonly console: ConsoleConfig;
  readonly auth: AuthConfig;
  readonly alertmanager: AlertmanagerAuth;
  readonly slack: SlackConfig;
  readonly targets: readonly TargetConfig[];
  readonly drills: readonly DrillConfig[];
  readonly schedules: readonly ScheduleConfig[];
}

export interface HttpConfig {
  /** A name or an address, without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface JournalConfig {
  readonly kind: 'sqlite';
  readonly path: string;
}

export interface ConsoleConfig {
  readonly enabled: boolean;
}

export interface AuthConfig {
  readonly apiKeys: readonly ApiKeyConfig[];
}

export interface ApiKeyConfig {
  readonly key: Secret;
  readonly principal: string;
  readonly roles: readonly string[];
}

/** How Alertmanager proves itself to the webhook. */
export type AlertmanagerAuth = { readonly kind: 'none' } | { readonly kind: 'bearer'; readonly token: Secret } | { readonly kind: 'basic'; readonly username: string; readonly password: Secret };

export type SlackConfig =
  | { readonly mode: 'off' }
  | { readonly mode: 'http'; readonly apiUrl: string; readonly channel: string; readonly botToken: Secret; readonly signingSecret: Secret }
  | { readonly mode: 'socket'; readonly apiUrl: string; readonly channel: string; readonly botToken: Secret; readonly appToken: Secret };

export interface TargetConfig {
  readonly name: string;
  /** Label → exact value. Empty: every alert. The first target that matches is taken. */
  readonly match: Readonly<Record<string, string>>;
  readonly cordum?: { readonly url: string; readonly apiKey: Secret; readonly tenant: string; readonly tls?: TlsMaterial };
  readonly prometheus?: HttpEndpoint;
  readonly alertmanager?: HttpEndpoint;
  readonly redis?: RedisTarget;
  readonly nats?: NatsTarget;
  readonly kubernetes?: KubernetesTarget;
  /** Services whose `grpc.health.v1` may be asked. */
  readonly grpc?: readonly { readonly name: string; readonly address: string; readonly tls?: TlsMaterial }[];
  /** The directory of its backups; a restore reads there, and keeps what it replaces there. */
  readonly backups?: string;
  /** How long sets are to lie there. Whoever makes them removes them; the bot says when that does not hold. */
  readonly backupRetentionMs?: number;
  /** Hosts, `name` or `name:port`, that `http.url.get` may ask. */
  readonly http?: { readonly allow: readonly string[] };
}

/** An HTTP API beside Cordum. `tls` is for https only. */
export interface HttpEndpoint {
  readonly url: string;
  readonly bearerToken?: Secret;
  readonly basic?: { readonly username: string; readonly password: Secret };
  readonly tls?: TlsMaterial;
}

/** Either one address (standalone, or any node of a cluster: which of them it is, the server says), or a Sentinel's. */
export interface RedisTarget {
  /** A URL that may hold a password is a secret as a whole. */
  readonly url?: Secret;
  readonly sentinel?: { readonly master: string; readonly addresses: readonly string[]; readonly password?: Secret };
  readonly username?: string;
  readonly password?: Secret;
  readonly tls?: TlsMaterial;
}

export interface NatsTarget {
  /** One or more URLs, separated by commas. */
  readonly url: Secret;
  /** Of each server, `http://host:8222`. */
  readonly monitorUrls: readonly string[];
  readonly username?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  /** The text of a `.creds` file. */
  readonly credentials?: Secret;
  readonly tls?: TlsMaterial;
}

export interface KubernetesTarget {
  readonly namespace: string;
  /** Absent: the service account of the pod that the bot runs in. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** How Cordum was installed: it decides names and labels. */
  readonly profile: 'kustomize' | 'helm';
  /** The Helm release; names begin with it. */
  readonly release?: string;
  /** Names that differ from the profile's: service → name of its Deployment or StatefulSet. */
  readonly names: Readonly<Record<string, string>>;
  /** How many replicas a service may have, where it differs from the scaling table. */
  readonly replicas: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
}

/** `all`: Redis, NATS and, where there is a backup of it, the configuration, restored together. */
export type DrillStore = 'redis' | 'nats' | 'config' | 'all';

/** A restore drill that is asked for by its name. */
export interface DrillConfig {
  readonly name: string;
  /** Whose live systems it compares with, once, before the sandbox starts. Null: with none. */
  readonly target: string | null;
  readonly stores: readonly DrillStore[];
  readonly backups: string;
  readonly sandbox: 'local';
  readonly choice: { readonly kind: 'latest' } | { readonly kind: 'random'; readonly windowMs: number };
  /** `rpoSet`: it stands in the configuration, and is not the default. */
  readonly limits: { readonly maxAgeMs: number; readonly rpoMs: number; readonly rpoSet: boolean; readonly rtoMs: number; readonly tolerance: number };
  /** Where evidence goes. */
  readonly bundles: string;
  /** The key that signs it; made when there is none. */
  readonly key: string;
  /** Where the sandbox works. */
  readonly temp: string;
}

/** What is started when. */
export interface ScheduleConfig {
  readonly name: string;
  readonly runbook: string;
  /** The input of the runbook `restore-drill`; null for other runbooks. */
  readonly drill: string | null;
  /** Null: as for a run that names none. */
  readonly target: string | null;
  readonly cron: string;
  readonly timeZone: string;
  readonly jitterMs: number;
  readonly blackout: readonly { readonly from: string; readonly to: string }[];
  readonly catchUp: boolean;
}

/** The roles that API keys carry: a role may have its members only there. */
export function credentialRoles(auth: AuthConfig): ReadonlySet<string> {
  return new Set(auth.apiKeys.flatMap(({ roles }) => roles));
}
