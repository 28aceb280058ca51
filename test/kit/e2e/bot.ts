/** The bot as its users run it: a process of its own, with its files in a folder, its journal on disk and its door on 127.0.0.1. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startProcess, waitFor, type ServerProcess } from '../servers/process.ts';
import { SIGNING_SECRET } from '../slack/requests.ts';
import { BOT_TOKEN, type Workspace } from '../slack/workspace.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
export const RUNBOOK = join(ROOT, 'runbooks', 'dlq-overflow.yaml');
export const CORDUM_KEY = 'e2e-cordum-key-7f3a';
export const WEBHOOK_TOKEN = 'e2e-webhook-token-51c9';
/** `ann` and `ben` are on call by the policy; `vic` may read, and nothing else. */
export const KEYS = { ann: 'e2e-key-of-ann-90b1e2', ben: 'e2e-key-of-ben-08fa65', vic: 'e2e-key-of-vic-4d77c3' } as const;

const COMMAND_WITHIN_MS = 60_000;

export interface BotFilesOptions {
  readonly cordumUrl: string;
  /** The bot talks to this workspace; `alice` of it is on call. Absent: Slack is off. */
  readonly slack?: Workspace;
  /** Between waves. Default 1s. */
  readonly pause?: string;
  /** The local user of this machine's console is on call. Default true. */
  readonly localIsOnCall?: boolean;
}

/** A folder with everything that the bot reads; removed when the test ends. */
export async function writeBotFiles(options: BotFilesOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bot-e2e-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'runbooks'));
  const runbook = await readFile(RUNBOOK, 'utf8');
  await writeFile(join(folder, 'runbooks', 'dlq-overflow.yaml'), runbook.replace(/pause: \w+/, `pause: ${options.pause ?? '1s'}`));
  const secrets = { 'webhook-token': WEBHOOK_TOKEN, 'cordum-key': CORDUM_KEY, 'ann-key': KEYS.ann, 'ben-key': KEYS.ben, 'vic-key': KEYS.vic, 'slack-bot-token': BOT_TOKEN, 'slack-signing-secret': SIGNING_SECRET };
  for (const [name, secret] of Object.entries(secrets)) await writeFile(join(folder, name), `${secret}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'policy.yaml'), policyOf(options));
  await writeFile(join(folder, 'runbook-bot.yaml'), configOf(options));
  return folder;
}

function policyOf({ slack, localIsOnCall = true }: BotFilesOptions): string {
  const principals = ['ann', 'ben', ...(localIsOnCall ? [`local:${userInfo().username}`] : [])].map((name) => JSON.stringify(name));
  const slackUsers = slack === undefined ? '' : `, slackUsers: [${slack.users['alice'] ?? ''}]`;
  return `roles:
  oncall: { principals: [${principals.join(', ')}]${slackUsers} }
  lead: { principals: [ann] }
tiers:
  R1: { approvers: 1, roles: [oncall], excludeRequester: false, validFor: 15m }
  R2: { approvers: 1, roles: [oncall], excludeRequester: true, validFor: 15m }
  R3: { approvers: 2, roles: [lead], excludeRequester: true, validFor: 15m }
`;
}

function configOf({ cordumUrl, slack }: BotFilesOptions): string {
  const lines = slack === undefined ? '{ mode: off }' : `{ mode: http, apiUrl: "${slack.apiUrl}", botTokenFile: slack-bot-token, signingSecretFile: slack-signing-secret, channel: ${slack.channel} }`;
  return `http: { listen: "127.0.0.1:0" }
journal: sqlite:journal.db
runbooks: runbooks
policy: policy.yaml
auth:
  apiKeys:
    - { keyFile: ann-key, principal: ann }
    - { keyFile: ben-key, principal: ben }
    - { keyFile: vic-key, principal: vic }
alertmanager: { bearerTokenFile: webhook-token }
slack: ${lines}
targets:
  - { name: production, match: {}, cordum: { url: "${cordumUrl}", apiKeyFile: cordum-key, tenant: default } }
`;
}

export interface BotProcess extends ServerProcess {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The newest one-time address of the console that it has printed. */
  consoleLink(): string;
}

/** `node src/main.ts` on this folder, ready. It is stopped when the test ends. */
export async function startBot(folder: string): Promise<BotProcess> {
  const bot = startProcess({ what: 'Bot', command: process.execPath, args: [join(ROOT, 'src', 'main.ts'), '--config', join(folder, 'runbook-bot.yaml')], cwd: folder });
  const url = await waitFor(
    () => {
      if (!bot.running()) throw new Error(`the bot ended before it listened:\n${bot.output()}`);
      return /^Cordum Runbook Bot listens at (\S+)$/m.exec(bot.output())?.[1];
    },
    { until: 'the bot says where it listens' },
  );
  return { ...bot, url, consoleLink: () => [...bot.output().matchAll(/The console opens once with (\S+)/g)].at(-1)?.[1] ?? '' };
}

/** `node src/main.ts` or `node src/cli/main.ts`, to its end. The environment names no bot but the one given. */
export function runToEnd(script: 'src/main.ts' | 'src/cli/main.ts', args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = ROOT): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, script), ...args], { cwd, env: { ...process.env, ...env }, timeout: COMMAND_WITHIN_MS }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

export interface Ended {
  /** A text or undefined when it did not end by itself. */
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}
