/** The routes that the sandbox knows, what they answer, and what Go's router says of all others. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { adminRoutes } from './admin.ts';
import { approvalRoutes } from './approvals.ts';
import { pageOfDlq } from './dlq.ts';
import { findJob, isTerminal, jobsByUpdate, setState, type Job, type World } from './model.ts';
import { policyRoutes } from './policy.ts';
import { retryEntry } from './retry.ts';
import { API, type Answer, type Call, fits, idsOf, limitOf, positive, problem, route, type Route, sorted, wildcards } from './routing.ts';
import { jobDecisions, jobDetail, jobRecord, poolDetail, poolRecords, status, topicRecords, workerDetail, workerRecord } from './shapes.ts';
import { workflowRoutes } from './workflows.ts';

const ROUTES: readonly Route[] = [
  route('GET', '/health', () => ({ status: 200, text: 'ok' })),
  route('GET', '/healthz', probe),
  route('GET', '/readyz', probe),
  route('GET', '/livez', () => ({ status: 200, json: { checks: {}, status: 'ok' } })),
  route('GET', `${API}/health`, () => ({ status: 200, text: 'ok' })),
  route('GET', `${API}/status`, (world) => ({ status: 200, json: status(world) })),
  route('GET', `${API}/auth/config`, () => ({ status: 200, json: AUTH_CONFIG })),
  route('GET', `${API}/dlq`, (world, _id, query) => ({ status: 200, json: { items: entries(pageOfDlq(world, limitOf(query, 100), undefined).items) } })),
  route('GET', `${API}/dlq/page`, dlqPage),
  route('DELETE', `${API}/dlq/{id}`, deleteEntry),
  route('POST', `${API}/dlq/{id}/retry`, retry),
  route('GET', `${API}/jobs`, jobs),
  route('POST', `${API}/jobs`, notSimulated),
  route('GET', `${API}/jobs/{id}`, (world, id) => withJob(world, id, (job) => ({ status: 200, json: jobDetail(world, job) }))),
  route('GET', `${API}/jobs/{id}/decisions`, (world, id) => withJob(world, id, (job) => ({ status: 200, json: jobDecisions(job) }))),
  route('POST', `${API}/jobs/{id}/cancel`, (world, id) => withJob(world, id, (job) => cancel(world, job))),
  route('GET', `${API}/traces/{id}`, trace),
  route('GET', `${API}/workers`, (world) => ({ status: 200, json: { items: [...world.workers.values()].map((worker) => workerRecord(world, worker)) } })),
  route('GET', `${API}/workers/{id}`, workerById),
  route('GET', `${API}/workers/{id}/jobs`, workerJobs),
  route('GET', `${API}/pools`, (world) => ({ status: 200, json: { items: poolRecords(world) } })),
  route('GET', `${API}/pools/{id}`, pool),
  route('GET', `${API}/topics`, (world) => ({ status: 200, json: { items: topicRecords(world), registry_empty: world.topics.size === 0 } })),
  route('GET', `${API}/schemas`, (world) => ({ status: 200, json: { schemas: [...world.installation.schemas] } })),
  ...approvalRoutes,
  ...policyRoutes,
  ...workflowRoutes,
  ...adminRoutes,
];

const AUTH_CONFIG: JsonObject = {
  password_enabled: true, user_auth_enabled: false, saml_enabled: false, saml_enterprise: true,
  session_ttl: '24h', require_rbac: false, require_principal: false, default_tenant: 'default',
};

export function answer(world: World, call: Call): Answer {
  const segments = call.path.split('/');
  const fitting = ROUTES.filter((one) => fits(one.pattern, segments));
  // As in Go's router, a literal segment wins over `{id}`, but only among the patterns of the same method.
  const found = fitting.filter((one) => one.method === readAs(call.method)).toSorted((a, b) => wildcards(a) - wildcards(b))[0];
  if (found !== undefined) {
    const ids = idsOf(found.pattern, segments);
    return found.handler(world, ids[0] ?? '', call.query, { ...call, ids });
  }
  if (fitting.length === 0) return notSimulated();
  const allowed = fitting.flatMap((one) => (one.method === 'GET' ? ['GET', 'HEAD'] : [one.method])).toSorted();
  return { status: 405, text: 'Method Not Allowed\n', allow: allowed.join(', ') };
}

function notSimulated(): Answer {
  return { status: 404, text: '404 page not found\n' };
}

function dlqPage(world: World, _id: string, query: URLSearchParams): Answer {
  const { items, nextCursor } = pageOfDlq(world, limitOf(query, 100), positive(query.get('cursor')));
  return { status: 200, json: { items: entries(items), next_cursor: nextCursor } };
}

function deleteEntry(world: World, id: string): Answer {
  const job = findJob(world, id);
  if (job !== undefined && job.tenant !== '' && job.tenant !== world.tenant) return problem(403, 'tenant access denied');
  world.dlq.delete(id);
  return { status: 204 };
}

function retry(world: World, id: string): Answer {
  const answered = retryEntry(world, id);
  if ('newId' in answered) return { status: 200, json: { job_id: answered.newId } };
  switch (answered.refused) {
    case 'tenant': return problem(403, 'tenant access denied');
    case 'notFound': return problem(404, 'dlq entry not found');
    // Not recorded: the source answers 500, and the record of the new job stays behind as PENDING.
    case 'publish': return problem(500, 'failed to publish retry');
  }
}

/** The newest `limit` jobs of everybody, filtered afterwards: a page in which anything was left out has no cursor. */
function jobs(world: World, _id: string, query: URLSearchParams): Answer {
  const tenant = query.get('tenant');
  if (tenant !== null && tenant !== '' && tenant !== world.tenant) return problem(403, 'tenant access denied');
  const limit = limitOf(query, 50);
  const cursor = microsOfQuery(query.get('cursor'));
  const after = microsOfQuery(query.get('updated_after'));
  const before = microsOfQuery(query.get('updated_before'));
  const state = query.get('state')?.toUpperCase() ?? '';
  const wanted = (job: Job): boolean =>
    job.tenant === world.tenant &&
    (state === '' || job.state === state) &&
    [['topic', job.topic], ['trace_id', job.traceId]].every(([name, is]) => (query.get(name ?? '') ?? is) === is) &&
    (after === undefined || job.updatedAtMs * 1_000 >= after) &&
    (before === undefined || job.updatedAtMs * 1_000 <= before);
  const newest = jobsByUpdate(world).filter((job) => cursor === undefined || job.updatedAtMs * 1_000 <= cursor).slice(0, limit);
  const items = newest.filter(wanted);
  const last = items.at(-1);
  const next = last === undefined || items.length < limit ? null : last.updatedAtMs * 1_000 - 1;
  return { status: 200, json: { items: items.map((job) => jobRecord(job)), next_cursor: next } };
}

function cancel(world: World, job: Job): Answer {
  if (isTerminal(job.state)) return { status: 200, json: { id: job.id, reason: 'job already terminal', state: job.state } };
  setState(world, job, 'CANCELLED');
  return { status: 200, json: { id: job.id, state: 'CANCELLED' } };
}

function withJob(world: World, id: string, then: (job: Job) => Answer): Answer {
  const job = findJob(world, id);
  if (job === undefined) return problem(404, 'job not found');
  return job.tenant === world.tenant ? then(job) : problem(403, 'tenant access denied');
}

/** Never 404: an unknown trace is an empty list. */
function trace(world: World, id: string): Answer {
  const found = jobsByUpdate(world).filter((job) => job.traceId === id && job.tenant === world.tenant);
  return { status: 200, json: found.map((job) => jobRecord(job, true)) };
}

function workerById(world: World, id: string): Answer {
  const found = world.workers.get(id);
  return found === undefined ? problem(404, 'worker not found') : { status: 200, json: sorted(workerDetail(world, found)) };
}

function workerJobs(world: World, id: string): Answer {
  return { status: 200, json: { items: jobsByUpdate(world).filter((job) => job.workerId === id).map((job) => jobRecord(job)) } };
}

function pool(world: World, id: string): Answer {
  const found = poolDetail(world, id);
  // The text for an unknown pool was not recorded; it follows those of jobs and workers.
  return found === undefined ? problem(404, 'pool not found') : { status: 200, json: sorted(found) };
}

/** From the source of a later 0.9 release: the recorded one was not asked, and these know no rate limit. */
function probe(world: World): Answer {
  const checks = { nats: world.down.has('nats') ? 'error' : 'ok', redis: world.down.has('redis') ? 'error' : 'ok' };
  const ok = checks.nats === 'ok' && checks.redis === 'ok';
  return { status: ok ? 200 : 503, json: { checks, status: ok ? 'ok' : 'degraded' } };
}

function entries(items: readonly object[]): Json {
  return items.map((item) => ({ ...item }));
}

/** Times of jobs are microseconds; seconds and milliseconds are told by their size. */
function microsOfQuery(text: string | null): number | undefined {
  const value = positive(text);
  if (value === undefined) return undefined;
  return value < 1e11 ? value * 1e6 : value < 1e14 ? value * 1e3 : value < 1e17 ? value : Math.floor(value / 1e3);
}

function readAs(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}
