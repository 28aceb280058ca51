import { z } from 'zod';
import { APPROVAL_STATUSES } from '#engine/model/views.ts';
import type { Operations } from '#operations/operations.ts';
import { ApprovalShape, listOf } from '#operations/shapes.ts';
import { endpoint, found, NOTHING, valueOf } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { id, pageOf, Reason } from '../input.ts';

const One = z.strictObject({ id: id('apr') });

const Decision = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  // Any string: one that is not the current digest is answered by 409, after 403 for those who may not decide at all.
  digest: z.string().meta({ description: 'The whole digest of the plan that was looked at.' }),
  reason: Reason.exactOptional(),
  confirm: z.string().exactOptional().meta({ description: "R3: the target's name, typed." }),
});

export function approvalEndpoints(operations: Operations): readonly Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/approvals',
      summary: 'Approvals, newest first.',
      schemas: { params: NOTHING, query: z.strictObject({ ...pageOf('apr'), status: z.enum(APPROVAL_STATUSES).exactOptional() }) },
      answer: { status: 200, shape: listOf(ApprovalShape) },
      handle: ({ query }) => operations.approvals(query),
    }),
    endpoint({
      method: 'GET',
      path: '/approvals/{id}',
      summary: 'One approval with its plan.',
      schemas: { params: One, query: NOTHING },
      answer: { status: 200, shape: ApprovalShape },
      handle: async ({ params }) => found(await operations.approval(params.id), 'approval'),
    }),
    endpoint({
      method: 'POST',
      path: '/approvals/{id}/decisions',
      summary: 'Approves or denies the plan of this digest.',
      schemas: { params: One, query: NOTHING, body: Decision },
      answer: { status: 200, shape: ApprovalShape },
      handle: async ({ principal, params, body }) => valueOf(await operations.decide(principal, params.id, body)),
    }),
  ];
}
