/** Restore drills, and approving their runs ahead. A run is started by `POST /runs`, as any other. */
import { z } from 'zod';
import type { Operations } from '#operations/operations.ts';
import { DrillApprovalShape, DrillShape, listOf } from '#operations/shapes.ts';
import { endpoint, found, NOTHING, valueOf } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { id, Name, Reason } from '../input.ts';
import { StartHeaders } from './runs.ts';

const Drill = z.strictObject({ name: Name });

const Ahead = z.strictObject({
  from: z.string().max(64).exactOptional().meta({ description: 'RFC 3339 with a zone. Default: now where `to` is given; else an hour before the next slot of the schedule.' }),
  to: z.string().max(64).exactOptional().meta({ description: 'At most 14 days from now. Default: an hour after the next slot of the schedule.' }),
  reason: Reason,
});

export function drillEndpoints(operations: Operations): readonly Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/drills',
      summary: 'The configured restore drills, with their last results and what is approved ahead.',
      schemas: { params: NOTHING, query: NOTHING },
      answer: { status: 200, shape: listOf(DrillShape) },
      handle: async () => ({ items: [...(await operations.drills())], nextCursor: null }),
    }),
    endpoint({
      method: 'GET',
      path: '/drills/{name}/approvals',
      summary: 'All approvals of this drill that were given ahead, newest first.',
      schemas: { params: Drill, query: NOTHING },
      answer: { status: 200, shape: listOf(DrillApprovalShape) },
      handle: async ({ params }) => ({ items: [...found(await operations.drillApprovals(params.name), 'drill')], nextCursor: null }),
    }),
    endpoint({
      method: 'POST',
      path: '/drills/{name}/approvals',
      summary: 'Approves the next run of this drill within a window, once.',
      schemas: { params: Drill, query: NOTHING, body: Ahead, headers: StartHeaders },
      answer: { status: 201, shape: DrillApprovalShape },
      handle: async ({ principal, params, body, headers }) => {
        const key = headers['idempotency-key'];
        return valueOf(await operations.approveDrill(principal, params.name, { ...body, ...(key === undefined ? {} : { idempotencyKey: `api:${principal.id}:${key}` }) }));
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/drills/{name}/approvals/{id}',
      summary: 'Revokes what was approved ahead; what a run has used is not revoked any more.',
      schemas: { params: z.strictObject({ name: Name, id: id('ahd') }), query: z.strictObject({ reason: Reason.exactOptional() }) },
      answer: { status: 200, shape: DrillApprovalShape },
      handle: async ({ principal, params, query }) => valueOf(await operations.revokeDrillApproval(principal, params.name, params.id, query.reason)),
    }),
  ];
}
