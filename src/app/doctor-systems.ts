/** What `doctor` asks each system of a target: whether it is there, what the bot may do in it, which version it is. Changes nothing. */
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { silentLog } from '#kernel/log.ts';
import { redact } from '#kernel/redact.ts';
import type { TargetConfig } from '#config/config.ts';
import { contextFor, limited } from '#engine/runtime/call.ts';
import type { AnyStep, SystemToken } from '#step-kit/index.ts';
import { Cordum } from '#systems/cordum/system.ts';
import { GrpcHealth } from '#systems/grpc/system.ts';
import { Kubernetes } from '#systems/kubernetes/system.ts';
import { Prometheus } from '#systems/prometheus/system.ts';
import type { Targets } from './targets.ts';

/** Of one system, with all the calls that it takes. */
const CHECK_TIMEOUT_MS = 20_000;
const GRPC_TIMEOUT_MS = 5_000;
/** Prometheus judges alerts by its own clock; what is further off than this shows wrong ages. */
const CLOCK_OFF_MS = 30_000;

export interface Finding {
  readonly what: string;
  /** `warn`: it works, but somebody should know. */
  readonly state: 'ok' | 'warn' | 'failed';
  readonly say: string;
}

type Verdict = Pick<Finding, 'state' | 'say'>;

interface Look {
  readonly target: TargetConfig;
  readonly targets: Targets;
  readonly steps: ReadonlyMap<string, AnyStep>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

type Check = (look: Look) => Promise<Result<Verdict>>;

const ok = (say: string): Result<Verdict> => succeed({ state: 'ok', say });
const warn = (say: string): Result<Verdict> => succeed({ state: 'warn', say });

const CHECKS: Readonly<Record<string, Check>> = {
  cordum: async ({ target, targets, signal }) => {
    const client = clientOf(targets, target, Cordum);
    const [page, status] = await Promise.all([client.dlqPage({ limit: 1 }, { signal }), client.status({ signal })]);
    if (!page.ok) return page;
    if (!status.ok) return warn(`the key may read the dead-letter queue, but the status cannot be read: ${status.failure.message}`);
    const { version, natsConnected, redisOk, workers } = status.value;
    const facts = `version ${version === '' ? 'unknown' : version}, ${workers} worker${workers === 1 ? '' : 's'}; the key may read the dead-letter queue`;
    return natsConnected && redisOk ? ok(facts) : warn(`${facts}; Cordum itself says that ${[natsConnected ? '' : 'NATS', redisOk ? '' : 'Redis'].filter((name) => name !== '').join(' and ')} cannot be reached`);
  },
  prometheus: async ({ target, targets, signal, clock }) => {
    const client = clientOf(targets, target, Prometheus);
    const [time, scraped] = await Promise.all([client.time({ signal }), client.targets({ signal })]);
    if (!time.ok) return time;
    if (!scraped.ok) return scraped;
    const list = scraped.value.data;
    const up = list.filter(({ health }) => health === 'up').length;
    const say = `answers queries; ${up} of ${list.length} scrape targets are up`;
    const offMs = Math.abs(time.value - clock.now());
    if (offMs > CLOCK_OFF_MS) return warn(`${say}; its clock and ours are ${Math.round(offMs / 1_000)} s apart: ages will be wrong`);
    return list.length > 0 ? ok(say) : warn(`${say}: it scrapes nothing, so every query will be empty`);
  },
  alertmanager: async ({ target, targets }) => {
    const active = await targets.alertmanagers.active(target.name);
    if (active === undefined) return fail('invalid', 'not configured');
    return active.ok ? ok(`${active.value.alerts.size} alerts are active`) : active;
  },
  redis: (look) => byStep(look, 'redis.server.ping'),
  nats: (look) => byStep(look, 'nats.server.health'),
  kubernetes: async ({ target, targets, signal }) => {
    const client = clientOf(targets, target, Kubernetes);
    const version = await client.version({ signal });
    if (!version.ok) return version;
    const answers = await Promise.all(RIGHTS.map(async ({ verb, on, write }) => ({ verb, on, write, may: await client.may(verb, on, { signal }) })));
    const failed = answers.find(({ may }) => !may.ok);
    if (failed?.may.ok === false) return failed.may;
    const missing = answers.filter(({ may }) => may.ok && !may.value);
    const about = `Kubernetes ${version.value}, namespace ${client.namespace}`;
    const lacks = missing.map(({ verb, on }) => `${verb} ${on}`).join(', ');
    if (missing.some(({ write }) => !write)) return succeed({ state: 'failed', say: `${about}: its role may not ${lacks}; deploy/kubernetes.yaml has a role that may` });
    return missing.length === 0 ? ok(`${about}: its role may all that steps do`) : warn(`${about}: its role may look and not ${lacks}; steps that need it are refused`);
  },
  grpc: async ({ target, targets, signal }) => {
    const client = clientOf(targets, target, GrpcHealth);
    const readings = await Promise.all(client.names.map(async (name) => ({ name, reading: await client.check(name, { service: '', timeoutMs: GRPC_TIMEOUT_MS, signal }) })));
    const bad = readings.flatMap(({ name, reading }) => (!reading.ok ? [`${name}: ${reading.failure.message}`] : reading.value.cause === 'ok' ? [] : [`${reading.value.address}: ${reading.value.say}`]));
    if (bad.length === 0) return ok(`${client.names.join(', ')} serve${client.names.length === 1 ? 's' : ''}`);
    return fail('unreachable', bad.join(' '));
  },
};

interface Right {
  readonly verb: string;
  readonly on: string;
  readonly write: boolean;
}

/** What the steps of `systems/kubernetes` do; deploy/kubernetes.yaml grants just this. */
export const RIGHTS: readonly Right[] = [
  ...['pods', 'events', 'services', 'configmaps', 'persistentvolumeclaims', 'deployments', 'statefulsets', 'replicasets', 'horizontalpodautoscalers', 'poddisruptionbudgets', 'jobs', 'cronjobs', 'networkpolicies', 'endpointslices'].map((on) => ({ verb: 'list', on, write: false })),
  { verb: 'get', on: 'pods/log', write: false },
  ...['deployments', 'statefulsets', 'deployments/scale', 'statefulsets/scale', 'horizontalpodautoscalers'].map((on) => ({ verb: 'patch', on, write: true })),
  { verb: 'create', on: 'jobs', write: true },
];

/** Every system that the target has, at the same time; in the order of the table above. */
export function checkSystems(look: Omit<Look, 'signal'>, note: (text: string) => void): Promise<Finding[]> {
  const { target } = look;
  const configured = Object.keys(CHECKS).filter((system) => target[system as keyof TargetConfig] !== undefined);
  return Promise.all(configured.map(async (system): Promise<Finding> => {
    note(`looking at ${target.name}: ${system} …`);
    const what = `${target.name}: ${system}`;
    const outer = new AbortController().signal;
    const verdict = await limited(look.clock, { what: system, timeoutMs: CHECK_TIMEOUT_MS, outer }, async (signal) => (await CHECKS[system]?.({ ...look, signal })) ?? fail('invalid', 'there is no such check'));
    return verdict.ok ? { what, state: verdict.value.state, say: redact(verdict.value.say) } : { what, state: 'failed', say: redact(verdict.failure.message) };
  }));
}

function clientOf<Client>(targets: Targets, { name }: TargetConfig, token: SystemToken<Client>): Client {
  const client = targets.client(name, token);
  if (client === undefined) throw new Error(`target ${name} has no ${token.name}`);
  return client;
}

/** A step that answers also when its system is down says the same thing here as in a run. */
async function byStep({ target, targets, steps, clock, signal }: Look, name: string): Promise<Result<Verdict>> {
  const step = steps.get(name);
  if (step?.kind !== 'read') return fail('invalid', `there is no step ${name}`);
  const answer = await step.run({}, contextFor({ clock, log: silentLog, systems: targets }, target.name, signal));
  if (!answer.ok) return answer;
  const { healthy, reachable, say } = answer.value as { readonly healthy?: unknown; readonly reachable?: unknown; readonly say?: unknown };
  return succeed({ state: healthy === true ? 'ok' : reachable === true ? 'warn' : 'failed', say: String(say) });
}
