import { defineRead, z } from '#step-kit/index.ts';
import { auditOutput, listAudit } from '../audit-listing.ts';

export const auditList = defineRead({
  name: 'cordum.audit.list',
  summary: "Lists Cordum's audit trail, newest first: who submitted, approved, retried, deleted, drained or changed what.",
  input: z.object({
    /** `job`, `dlq`, `policy`, `pool`, `run`, `worker_credential` and the like; empty: everything. */
    resourceType: z.string().regex(/^[a-z_]{0,40}$/).default(''),
    /** `approve`, `retry`, `delete`, `drain` and the like; empty: everything. */
    action: z.string().regex(/^[a-z_]{0,40}$/).default(''),
    /** Only entries on this one thing; empty: on everything. */
    resourceId: z.string().max(512).default(''),
    limit: z.int().min(1).max(500).default(100),
  }),
  output: auditOutput,
  examples: [
    {
      title: 'What was done to the DLQ',
      with: { resourceType: 'dlq', limit: 10 },
      output: {
        items: [
          {
            id: '2026-11-20T19:17:54Z-f79d2dc6ec14', at: '2026-11-20T19:17:54.000Z', action: 'delete', resourceType: 'dlq', resourceId: 'does-not-exist', resourceName: '',
            actorId: '', role: 'admin', message: 'delete dlq entry does-not-exist', bundles: [], snapshotBefore: '', snapshotAfter: '',
          },
        ],
        total: 1, truncated: false, note: 'Cordum keeps its newest 500 entries and loses some when changes coincide.',
      },
    },
  ],
  run: (input, ctx) => listAudit({ limit: input.resourceId === '' ? input.limit : 500, type: input.resourceType, action: input.action }, input.resourceId, ctx, input.limit),
});
