import { Secret } from '#kernel/secret.ts';
import type { Environment } from './variables.ts';

/** Where the command line finds a running bot, and as whom it speaks. */
export interface ClientConfig {
  readonly url: string;
  readonly apiKey: Secret | undefined;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** `--url` or RUNBOOK_BOT_URL, and RUNBOOK_BOT_API_KEY. An error says what was expected; it never holds the key. */
export function loadClientConfig(url: string | undefined, env: Environment = process.env): { readonly ok: true; readonly client: ClientConfig } | { readonly ok: false; readonly problem: string } {
  const from = url !== undefined ? '--url' : 'RUNBOOK_BOT_URL';
  const text = url ?? (env['RUNBOOK_BOT_URL'] || DEFAULT_URL);
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) return { ok: false, problem: `${from}: expected a URL that begins with http:// or https://` };
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') return { ok: false, problem: `${from}: expected a URL without user name and password: the key is RUNBOOK_BOT_API_KEY` };
  const key = env['RUNBOOK_BOT_API_KEY']?.trim();
  return { ok: true, client: { url: text.replace(/\/+$/, ''), apiKey: key === undefined || key === '' ? undefined : new Secret(key) } };
}
