/** Configuration, pools, credentials, licence, locks and keys of the simulated Cordum. What was not recorded follows Cordum's document and source. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { activeJobsOf, secondsTime, workersOfPool, type World } from './model.ts';
import { API, type Answer, problem, route, type Route } from './routing.ts';

const DRAIN_CHECK_MS = 10_000;

export const adminRoutes: readonly Route[] = [
  route('GET', `${API}/config`, config),
  route('GET', `${API}/config/effective`, (world) => ({ status: 200, json: { version: `system:${world.installation.configRevision}|org:0|team:0|workflow:0|step:0`, hash: world.hex(64), data: world.installation.config } })),
  route('POST', `${API}/pools/{id}/drain`, (world, id, _query, { body }) => drain(world, id, body)),
  route('PATCH', `${API}/pools/{id}`, (world, id, _query, { body }) => patch(world, id, body)),
  route('GET', `${API}/workers/credentials`, (world) => ({ status: 200, json: { items: [...world.installation.credentials.values()] } })),
  route('DELETE', `${API}/workers/credentials/{id}`, (world, id) => {
    const found = world.installation.credentials.get(id);
    if (found === undefined) return problem(404, 'worker credential not found');
    world.installation.credentials.set(id, { ...found, revoked_at: secondsTime(world.clock.now()) });
    return { status: 204 };
  }),
  route('GET', `${API}/license`, (world) => ({ status: 200, json: world.installation.license })),
  route('GET', `${API}/license/usage`, (world) => ({ status: 200, json: world.installation.licenseUsage })),
  route('POST', `${API}/license/reload`, (world) => {
    world.installation.license = world.installation.nextLicense ?? world.installation.license;
    const { plan = '', license = null } = world.installation.license;
    return { status: 200, json: { license, plan, status: 'reloaded' } };
  }),
  route('GET', `${API}/admin/locks`, (world) => ({ status: 200, json: { locks: world.installation.locks } })),
  route('GET', `${API}/auth/keys`, (world) => (world.installation.keys === undefined ? problem(503, 'service unavailable') : { status: 200, json: { items: world.installation.keys } })),
];

function config(world: World, _id: string, query: URLSearchParams): Answer {
  const { config: data, configRevision: revision } = world.installation;
  const scope = query.get('scope') ?? 'system';
  const scopeId = query.get('scope_id') ?? 'default';
  if (scope !== 'system' || scopeId !== 'default') return problem(404, 'config not found');
  return { status: 200, json: query.get('envelope') === 'true' ? { scope, scope_id: scopeId, data, revision, updated_at: secondsTime(world.startedAtMs), meta: null } : data };
}

function poolsOf(world: World): Record<string, JsonObject> {
  const section = world.installation.config['pools'];
  const pools = typeof section === 'object' ? section['pools'] : undefined;
  return typeof pools === 'object' && pools !== null ? { ...(pools as Record<string, JsonObject>) } : {};
}

function setPool(world: World, name: string, fields: JsonObject): void {
  const { installation } = world;
  const section = installation.config['pools'];
  const pool: JsonObject = { ...poolsOf(world)[name], ...fields };
  installation.config = { ...installation.config, pools: { ...(typeof section === 'object' ? section : {}), pools: { ...poolsOf(world), [name]: pool } } };
  installation.configRevision += 1;
}

function statusOf(world: World, name: string): Json {
  return poolsOf(world)[name]?.['status'] ?? 'active';
}

function drain(world: World, name: string, body: JsonObject | undefined): Answer {
  if (body === undefined) return problem(400, 'invalid json');
  if (!Object.hasOwn(poolsOf(world), name)) return problem(404, `pool "${name}" not found`);
  const status = statusOf(world, name);
  if (status !== 'active') return problem(400, `pool "${name}" is ${String(status)}, not active — cannot drain`);
  const seconds = typeof body['timeout_seconds'] === 'number' && body['timeout_seconds'] > 0 ? body['timeout_seconds'] : 300;
  const startedAt = secondsTime(world.clock.now());
  setPool(world, name, { status: 'draining', drain_started_at: startedAt, drain_timeout_seconds: seconds });
  const untilMs = world.clock.now() + seconds * 1_000;
  const check = (): void => {
    if (statusOf(world, name) !== 'draining') return;
    const busy = workersOfPool(world, name).some((worker) => activeJobsOf(world, worker.id) > 0);
    if (!busy || world.clock.now() >= untilMs) setPool(world, name, { status: 'inactive' });
    else world.later(DRAIN_CHECK_MS, check);
  };
  world.later(DRAIN_CHECK_MS, check);
  return { status: 200, json: { name, status: 'draining', drain_started_at: startedAt, drain_timeout_seconds: seconds } };
}

function patch(world: World, name: string, body: JsonObject | undefined): Answer {
  if (body === undefined) return problem(400, 'invalid json');
  if (!Object.hasOwn(poolsOf(world), name)) return problem(404, `pool "${name}" not found`);
  const status = body['status'] ?? statusOf(world, name);
  if (!['active', 'draining', 'inactive'].includes(String(status))) return problem(400, `invalid pool status "${String(status)}"`);
  setPool(world, name, { status });
  return { status: 200, json: { name, status, requires: null, description: '' } };
}
