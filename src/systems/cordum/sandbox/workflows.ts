/** Workflows and runs of the simulated Cordum (recordings `workflow_*`). Runs are not scheduled: they end by the clock, as they are told. */
import type { JsonObject } from '#kernel/json.ts';
import { nanoTime, uuid, type World } from './model.ts';
import { API, type Answer, limitOf, positive, problem, route, type Route } from './routing.ts';

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'denied', 'cancelled', 'timed_out']);
const RUN_MS = 1_000;
const MOST_WORKFLOWS = 100;

export const workflowRoutes: readonly Route[] = [
  route('GET', `${API}/workflows`, (world) => ({ status: 200, json: world.installation.workflows.slice(0, MOST_WORKFLOWS) })),
  route('GET', `${API}/workflows/{id}`, (world, id) => {
    const found = world.installation.workflows.find((one) => one['id'] === id);
    return found === undefined ? problem(404, 'not found') : { status: 200, json: found };
  }),
  route('GET', `${API}/workflows/{id}/runs`, (world, id) => ({ status: 200, json: byChange(world).filter((run) => run['workflow_id'] === id).slice(0, MOST_WORKFLOWS) })),
  route('POST', `${API}/workflows/{id}/dry-run`, dryRun),
  route('POST', `${API}/workflows/{id}/runs/{id}/cancel`, (world, _id, _query, { ids }) => cancel(world, ids[1] ?? '')),
  route('GET', `${API}/workflow-runs`, list),
  route('GET', `${API}/workflow-runs/{id}`, (world, id) => {
    const found = world.installation.runs.get(id);
    return found === undefined ? problem(404, 'not found') : { status: 200, json: found };
  }),
  route('GET', `${API}/workflow-runs/{id}/timeline`, (world, id, query) => ({ status: 200, json: (world.installation.timelines.get(id) ?? []).slice(0, limitOf(query, 200)) })),
  route('POST', `${API}/workflow-runs/{id}/rerun`, (world, id, _query, { body }) => rerun(world, id, body ?? {})),
];

function list(world: World, _id: string, query: URLSearchParams): Answer {
  const cursor = positive(query.get('cursor'));
  const limit = limitOf(query, 50);
  const items = byChange(world).filter((run) => cursor === undefined || changedMicros(run) <= cursor).slice(0, limit);
  const last = items.at(-1);
  return { status: 200, json: { items, next_cursor: last === undefined || items.length < limit ? null : changedMicros(last) - 1 } };
}

function byChange(world: World): JsonObject[] {
  return [...world.installation.runs.values()].toSorted((a, b) => changedMicros(b) - changedMicros(a));
}

/** The time of the last change, nanoseconds cut to microseconds. */
function changedMicros(run: JsonObject): number {
  const time = String(run['updated_at'] ?? '');
  const fraction = /\.(\d+)Z$/.exec(time)?.[1] ?? '';
  return Math.floor(Date.parse(time) / 1_000) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** Looks at topics alone: the risk tags of a step are not considered (recording workflow_dry_run_denied). */
function dryRun(world: World, id: string): Answer {
  const found = world.installation.workflows.find((one) => one['id'] === id);
  if (found === undefined) return problem(404, 'workflow not found');
  const steps = Object.entries((found['steps'] ?? {}) as JsonObject).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([stepId, raw]) => {
    const step = raw as JsonObject;
    const named = { step_id: stepId, ...(step['name'] === '' || step['name'] === undefined ? {} : { step_name: step['name'] }), step_type: step['type'] ?? '' };
    if (step['type'] !== 'worker') return { ...named, decision: 'N/A', reason: 'non-job step' };
    const policy = world.topics.get(String(step['topic']))?.policy;
    return policy === undefined ? { ...named, decision: 'DENY', reason: 'no matching rule — default policy: deny' } : { ...named, decision: policy.decision, reason: policy.reason, rule_id: policy.ruleId };
  });
  return { status: 200, json: { workflow_id: id, steps } };
}

function rerun(world: World, id: string, body: JsonObject): Answer {
  const { installation } = world;
  const original = installation.runs.get(id);
  if (original === undefined) return problem(404, 'run not found');
  const from = typeof body['from_step'] === 'string' ? body['from_step'] : '';
  const steps = (original['steps'] ?? {}) as JsonObject;
  if (from !== '' && !Object.hasOwn(steps, from)) return problem(400, 'rerun failed');
  const runId = uuid(world);
  const now = nanoTime(world, world.clock.now());
  const dry = body['dry_run'] === true;
  installation.runs.set(runId, {
    ...original, id: runId, status: 'running', started_at: now, completed_at: null, created_at: now, updated_at: now, error: null, steps: {},
    metadata: { request_id: world.hex(16), rerun_of: id }, rerun_of: id, ...(from === '' ? {} : { rerun_step: from }), ...(dry ? { dry_run: true, labels: { dry_run: 'true' } } : {}),
  });
  const outcome = installation.runOutcomes.get(String(original['workflow_id'])) ?? { status: 'succeeded', afterMs: RUN_MS };
  if (outcome.status !== 'running') world.later(outcome.afterMs, () => end(world, runId, outcome.status));
  return { status: 200, json: { run_id: runId } };
}

function end(world: World, runId: string, status: string): void {
  const run = world.installation.runs.get(runId);
  if (run === undefined || ENDED.has(String(run['status']))) return;
  const now = nanoTime(world, world.clock.now());
  const steps = status === 'failed' ? { t: { step_id: 't', status: 'failed', started_at: run['started_at'] ?? now, completed_at: now, attempts: 1, error: { message: 'upstream bank API returned 503' }, job_id: `${runId}:t@1` } } : {};
  world.installation.runs.set(runId, { ...run, status, completed_at: now, updated_at: now, steps });
}

/** An unknown run is an internal error there (recording workflow_run_cancel_404); one that has ended is left alone. */
function cancel(world: World, runId: string): Answer {
  const run = world.installation.runs.get(runId);
  if (run === undefined) return problem(500, 'internal error');
  end(world, runId, 'cancelled');
  return { status: 204 };
}
