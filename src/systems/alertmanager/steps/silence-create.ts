import { defineWrite, fail, type Item, type ItemEnd, type Json, type JsonObject, succeed, z } from '#step-kit/index.ts';
import { parseDuration } from '#kernel/duration.ts';
import { redact } from '#kernel/redact.ts';
import type { AlertmanagerClient } from '../client.ts';
import type { Matcher, SilenceData } from '../schema.ts';
import { CREATOR, equalities, isActive, isMarked, LABEL_NAME, LONGEST_MS, markOf, matchesAll, sameMatchers, writeMatchers } from '../silences.ts';
import { Alertmanager } from '../system.ts';

const LEAST_MS = 60_000;
const MOST_LABELS = 20;
const MOST_ALERTS = 20;
/** A silence that ends within this of the wanted end is as good. */
const SLACK_MS = 60_000;

const value = z.string().min(1, 'an empty value would match every alert without the label').max(1_000);

export const silenceCreate = defineWrite({
  name: 'alertmanager.silence.create',
  summary: 'Silences alerts by name, narrowed by labels, until the run ends and for at most 4 hours. The bot lifts it when the run has ended, in whatever way; it also ends by itself.',
  tier: 'R1',
  rate: { perSecond: 1, perHour: 60 },
  // Our call gives up after 10 s and Alertmanager stores a silence at once; its peers hear of it within seconds.
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({
    alertnames: z.array(value).min(1, 'there is nothing to silence: the list of alerts is empty').max(MOST_ALERTS).describe('The alerts, exactly; a silence for each.'),
    labels: z
      .array(z.object({ name: z.string().max(200).regex(LABEL_NAME, 'expected the name of a label').refine((name) => name !== 'alertname', 'alertname has a key of its own'), value }))
      .min(1, 'a silence needs at least one label besides the name of the alert')
      .max(MOST_LABELS)
      .refine((labels) => new Set(labels.map(({ name }) => name)).size === labels.length, 'each label once')
      .describe('What else each alert must carry, exactly: the namespace, the pool, the service.'),
    duration: z
      .string()
      .refine((text) => (parseDuration(text) ?? 0) >= LEAST_MS && (parseDuration(text) ?? Infinity) <= LONGEST_MS, 'expected a duration from 1m to 4h')
      .default('1h')
      .describe('After this it ends by itself, whatever becomes of the bot: take the `within` of the run.'),
    reason: z.string().min(1).max(300),
    ahead: z.boolean().default(false).describe('Also when no such alert fires yet, for planned work.'),
  }),
  output: z.object({ silenceId: z.string(), startsAt: z.string(), endsAt: z.string() }),
  examples: [{ title: 'While a service is restarted', with: { alertnames: ['CordumSchedulerDown'], labels: [{ name: 'namespace', value: 'cordum' }], duration: '30m', reason: 'rolling restart', ahead: true } }],
  async plan(input, ctx) {
    const client = ctx.use(Alertmanager);
    const silences = await client.silences({ signal: ctx.signal });
    if (!silences.ok) return silences;
    const alerts = await client.alerts({ signal: ctx.signal });
    if (!alerts.ok) return alerts;
    const wantedEndMs = silences.value.atMs + (parseDuration(input.duration) ?? 0);
    const items: (Item & { readonly next: { readonly alertname: string } })[] = [];
    const notes: string[] = [];
    let firing = 0;
    for (const alertname of new Set(input.alertnames)) {
      const matchers = equalities(alertname, input.labels);
      const text = writeMatchers(matchers);
      const key = `silence ${text}`;
      if (ctx.only !== undefined && ctx.only !== key) continue;
      const silencedUntil = endOfLongest(silences.value.value, matchers);
      if (silencedUntil !== '' && Date.parse(silencedUntil) >= wantedEndMs - SLACK_MS) {
        notes.push(`${text} is silenced already, until ${silencedUntil}.`);
        continue;
      }
      firing += alerts.value.value.filter(({ labels }) => matchesAll(matchers, labels)).length;
      items.push({ key, title: `Silence ${text} for ${input.duration}`, current: { silencedUntil }, next: { silence: text, alertname, duration: input.duration, reason: redact(input.reason) } });
    }
    if (items.length > 0 && firing === 0 && !input.ahead) return fail('refused', `No alert that fires matches ${items.map(({ key }) => key.slice('silence '.length)).join(', ')}: the silence would hide nothing, or the wrong thing later. Say "ahead: true" for planned work.`);
    if (items.length > 0) notes.push(firing === 0 ? 'No such alert fires now.' : `It hides ${firing} alert${firing === 1 ? '' : 's'} that fire${firing === 1 ? 's' : ''} now.`, 'The bot lifts it when the run has ended, in whatever way. It ends by itself at its end, also when the bot is gone.');
    const names = items.map(({ next }) => next.alertname).join(', ');
    return succeed({ summary: items.length === 0 ? `All of it is silenced already.` : `Silence ${names} for ${input.duration} at most: nobody is notified of it meanwhile.`, items, notes });
  },
  async apply(item, input, ctx) {
    const client = ctx.use(Alertmanager);
    // Its own time: it refuses an end that is past by its clock (recording silence_bad_ends_in_past).
    const status = await client.status({ signal: ctx.signal });
    if (!status.ok) return fail(status.failure.reason, `Not silenced, because Alertmanager could not be asked before. ${status.failure.message}`, 'no');
    const startsAt = new Date(status.value.atMs).toISOString();
    const endsAt = new Date(status.value.atMs + (parseDuration(input.duration) ?? 0)).toISOString();
    const matchers = equalities(alertnameOf(item), input.labels);
    const comment = `Run ${ctx.runId}: ${redact(input.reason)} ${markOf(ctx.idempotencyKey)}`;
    const created = await client.createSilence({ matchers, startsAt, endsAt, createdBy: `${CREATOR} (${ctx.approvedBy})`, comment }, { signal: ctx.signal });
    return created.ok ? succeed({ silenceId: created.value.id, startsAt, endsAt }) : created;
  },
  async probe(item, _input, ctx) {
    const silences = await ctx.use(Alertmanager).silences({ signal: ctx.signal });
    if (!silences.ok) return { landed: 'unknown', evidence: `Whether the silence was made cannot be seen. ${silences.failure.message}`, failure: silences.failure };
    const ours = silences.value.value.find((silence) => isMarked(silence, ctx.idempotencyKey));
    if (ours === undefined) return { landed: 'notApplied', evidence: `Alertmanager lists no silence with the mark of this effect (${item.key}).` };
    return { landed: 'applied', result: { silenceId: ours.id, startsAt: ours.startsAt, endsAt: ours.endsAt }, evidence: `Alertmanager lists ${ours.id} with the mark of this effect.` };
  },
  async verify(applied, input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    for (const { item, result } of applied) {
      const id = typeof result['silenceId'] === 'string' ? result['silenceId'] : '';
      const state = await stateOf(ctx.use(Alertmanager), id, equalities(alertnameOf(item), input.labels), ctx.signal);
      if (!state.ok) return state;
      ends[item.key] = state.value;
    }
    const holding = Object.values(ends).filter((end) => end === 'done').length;
    return succeed({ ends, say: holding === applied.length ? 'What was silenced is silent.' : `${applied.length - holding} of ${applied.length} silences are not active: expired since, or not to be found.` });
  },
  undo(applied, input) {
    const silenceIds = applied.flatMap(({ result: { silenceId } }) => (typeof silenceId === 'string' && silenceId !== '' ? [silenceId] : []));
    return silenceIds.length === 0 ? undefined : { uses: 'alertmanager.silence.expire', with: { silenceIds }, title: `Lift the silence of ${input.alertnames.join(', ')}` };
  },
});

/** Of people's silences alone: one of the bot is lifted when its own run ends, perhaps long before this one. */
function endOfLongest(silences: readonly SilenceData[], matchers: readonly Matcher[]): string {
  const [longest] = silences
    .filter((silence) => isActive(silence) && !silence.createdBy.startsWith(CREATOR) && sameMatchers(silence.matchers, matchers))
    .toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt));
  return longest?.endsAt ?? '';
}

function alertnameOf({ next }: { readonly next: Json }): string {
  const name = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as JsonObject)['alertname'] : undefined;
  // An item of an approval is our own plan, which always names its alert.
  if (typeof name !== 'string') throw new TypeError('an item of alertmanager.silence.create names no alert');
  return name;
}

/** An effect that a person settled as applied carries no id: then any active silence with the same matchers counts. */
async function stateOf(client: AlertmanagerClient, id: string, matchers: readonly Matcher[], signal: AbortSignal) {
  const silences = await client.silences({ signal });
  if (!silences.ok) return silences;
  const ours = silences.value.value.find((silence) => (id === '' ? isActive(silence) && sameMatchers(silence.matchers, matchers) : silence.id === id));
  if (ours === undefined) return succeed<ItemEnd>('unknown');
  return succeed<ItemEnd>(isActive(ours) ? 'done' : 'returned');
}
