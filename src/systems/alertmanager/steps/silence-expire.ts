import { defineWrite, type Item, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import type { SilenceData } from '../schema.ts';
import { isActive, writeMatchers } from '../silences.ts';
import { Alertmanager } from '../system.ts';

const MOST_SILENCES = 50;

export const silenceExpire = defineWrite({
  name: 'alertmanager.silence.expire',
  summary: 'Ends silences now, so that people are notified again.',
  tier: 'R1',
  rate: { perSecond: 2, perHour: 200 },
  // Our call gives up after 10 s and Alertmanager acts at once; its peers hear of it within seconds.
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ silenceIds: z.array(z.uuid()).min(1, 'there is nothing to expire: the list of ids is empty').max(MOST_SILENCES) }),
  output: z.object({ expiredAt: z.string() }),
  examples: [{ title: 'The work is done', with: { silenceIds: ['baaca797-d571-41a9-96a5-fa22247c5d68'] } }],
  async plan(input, ctx) {
    const silences = await ctx.use(Alertmanager).silences({ signal: ctx.signal });
    if (!silences.ok) return silences;
    const byId = new Map(silences.value.value.map((silence) => [silence.id, silence]));
    const items: Item[] = [];
    const notes: string[] = [];
    for (const id of new Set(input.silenceIds)) {
      if (ctx.only !== undefined && ctx.only !== id) continue;
      const silence = byId.get(id);
      if (silence === undefined) notes.push(`${id}: there is no such silence.`);
      else if (!isActive(silence)) notes.push(`${id}: it has ended already.`);
      else items.push(itemOf(silence));
    }
    return succeed({ summary: items.length === 0 ? 'None of these silences is active.' : `End ${items.length} silence${items.length === 1 ? '' : 's'}: what they hide is notified again.`, items, notes });
  },
  async apply(item, _input, ctx) {
    const expired = await ctx.use(Alertmanager).expireSilence(item.key, { signal: ctx.signal });
    return expired.ok ? succeed({ expiredAt: new Date(ctx.now()).toISOString() }) : expired;
  },
  async probe(item, _input, ctx) {
    const silence = await ctx.use(Alertmanager).silence(item.key, { signal: ctx.signal });
    if (!silence.ok) return { landed: 'unknown', evidence: `Whether ${item.key} has ended cannot be seen. ${silence.failure.message}`, failure: silence.failure };
    if (isActive(silence.value.value)) return { landed: 'notApplied', evidence: `${item.key} is still active.` };
    return { landed: 'applied', result: { expiredAt: silence.value.value.endsAt }, evidence: `${item.key} ended at ${silence.value.value.endsAt}.` };
  },
  async verify(applied, _input, ctx) {
    const silences = await ctx.use(Alertmanager).silences({ signal: ctx.signal });
    if (!silences.ok) return silences;
    const byId = new Map(silences.value.value.map((silence) => [silence.id, silence]));
    const ends: Record<string, ItemEnd> = {};
    for (const { item } of applied) {
      const silence = byId.get(item.key);
      // Alertmanager forgets expired silences after its retention, 5 days by default.
      ends[item.key] = silence !== undefined && isActive(silence) ? 'failed' : 'done';
    }
    const left = Object.values(ends).filter((end) => end !== 'done').length;
    return succeed({ ends, say: left === 0 ? 'The silences have ended.' : `${left} of ${applied.length} silences are still active.` });
  },
});

function itemOf(silence: SilenceData): Item {
  const text = writeMatchers(silence.matchers);
  return {
    key: silence.id,
    title: `End the silence of ${text}`,
    current: { silence: text, endsAt: silence.endsAt, createdBy: cutText(redact(silence.createdBy), 200), comment: cutText(redact(silence.comment), 300) },
    next: { action: 'the silence ends now' },
  };
}
