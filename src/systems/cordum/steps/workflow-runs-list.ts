import { defineRead, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from '../fields.ts';
import { listRuns } from '../run-listing.ts';
import { Cordum } from '../system.ts';
import { type RunRow, runRow } from '../workflow-records.ts';

const STATUSES = ['pending', 'running', 'waiting', 'succeeded', 'failed', 'denied', 'cancelled', 'timed_out'] as const;

export const workflowRunsList = defineRead({
  name: 'cordum.workflow-runs.list',
  summary: 'Lists workflow runs, most recently changed first, optionally of one workflow or status, with the step that failed.',
  input: z.object({
    workflowId: z.string().default(''),
    /** Empty: every status. */
    status: z.enum(['', ...STATUSES]).default(''),
    /** Only runs that changed within so many seconds; 0: all that are looked at. */
    withinSeconds: z.int().min(0).max(31_536_000).default(0),
    limit: z.int().min(1).max(500).default(100),
  }),
  output: z.object({
    items: z.array(runRow),
    total: z.int(),
    /** How many of `items` failed, were denied or timed out. */
    bad: z.int(),
    /** How many runs were looked through, at most 1,000. */
    scanned: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What has failed in the last hour',
      with: { status: 'failed', withinSeconds: 3_600 },
      output: {
        items: [
          {
            runId: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71', workflowId: 'wf-fail', status: 'failed', ended: true, createdAt: '2026-11-20T19:22:27.375Z',
            startedAt: '2026-11-20T19:22:27.376Z', completedAt: '2026-11-20T19:22:27.691Z', updatedAt: '2026-11-20T19:22:27.691Z', failedStep: 't',
            failedJobId: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71:t@1', error: 'upstream bank API returned 503', waitingStep: '', stepCount: 1, rerunOf: '', dryRun: false, triggeredBy: '',
          },
        ],
        total: 1, bad: 1, scanned: 7, truncated: false, note: '',
      },
    },
  ],
  timeoutMs: 60_000,
  async run(input, ctx) {
    const sinceMs = input.withinSeconds === 0 ? 0 : ctx.now() - input.withinSeconds * 1_000;
    const fits = (run: RunRow): boolean =>
      (input.workflowId === '' || run.workflowId === input.workflowId) && (input.status === '' || run.status === input.status) && (sinceMs === 0 || Date.parse(run.updatedAt) >= sinceMs);
    const listed = await listRuns(ctx.use(Cordum), ctx, { sinceMs, enough: (found) => found.filter(fits).length > input.limit });
    if (!listed.ok) return listed;
    const matching = listed.value.runs.filter(fits);
    const items = matching.slice(0, input.limit);
    const oldestSeen = listed.value.runs.some((run) => Date.parse(run.updatedAt) < sinceMs);
    return succeed({
      items,
      total: items.length,
      bad: items.filter((run) => run.failedStep !== '' || ['failed', 'denied', 'timed_out'].includes(run.status)).length,
      scanned: listed.value.runs.length,
      truncated: matching.length > items.length || (listed.value.more && !oldestSeen),
      note: unreadableNote(listed.value.unreadable),
    });
  },
});
