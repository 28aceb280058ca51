/**
 * The bot as one process: `createApp` puts it together from its configuration, `start` lets it live, `stop` ends it. The only
 * place that constructs; nothing here decides.
 */
import type { Clock } from '#kernel/clock.ts';
import { systemClock } from '#kernel/clock.ts';
import { createIds } from '#kernel/ids.ts';
import type { Log } from '#kernel/log.ts';
import type { Config } from '#config/config.ts';
import { createIncidents } from '#incidents/incidents.ts';
import { matchRunbook } from '#language/match.ts';
import { createFileArtifacts } from '#journal/artifacts.ts';
import { openSqliteJournal } from '#journal/sqlite.ts';
import { createAudit } from '#operations/audit.ts';
import { createAheadDesk } from '#operations/ahead-desk.ts';
import type { Context } from '#operations/context.ts';
import { createOperations } from '#operations/create.ts';
import type { Operations } from '#operations/operations.ts';
import { alertmanagerRoutes } from '#surfaces/alertmanager/routes.ts';
import { createConsole, type Console } from '#surfaces/console/console.ts';
import { createAuthentication, isFromThisMachine } from '#surfaces/http/auth.ts';
import { createHttpServer, type HttpPlugin, type HttpServer } from '#surfaces/http/server.ts';
import { createMetrics, type Metrics } from '#telemetry/metrics.ts';
import { stepsByName } from './catalogue.ts';
import { drillContext } from './drill-ahead.ts';
import { linkRuns, wireEngine } from './engine.ts';
import { createExporters, type Exporters } from './exporter.ts';
import { createLifecycle } from './lifecycle.ts';
import { createEventLog } from './log-events.ts';
import { osUser } from './os-user.ts';
import { createRunbookLibrary } from './runbook-library.ts';
import { createSchedules } from './schedules.ts';
import { scrapeOf } from './scrape.ts';
import { createSilenceLifting } from './silence-lifting.ts';
import { wireSlack } from './slack.ts';
import { createTargets } from './targets.ts';
import { VERSION } from './version.ts';

export interface App {
  readonly operations: Operations;
  /** Where it listens; known after `start`. */
  readonly url: string;
  /** A one-time address of the console; undefined when the console is off. */
  consoleLink(): string | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly log: Log;
  readonly clock?: Clock;
  /** Told each new one-time address of the console. */
  onConsoleLink?(url: string): void;
  /** How often the exporter looks, ms; default 15 s. */
  readonly exporterPollMs?: number;
}

/** Rejects with a sentence for the operator when something cannot be opened; what was opened by then is closed again. */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, log, clock = systemClock } = options;
  const lifecycle = createLifecycle(clock, log);
  try {
    return await assemble({ ...options, config, log, clock }, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function assemble(options: AppOptions & { readonly clock: Clock }, lifecycle: ReturnType<typeof createLifecycle>): Promise<App> {
  const { config, log, clock } = options;
  const ids = createIds(clock);
  const steps = stepsByName();
  const metrics = createMetrics();
  const journal = metrics.timed(openSqliteJournal({ path: config.journal.path, clock, log }));
  lifecycle.onStop('journal', () => journal.close());
  journal.onAppended((events) => metrics.observeEvents(events));
  journal.onAppended(createEventLog(log));
  const artifacts = createFileArtifacts({ dir: `${config.journal.path}.artifacts`, clock, log });
  const targets = createTargets(config, clock);
  lifecycle.onStop('targets', () => targets.close());
  const runbooks = createRunbookLibrary({ dir: config.runbooksDir, steps, clock, log });
  for (const diagnostic of await runbooks.load()) log.warn({ ...diagnostic }, 'a runbook has a mistake');
  const policy = (): Config['policy'] => config.policy;
  const { engine, killSwitch } = wireEngine({ config, journal, artifacts, clock, ids, log, runbooks, steps, targets, policy, ahead: () => ahead });
  const exporter = createExporters({ config, targets, clock, registry: metrics.registry, log, ...(options.exporterPollMs === undefined ? {} : { pollMs: options.exporterPollMs }) });
  const incidents = createIncidents({
    journal,
    clock,
    ids,
    log,
    targets: config.targets.map(({ name, match }) => ({ name, match })),
    runbookFor: (labels) => matchRunbook(runbooks.list(), labels)?.name,
    feed: exporter.feed,
    api: targets.alertmanagers,
    runs: linkRuns(engine, runbooks),
  });
  const lifting = createSilenceLifting({ engine, journal, systems: targets, killSwitch, clock, log });
  const schedules = createSchedules({ config, journal, clock, log, operations: () => operations });
  const audit = createAudit({ journal, log });
  lifecycle.onStop('audit', () => audit.flush());
  const slack = wireSlack({ config, journal, clock, log, observe: (method, result) => metrics.observeSlackCall(method, result) });
  const context: Context = {
    engine,
    incidents,
    journal,
    artifacts,
    killSwitch,
    runbooks,
    runbookProblems: () => runbooks.problems(),
    steps,
    targets: config.targets.map(({ name, match }) => ({ name, matchesAll: Object.keys(match).length === 0 })),
    policy,
    slackGroups: slack.groupMembers,
    ...drillContext(config, schedules, clock),
    audit,
    clock,
    ids,
    log,
  };
  const ahead = createAheadDesk(context);
  const operations: Operations = counted(metrics, createOperations(context));
  killSwitch.onSwitch(({ on }) => metrics.observeKillSwitch(on));
  let url = '';
  const console = config.console.enabled ? consoleOf(options, () => url) : undefined;
  const surface = await slack.connect(operations);
  const firstLook = { seen: false };
  const server = await listenerOf({ config, clock, log, operations, console, metrics: scrapeOf({ metrics, journal, clock, firstLook, drills: operations.drills }), slackRoutes: surface?.routes });

  return {
    operations,
    get url() {
      return url;
    },
    consoleLink: () => (console === undefined ? undefined : `${url}${console.newLink()}`),
    async start() {
      await killSwitch.load();
      await artifacts.sweep();
      lifecycle.onStop('listener', () => server.close());
      url = await server.listen();
      void lookFirst(exporter, firstLook, log);
      lifecycle.onStop('exporter', () => exporter.stop());
      await engine.start();
      lifecycle.onStop('engine', () => engine.stop());
      await lifting.start();
      lifecycle.onStop('silences', () => lifting.stop());
      await incidents.start();
      lifecycle.onStop('incidents', () => incidents.stop());
      await schedules.start();
      lifecycle.onStop('schedules', () => schedules.stop());
      runbooks.watch();
      lifecycle.onStop('runbooks', () => runbooks.stop());
      await surface?.start();
      if (surface !== undefined) lifecycle.onStop('slack', () => surface.stop());
      log.info({ url, runbooks: runbooks.list().length, targets: config.targets.length, slack: config.slack.mode }, 'ready');
    },
    stop: () => lifecycle.stop(),
  };
}

/** Counts what came in by the webhook, duplicates too: they leave no event. */
function counted(metrics: Metrics, operations: Operations): Operations {
  return {
    ...operations,
    async receiveAlerts(notification) {
      const receipt = await operations.receiveAlerts(notification);
      metrics.observeAlerts(receipt);
      return receipt;
    },
  };
}

async function lookFirst(exporter: Exporters, firstLook: { seen: boolean }, log: Log): Promise<void> {
  try {
    await exporter.start();
  } catch (error) {
    log.error({ error }, 'the exporter cannot start');
  }
  firstLook.seen = true;
}

function consoleOf(options: AppOptions & { readonly clock: Clock }, url: () => string): Console {
  return createConsole({
    clock: options.clock,
    log: options.log,
    osUser: osUser(),
    isLocal: isFromThisMachine,
    onLink: (path) => options.onConsoleLink?.(`${url()}${path}`),
  });
}

interface ListenerParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly operations: Operations;
  readonly console: Console | undefined;
  readonly metrics: NonNullable<Parameters<typeof createHttpServer>[0]['metrics']>;
  readonly slackRoutes: HttpPlugin | undefined;
}

function listenerOf({ config, clock, log, operations, console, metrics, slackRoutes }: ListenerParts): Promise<HttpServer> {
  const { alertmanager } = config;
  const auth = alertmanager.kind === 'bearer' ? { bearerToken: alertmanager.token } : alertmanager.kind === 'basic' ? { basic: { username: alertmanager.username, password: alertmanager.password } } : {};
  const plugins: HttpPlugin[] = [alertmanagerRoutes({ operations, auth, clock, log })];
  if (console !== undefined) plugins.push(console.routes);
  if (slackRoutes !== undefined) plugins.push(slackRoutes);
  return createHttpServer({
    listen: config.http,
    operations,
    authenticate: createAuthentication({ apiKeys: config.auth.apiKeys, authenticators: console === undefined ? [] : [console.authenticator] }),
    clock,
    log,
    version: VERSION,
    metrics,
    plugins,
  });
}
