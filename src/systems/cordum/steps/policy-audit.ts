import { defineRead, z } from '#step-kit/index.ts';
import { auditOutput, listAudit } from '../audit-listing.ts';

/** From v0.9.9 on Cordum notes each `policy.evaluate`, `policy.explain` and `policy.simulate` among the changes (seen on V0.9.9.1). */
const QUESTION = 'policy.';
/** All that Cordum keeps: of the newest, many may be questions. */
const ALL_KEPT = 500;

export const policyAudit = defineRead({
  name: 'cordum.policy.audit',
  summary: 'Lists who changed the policy: publications, rollbacks, edits and snapshots, newest first; not who asked it.',
  input: z.object({ limit: z.int().min(1).max(500).default(100) }),
  output: auditOutput,
  examples: [
    {
      title: 'Who published last',
      with: { limit: 20 },
      output: {
        items: [
          {
            id: '2026-11-20T19:19:59Z-efbade5ac554', at: '2026-11-20T19:19:59.000Z', action: 'publish', resourceType: 'policy', resourceId: '', resourceName: '', actorId: '',
            role: 'admin', message: 'publish', bundles: [{ name: 'secops/demo' }], snapshotBefore: '2026-11-20T19:19:59Z-d320eda40f', snapshotAfter: '2026-11-20T19:19:59Z-56752fddd2',
          },
        ],
        total: 1, truncated: false, note: 'Cordum keeps its newest 500 entries and loses some when changes coincide.',
      },
    },
  ],
  run: (input, ctx) => listAudit({ limit: ALL_KEPT, type: 'policy', action: '' }, '', ctx, input.limit, ({ action }) => !action.startsWith(QUESTION)),
});
