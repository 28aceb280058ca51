import { z } from 'zod';
import type { Operations } from '#operations/operations.ts';
import { IncidentShape, listOf } from '#operations/shapes.ts';
import { endpoint, found, NOTHING, valueOf } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { id, pageOf, Reason } from '../input.ts';

const One = z.strictObject({ id: id('inc') });

export function incidentEndpoints(operations: Operations): readonly Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/incidents',
      summary: 'Incidents, newest first.',
      schemas: { params: NOTHING, query: z.strictObject({ ...pageOf('inc'), status: z.enum(['open', 'closed']).exactOptional() }) },
      answer: { status: 200, shape: listOf(IncidentShape) },
      handle: ({ query }) => operations.incidents(query),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/{id}',
      summary: 'One incident with its alerts and runs.',
      schemas: { params: One, query: NOTHING },
      answer: { status: 200, shape: IncidentShape },
      handle: async ({ params }) => found(await operations.incident(params.id), 'incident'),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/{id}/close',
      summary: 'Closes an incident by hand, with a reason.',
      schemas: { params: One, query: NOTHING, body: z.strictObject({ reason: Reason }) },
      answer: { status: 200, shape: IncidentShape },
      handle: async ({ principal, params, body }) => valueOf(await operations.closeIncident(principal, params.id, body.reason)),
    }),
  ];
}
