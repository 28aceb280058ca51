/** Whether what stands under a key of Cordum's configuration is a document that Cordum reads (cordum.md §6.6). */
import { z } from 'zod';

const document = z.looseObject({
  scope: z.string(),
  scope_id: z.string(),
  data: z.looseObject({}),
  /** Absent in documents that were never changed by the API. */
  revision: z.number().int().nonnegative().optional(),
});
const bundles = z.record(z.string(), z.looseObject({ content: z.string().optional(), enabled: z.boolean().optional() }));

/** What is wrong with it; empty when nothing is. */
export function faultsOf(key: string, text: string): readonly string[] {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return ['it is not JSON'];
  }
  const read = document.safeParse(raw);
  if (!read.success) return [`${read.error.issues[0]?.path.join('.') || 'its top'} is wrong`];
  const [, scope, ...id] = key.split(':');
  const faults: string[] = [];
  if (read.data.scope !== scope || read.data.scope_id !== id.join(':')) faults.push(`it is the document of ${read.data.scope.slice(0, 40)}:${read.data.scope_id.slice(0, 80)}`);
  const held = read.data.data['bundles'];
  if (key === 'cfg:system:policy' && held !== undefined && !bundles.safeParse(held).success) faults.push('its bundles cannot be read');
  return faults;
}
