import { digestOf } from '#kernel/digest.ts';
import { toJson } from '#kernel/json.ts';
import { defineWrite, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { licenseFacts } from '../license.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { field } from '../words.ts';

const KEY = 'license';

export const licenseReload = defineWrite({
  name: 'cordum.license.reload',
  summary: 'Has one replica of the gateway read its licence again, and compares what it has afterwards.',
  tier: 'R1',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({}),
  output: z.object({ reloadedAt: z.string(), plan: z.string(), status: z.string(), expiresAt: z.string(), changed: z.boolean() }),
  examples: [{ title: 'After a new licence file was mounted', with: {} }],
  async plan(_input, ctx) {
    if (ctx.only !== undefined && ctx.only !== KEY) return succeed({ summary: 'It is not the licence.', items: [] });
    const license = await patiently(ctx, () => ctx.use(Cordum).license({ signal: ctx.signal }));
    if (!license.ok) return license;
    const { plan, status, licenseId, expiresAt } = license.value;
    return succeed({
      summary: `Have the gateway read its licence again: it has ${plan || 'an unknown plan'} (${status || 'state unknown'}${expiresAt === '' ? '' : `, until ${expiresAt.slice(0, 10)}`}) now.`,
      items: [{ key: KEY, title: 'Read the licence again', current: { plan, status, licenseId, expiresAt, digest: digestOf(toJson(license.value)) }, next: { action: 'whatever the mounted licence says' } }],
      // reference/cordum.md §1.10: the error of a reload is thrown away, and only the replica that took the call reloads.
      notes: ['Only the replica that takes the call reads it again: repeat it once for each, or restart the gateway.', 'Cordum answers "reloaded" for a licence that is not valid as well, so the licence is compared afterwards.'],
    });
  },
  async apply(item, _input, ctx) {
    const reloaded = await ctx.use(Cordum).reloadLicense({ principal: ctx.approvedBy, signal: ctx.signal });
    if (!reloaded.ok) return reloaded;
    const { plan, status, expiresAt, licenseId } = reloaded.value;
    const changed = ['plan', 'status', 'expiresAt', 'licenseId'].some((name) => field(item.current, name) !== field({ plan, status, expiresAt, licenseId }, name));
    return succeed({ reloadedAt: new Date(ctx.now()).toISOString(), plan, status, expiresAt, changed });
  },
  async probe(item, _input, ctx) {
    const license = await patiently(ctx, () => ctx.use(Cordum).license({ signal: ctx.signal }));
    if (!license.ok) return { landed: 'unknown', evidence: `The licence cannot be seen. ${license.failure.message}`, failure: license.failure };
    const { plan, status, expiresAt } = license.value;
    if (digestOf(toJson(license.value)) === field(item.current, 'digest')) return { landed: 'unknown', evidence: 'The licence is as before: either it was not read again, or it is the same one. To do it once more is harmless.' };
    return { landed: 'applied', result: { reloadedAt: new Date(ctx.intendedAt).toISOString(), plan, status, expiresAt, changed: true }, evidence: `The licence is another one now: ${plan || 'plan unknown'}, ${status || 'state unknown'}.` };
  },
  async verify(applied, _input, ctx) {
    const license = await patiently(ctx, () => ctx.use(Cordum).license({ signal: ctx.signal }));
    if (!license.ok) return license;
    const { plan, expiryStatus, status } = license.value;
    const { valid, expires, daysLeft } = licenseFacts(license.value, ctx.now());
    const end: ItemEnd = valid ? 'done' : 'failed';
    const changed = applied.some(({ result }) => result['changed'] === true);
    return succeed({
      ends: Object.fromEntries(applied.map(({ item }) => [item.key, end])),
      say: `The licence is ${plan || 'of an unknown plan'}, ${expiryStatus || status || 'state unknown'}${expires ? `, ${daysLeft} days left` : ''}; ${changed ? 'it has changed' : 'it is the same as before'}.`,
    });
  },
});
