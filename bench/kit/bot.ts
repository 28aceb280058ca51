/** The bot as its users run it: `src/main.ts` with a configuration file, a journal on disk, and its door on 127.0.0.1. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { start, type Running } from './process.ts';

export const WEBHOOK_TOKEN = 'bench-webhook-token-5b1d93c7';
export const API_KEY = 'bench-api-key-0f83e1a94c';
/** The alerts that `runbooks/bench.yaml` is for. */
export const WITH_RUNBOOK = 'BenchWithRunbook';
export const WITHOUT_RUNBOOK = 'BenchWithoutRunbook';

/** One step, which finds no Cordum and says so: the run is started, diagnosed and left waiting, and no other server takes part. */
const RUNBOOK = `runbook: bench
title: For the bench
owner: bench
triggers:
  - alert: ['alertname="${WITH_RUNBOOK}"']
steps:
  - id: health
    uses: cordum.health.get
findings:
  - if: \${{ steps.health.output.healthy }}
    severity: info
    say: Cordum is healthy.
done:
  when: \${{ alert.resolved }}
  within: 30m
`;

const POLICY = `roles:
  oncall: { principals: [ann, ben] }
tiers:
  R1: { approvers: 1, roles: [oncall], excludeRequester: false, validFor: 60m }
  R2: { approvers: 1, roles: [oncall], excludeRequester: true, validFor: 60m }
  R3: { approvers: 2, roles: [oncall], excludeRequester: true, validFor: 60m }
`;

export interface BotSettings {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Where Slack's Web API is played. Absent: Slack is off. */
  readonly slackUrl?: string;
}

/** Writes what the bot reads into the folder; returns the configuration's path. Nothing in it names a server that is not there. */
export async function writeBot(folder: string, { port = 0, slackUrl }: BotSettings = {}): Promise<string> {
  await mkdir(join(folder, 'runbooks'), { recursive: true });
  await writeFile(join(folder, 'runbooks', 'bench.yaml'), RUNBOOK);
  await writeFile(join(folder, 'policy.yaml'), POLICY);
  const slack = slackUrl === undefined ? '{ mode: off }' : `{ mode: http, apiUrl: "${slackUrl}", botToken: xoxb-bench-token, signingSecret: 0123456789abcdef0123456789abcdef, channel: C0BENCH01 }`;
  const path = join(folder, 'runbook-bot.yaml');
  await writeFile(
    path,
    `http: { listen: "127.0.0.1:${port}" }
journal: sqlite:journal.db
runbooks: runbooks
policy: policy.yaml
auth: { apiKeys: [{ key: ${API_KEY}, principal: ann }] }
alertmanager: { bearerToken: ${WEBHOOK_TOKEN} }
slack: ${slack}
targets:
  - { name: bench, match: {} }
`,
    { mode: 0o600 },
  );
  return path;
}

export interface RunningBot extends Running {
  readonly url: string;
}

export async function startBot(configPath: string): Promise<RunningBot> {
  const bot = start('src/main.ts', ['--config', configPath], (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== ''));
  const [, url = ''] = await bot.line(/^Cordum Runbook Bot listens at (\S+)$/);
  return { ...bot, url };
}
