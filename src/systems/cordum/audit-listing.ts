/** Reading Cordum's audit trail, which is bounded there and lossy. */
import { type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from './fields.ts';
import { patiently } from './patience.ts';
import type { AuditQuery } from './policy-calls.ts';
import { auditEntry, type AuditEntry } from './policy-records.ts';
import { Cordum } from './system.ts';

/** reference/cordum.md §1.7: one document, newest 500, appended with optimistic locking whose failures are ignored. */
const LOSSY = 'Cordum keeps its newest 500 entries and loses some when changes coincide.';

export const auditOutput = z.object({ items: z.array(auditEntry), total: z.int(), truncated: z.boolean(), note: z.string() });

export async function listAudit(query: AuditQuery, resourceId: string, ctx: StepContext, most = query.limit, counts = (_entry: AuditEntry): boolean => true): Promise<Result<z.output<typeof auditOutput>>> {
  const answer = await patiently(ctx, () => ctx.use(Cordum).audit(query, { signal: ctx.signal }));
  if (!answer.ok) return answer;
  // Filtered here as well: an older Cordum ignores filters that it does not know.
  const fits = (entry: AuditEntry): boolean =>
    (query.type === '' || entry.resourceType === query.type) && (query.action === '' || entry.action === query.action) && (resourceId === '' || entry.resourceId === resourceId);
  const matching = answer.value.items.filter((entry) => fits(entry) && counts(entry));
  const items = matching.slice(0, most);
  return succeed({ items, total: items.length, truncated: answer.value.more || matching.length > items.length, note: [LOSSY, unreadableNote(answer.value.unreadable)].filter((said) => said !== '').join(' ') });
}
