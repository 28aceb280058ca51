/** Health, readiness and metrics: what machines ask. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '#kernel/log.ts';
import type { Operations } from '#operations/operations.ts';
import type { Authenticate } from './auth.ts';
import { isFromThisMachine } from './auth.ts';
import type { Probe } from './openapi.ts';
import { Refusal } from './problem.ts';

/** The metrics of the process, as this surface needs them. Implemented by telemetry. */
export interface HttpMetrics {
  /** `text/plain; version=…` */
  readonly contentType: string;
  text(): Promise<string>;
  observeRequest(request: { readonly method: string; readonly route: string; readonly status: number; readonly seconds: number | undefined }): void;
}

const HEALTH: readonly Probe[] = [
  { path: '/healthz', summary: 'Whether the process lives.', answers: { '200': 'It does.' }, type: 'application/json', open: true },
  { path: '/readyz', summary: 'Whether the journal can be written and runbooks are loaded. Says nothing of the targets.', answers: { '200': 'Ready.', '503': 'Not ready; the log says why.' }, type: 'application/json', open: true },
];
export const METRICS: Probe = { path: '/metrics', summary: 'Metrics in the Prometheus text format. Open on loopback, else with an API key.', answers: { '200': 'The metrics.', '401': 'From elsewhere, without a key.' }, type: 'text/plain', open: false };

export interface ProbeOptions {
  readonly operations: Operations;
  readonly authenticate: Authenticate;
  readonly metrics?: HttpMetrics;
  readonly log: Log;
}

export function registerProbes(app: FastifyInstance, { operations, authenticate, metrics, log }: ProbeOptions): readonly Probe[] {
  app.get('/healthz', async () => ({ ok: true }));
  app.get('/readyz', async (_request, reply) => {
    const state = await operations.ready().catch((error: unknown) => ({ ready: false, because: String(error) }));
    // Who asks is not known, so the answer is yes or no. The reason is for the operator.
    if (!state.ready) log.warn({ because: state.because }, 'not ready');
    return reply.code(state.ready ? 200 : 503).send({ ready: state.ready });
  });
  if (metrics === undefined) return HEALTH;
  app.get('/metrics', { exposeHeadRoute: false }, async (request, reply) => {
    await requireReader(request, authenticate);
    return reply.type(metrics.contentType).send(await metrics.text());
  });
  return [...HEALTH, METRICS];
}

async function requireReader(request: FastifyRequest, authenticate: Authenticate): Promise<void> {
  if (isFromThisMachine(request.raw)) return;
  const authentication = await authenticate(request.raw);
  if (!authentication.ok) throw new Refusal({ code: 'unauthenticated', message: authentication.because });
}
