import { z } from 'zod';
import { RUN_STATUSES } from '#engine/model/views.ts';
import type { Operations } from '#operations/operations.ts';
import { listOf, OfferShape, RunShape, RunSummaryShape } from '#operations/shapes.ts';
import { API, endpoint, found, NOTHING, valueOf } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { ArtifactId, EffectKey, id, Inputs, Name, pageOf, Reason } from '../input.ts';

const One = z.strictObject({ id: id('run') });

const Start = z.strictObject({
  runbook: Name,
  target: Name.exactOptional(),
  inputs: Inputs.exactOptional(),
  dryRun: z.boolean().exactOptional().meta({ description: 'Stops after the plan.' }),
});

/** Headers are many and not ours; only this one is read. */
export const StartHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, { error: 'expected 1 to 255 visible ASCII characters' })
    .exactOptional()
    .meta({ description: 'The same key and the same body are carried out once. Kept per principal.' }),
});

export function runEndpoints(operations: Operations): readonly Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/runs',
      summary: 'Runs, newest first.',
      schemas: { params: NOTHING, query: z.strictObject({ ...pageOf('run'), status: z.enum(RUN_STATUSES).exactOptional(), incidentId: id('inc').exactOptional() }) },
      answer: { status: 200, shape: listOf(RunSummaryShape) },
      handle: ({ query }) => operations.runs(query),
    }),
    endpoint({
      method: 'POST',
      path: '/runs',
      summary: 'Starts a runbook.',
      schemas: { params: NOTHING, query: NOTHING, body: Start, headers: StartHeaders },
      answer: { status: 201, shape: RunSummaryShape },
      handle: async ({ principal, body, headers, reply }) => {
        const key = headers['idempotency-key'];
        const run = valueOf(await operations.startRun(principal, { ...body, ...(key === undefined ? {} : { idempotencyKey: key }) }));
        void reply.header('location', `${API}/runs/${run.id}`);
        return run;
      },
    }),
    endpoint({
      method: 'GET',
      path: '/runs/{id}',
      summary: 'One run: steps, findings, offers and effects.',
      schemas: { params: One, query: NOTHING },
      answer: { status: 200, shape: RunShape },
      handle: async ({ params }) => found(await operations.run(params.id), 'run'),
    }),
    endpoint({
      method: 'POST',
      path: '/runs/{id}/cancel',
      summary: 'Cancels a run. An apply that has begun finishes its wave.',
      schemas: { params: One, query: NOTHING, body: z.strictObject({ reason: Reason.exactOptional() }) },
      answer: { status: 200, shape: RunSummaryShape },
      handle: async ({ principal, params, body }) => valueOf(await operations.cancelRun(principal, params.id, body.reason)),
    }),
    endpoint({
      method: 'POST',
      path: '/runs/{id}/effects/{key}/settlement',
      summary: 'Says of an effect whose outcome is unknown whether it was applied.',
      schemas: {
        params: z.strictObject({ id: id('run'), key: EffectKey }),
        query: NOTHING,
        body: z.strictObject({ outcome: z.enum(['applied', 'notApplied']), reason: Reason }),
      },
      answer: { status: 200, shape: RunShape },
      handle: async ({ principal, params, body }) => valueOf(await operations.settleEffect(principal, params.id, params.key, body.outcome, body.reason)),
    }),
    endpoint({
      method: 'POST',
      path: '/runs/{id}/offers/{offer}/plan',
      summary: 'Plans an offer: the first time for one with a form, or again.',
      schemas: { params: z.strictObject({ id: id('run'), offer: Name }), query: NOTHING, body: z.strictObject({ inputs: Inputs.exactOptional() }) },
      answer: { status: 200, shape: OfferShape },
      handle: async ({ principal, params, body }) => valueOf(await operations.planOffer(principal, params.id, params.offer, body.inputs ?? {})),
    }),
    endpoint({
      method: 'GET',
      path: '/artifacts/{id}',
      summary: 'The whole answer of a step whose output was cut. Kept for two weeks at most.',
      schemas: { params: z.strictObject({ id: ArtifactId }), query: NOTHING },
      answer: { status: 200, shape: Inputs },
      // It is stored as the JSON text that is sent: parsing megabytes to write them again would hold everybody else.
      handle: async ({ params, reply }) => reply.type('application/json; charset=utf-8').send(found(await operations.artifact(params.id), 'artifact, or none any more')),
    }),
  ];
}
