/**
 * The demo: a simulated Cordum with 240 dead-lettered jobs, the real bot, and a stand-in for Prometheus and Alertmanager that
 * reads the bot's metrics and posts what Alertmanager would. With `--yes` it plays the human as well.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { loadConfig } from '#config/load.ts';
import { readFileOfDisk } from '#config/files.ts';
import type { Config } from '#config/config.ts';
import { createLog } from '#telemetry/log.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createApp, type App } from './app.ts';
import { createAlertStandIn } from './demo-alerts.ts';
import { createNarrator } from './demo-narrator.ts';
import { isRunbookFile } from './runbook-library.ts';
import { osUser } from './os-user.ts';

const DEAD_JOBS = 240;
/** How long a retried job works, ms: long enough to see it run. */
const JOB_RUNS_MS = 800;
const EXPORTER_POLL_MS = 1_000;
/** The shipped runbooks wait longer between waves; here somebody is watching. */
const PAUSE = '3s';
const RUNBOOKS = new URL('../../runbooks/', import.meta.url);
/** With `--yes` everything is over within two minutes; after this long something is wrong, ms. */
const GIVE_UP_MS = 300_000;

export interface DemoOptions {
  /** Plays the human too, and ends when the incident has closed. */
  readonly yes: boolean;
  /** Resolves on Ctrl-C. */
  readonly stopped: Promise<unknown>;
  say(line: string): void;
  /** Default 8080, or any free port when that is taken. */
  readonly port?: number;
}

/** Resolves with the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'runbook-bot-demo-'));
  const cordumKey = randomBytes(16).toString('hex');
  const sandbox = createSandbox({ clock: systemClock, apiKey: cordumKey, tenant: 'default' });
  let app: App | undefined;
  try {
    const { url: cordumUrl } = await sandbox.start();
    seedDlq(sandbox, DEAD_JOBS);
    sandbox.setOutcome('*', 'succeed', JOB_RUNS_MS);
    const apiKey = randomBytes(24).toString('hex');
    const settings = { dir, cordumUrl, cordumKey, apiKey };
    app = await startOn(await writeFiles({ ...settings, port: options.port ?? 8080 }), options, () => writeFiles({ ...settings, port: 0 }));
    return await play(app, sandbox, apiKey, options);
  } catch (error) {
    options.say(`the demo cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await app?.stop();
    await sandbox.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function startOn(config: Config, options: DemoOptions, onAnyPort: () => Promise<Config>): Promise<App> {
  const open = async (settings: Config): Promise<App> => {
    const app = await createApp({ config: settings, log: createLog({ level: 'error' }), exporterPollMs: EXPORTER_POLL_MS, onConsoleLink: (url) => options.say(`Another browser? ${url}`) });
    try {
      await app.start();
      return app;
    } catch (error) {
      await app.stop();
      throw error;
    }
  };
  try {
    return await open(config);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EADDRINUSE') throw error;
    return open(await onAnyPort());
  }
}

async function play(app: App, sandbox: Sandbox, apiKey: string, options: DemoOptions): Promise<number> {
  const { say } = options;
  say(`A simulated Cordum holds ${sandbox.entryIds().length} dead-lettered jobs. The bot listens at ${app.url}.`);
  say(`Open the console (once, on this machine): ${app.consoleLink() ?? app.url}`);
  say('');
  const alerts = createAlertStandIn({ metricsUrl: `${app.url}/metrics`, webhookUrl: `${app.url}/webhooks/alertmanager`, say });
  const narrator = createNarrator({ operations: app.operations, url: app.url, apiKey, depth: () => sandbox.entryIds().length, approve: options.yes, say });
  const ended = Promise.race([
    options.stopped.then(() => 'stopped' as const),
    narrator.closed.then(() => 'closed' as const),
    ...(options.yes ? [giveUp()] : []),
  ]);
  alerts.start();
  try {
    const how = await ended;
    if (how === 'closed') {
      say(`All done. ${sandbox.entryIds().length} entries are left, which are not safe to retry; ${retried(sandbox)} jobs were retried, each once.`);
      if (!options.yes) {
        say('Look around in the console; Ctrl-C ends the demo.');
        await options.stopped;
      }
    }
    if (how === 'late') say('The demo did not come to its end in time; this is a bug.');
    return how === 'late' ? 1 : 0;
  } finally {
    alerts.stop();
    narrator.stop();
  }
}

function giveUp(): Promise<'late'> {
  return new Promise((resolve) => {
    systemClock.schedule(systemClock.now() + GIVE_UP_MS, () => resolve('late'));
  });
}

function retried(sandbox: Sandbox): number {
  return sandbox.calls.filter((call) => call.method === 'POST' && call.path.endsWith('/retry') && call.status === 200).length;
}

async function writeFiles(settings: { dir: string; cordumUrl: string; cordumKey: string; apiKey: string; port: number }): Promise<Config> {
  const { dir } = settings;
  const file = join(dir, 'runbook-bot.yaml');
  await mkdir(join(dir, 'runbooks'), { recursive: true });
  for (const name of (await readdir(RUNBOOKS)).filter(isRunbookFile)) {
    const text = await readFile(new URL(name, RUNBOOKS), 'utf8');
    await writeFile(join(dir, 'runbooks', name), text.replace(/pause: \w+/g, `pause: ${PAUSE}`));
  }
  const people = [`local:${osUser()}`, 'you'].map((id) => JSON.stringify(id)).join(', ');
  await writeFile(
    join(dir, 'policy.yaml'),
    `roles:\n  oncall: { principals: [${people}] }\n  lead: { principals: [${people}, "another-lead"] }\ntiers:\n  R1: { approvers: 1, roles: [oncall], excludeRequester: false, validFor: 15m }\n  R2: { approvers: 1, roles: [oncall], excludeRequester: true, validFor: 15m }\n  R3: { approvers: 2, roles: [lead], excludeRequester: true, validFor: 15m }\n`,
  );
  await writeFile(
    file,
    `http: { listen: "127.0.0.1:${settings.port}" }\njournal: sqlite:journal.db\nrunbooks: runbooks\npolicy: policy.yaml\nauth: { apiKeys: [{ key: ${settings.apiKey}, principal: you, roles: [] }] }\ntargets:\n  - { name: demo, match: {}, cordum: { url: "${settings.cordumUrl}", apiKey: ${settings.cordumKey}, tenant: default } }\n`,
    { mode: 0o600 },
  );
  const loaded = loadConfig({ configPath: file, env: {}, cwd: dir, readFile: readFileOfDisk });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}
