import type { Secret } from '#kernel/secret.ts';
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
  readonly drills: readonly Readonly<Record<string, unknown>>[];
  readonly schedules: readonly Readonly<Record<string, unknown>>[];
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
  readonly cordum?: { readonly url: string; readonly apiKey: Secret; readonly tenant: string };
  readonly prometheus?: { readonly url: string };
  readonly alertmanager?: { readonly url: string };
  /** URLs that may hold a password are secrets as a whole. */
  readonly redis?: { readonly url: Secret };
  readonly nats?: { readonly url: Secret; readonly monitorUrl?: string };
  readonly kubernetes?: { readonly namespace: string; readonly kubeconfig?: string };
}

/** The roles that API keys carry: a role may have its members only there. */
export function credentialRoles(auth: AuthConfig): ReadonlySet<string> {
  return new Set(auth.apiKeys.flatMap(({ roles }) => roles));
}
