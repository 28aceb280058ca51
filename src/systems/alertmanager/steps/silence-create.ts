import { defineWrite, fail, succeed, type ItemEnd, z } from '#step-kit/index.ts';
import { parseDuration } from '#kernel/duration.ts';
import { redact } from '#kernel/redact.ts';
import type { AlertmanagerClient } from '../client.ts';
import { CREATOR, equalities, isActive, LABEL_NAME, matchesAll, sameMatchers, writeMatchers } from '../silences.ts';
import { Alertmanager } from '../system.ts';

const LONGEST_MS = 4 * 3_600_000;
const LEAST_MS = 60_000;
const MOST_LABELS = 20;
/** A silence that ends within this of the wanted end is as good. */
const SLACK_MS = 60_000;

const value = z.string().min(1, 'an empty value would match every alert without the label').max(1_000);

export const silenceCreate = defineWrite({
  name: 'alertmanager.silence.create',
  summary: 'Silences one alert, narrowed by labels, for at most 4 hours. It ends by itself; undo expires it earlier.',
  tier: 'R1',
  rate: { perSecond: 1, perHour: 60 },
  // Our call gives up after 10 s and Alertmanager stores a silence at once; its peers hear of it within seconds.
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({
    alertname: value.describe('The alert, exactly.'),
    labels: z
      .array(z.object({ name: z.string().max(200).regex(LABEL_NAME, 'expected the name of a label').refine((name) => name !== 'alertname', 'alertname has a key of its own'), value }))
      .min(1, 'a silence needs at least one label besides the name of the alert')
      .max(MOST_LABELS)
      .refine((labels) => new Set(labels.map(({ name }) => name)).size === labels.length, 'each label once')
      .describe('What else the alert must carry, exactly: the namespace, the pool, the service.'),
    duration: z
      .string()
      .refine((text) => (parseDuration(text) ?? 0) >= LEAST_MS && (parseDuration(text) ?? Infinity) <= LONGEST_MS, 'expected a duration from 1m to 4h')
      .default('1h')
      .describe('After this it ends by itself: take the `within` of the run.'),
    reason: z.string().min(1).max(300),
    ahead: z.boolean().default(false).describe('Also when no such alert fires yet, for planned work.'),
  }),
  output: z.object({ silenceId: z.string(), startsAt: z.string(), endsAt: z.string() }),
  examples: [{ title: 'While a service is restarted', with: { alertname: 'CordumSchedulerDown', labels: [{ name: 'namespace', value: 'cordum' }], duration: '30m', reason: 'rolling restart', ahead: true } }],
  async plan(input, ctx) {
    const client = ctx.use(Alertmanager);
    const matchers = equalities(input.alertname, input.labels);
    const text = writeMatchers(matchers);
    const silences = await client.silences({ signal: ctx.signal });
    if (!silences.ok) return silences;
    const alerts = await client.alerts({ signal: ctx.signal });
    if (!alerts.ok) return alerts;
    const wantedEndMs = silences.value.atMs + (parseDuration(input.duration) ?? 0);
    const [longest] = silences.value.value
      .filter((silence) => isActive(silence) && sameMatchers(silence.matchers, matchers))
      .toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt));
    if (longest !== undefined && Date.parse(longest.endsAt) >= wantedEndMs - SLACK_MS) return succeed({ summary: `${text} is silenced already, until ${longest.endsAt}.`, items: [] });
    const matching = alerts.value.value.filter(({ labels }) => matchesAll(matchers, labels)).length;
    if (matching === 0 && !input.ahead) return fail('refused', `No alert that fires matches ${text}: the silence would hide nothing, or the wrong thing later. Say "ahead: true" for planned work.`);
    const item = {
      key: `silence ${text}`,
      title: `Silence ${text} for ${input.duration}`,
      current: { silencedUntil: longest?.endsAt ?? '' },
      next: { silence: text, duration: input.duration, reason: redact(input.reason) },
    };
    const items = ctx.only === undefined || ctx.only === item.key ? [item] : [];
    return succeed({
      summary: `Silence ${input.alertname} for ${input.duration}: nobody is notified of it meanwhile.`,
      items,
      notes: [matching === 0 ? 'No such alert fires now.' : `It hides ${matching} alert${matching === 1 ? '' : 's'} that fire${matching === 1 ? 's' : ''} now.`, 'It ends by itself at its end, also when the bot is gone.'],
    });
  },
  async apply(_item, input, ctx) {
    const client = ctx.use(Alertmanager);
    // Its own time: it refuses an end that is past by its clock (recording silence_bad_ends_in_past).
    const status = await client.status({ signal: ctx.signal });
    if (!status.ok) return fail(status.failure.reason, `Not silenced, because Alertmanager could not be asked before. ${status.failure.message}`, 'no');
    const startsAt = new Date(status.value.atMs).toISOString();
    const endsAt = new Date(status.value.atMs + (parseDuration(input.duration) ?? 0)).toISOString();
    const matchers = equalities(input.alertname, input.labels);
    const comment = `Run ${ctx.runId}: ${redact(input.reason)} ${mark(ctx.idempotencyKey)}`;
    const created = await client.createSilence({ matchers, startsAt, endsAt, createdBy: `${CREATOR} (${ctx.approvedBy})`, comment }, { signal: ctx.signal });
    return created.ok ? succeed({ silenceId: created.value.id, startsAt, endsAt }) : created;
  },
  async probe(item, _input, ctx) {
    const silences = await ctx.use(Alertmanager).silences({ signal: ctx.signal });
    if (!silences.ok) return { landed: 'unknown', evidence: `Whether the silence was made cannot be seen. ${silences.failure.message}`, failure: silences.failure };
    const ours = silences.value.value.find(({ comment, createdBy }) => createdBy.startsWith(CREATOR) && comment.endsWith(mark(ctx.idempotencyKey)));
    if (ours === undefined) return { landed: 'notApplied', evidence: `Alertmanager lists no silence with the mark of this effect (${item.key}).` };
    return { landed: 'applied', result: { silenceId: ours.id, startsAt: ours.startsAt, endsAt: ours.endsAt }, evidence: `Alertmanager lists ${ours.id} with the mark of this effect.` };
  },
  async verify(applied, input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    for (const { item, result } of applied) {
      const id = typeof result['silenceId'] === 'string' ? result['silenceId'] : '';
      const state = await stateOf(ctx.use(Alertmanager), id, input, ctx.signal);
      if (!state.ok) return state;
      ends[item.key] = state.value;
    }
    const holding = Object.values(ends).filter((end) => end === 'done').length;
    return succeed({ ends, say: holding === applied.length ? 'The silence is active.' : 'The silence is not active: it was expired, or cannot be found.' });
  },
  undo(applied, input) {
    const silenceIds = applied.flatMap(({ result: { silenceId } }) => (typeof silenceId === 'string' && silenceId !== '' ? [silenceId] : []));
    return silenceIds.length === 0 ? undefined : { uses: 'alertmanager.silence.expire', with: { silenceIds }, title: `Lift the silence of ${input.alertname}` };
  },
});

function mark(idempotencyKey: string): string {
  return `[${idempotencyKey}]`;
}

/** An effect that a person settled as applied carries no id: then any active silence with the same matchers counts. */
async function stateOf(client: AlertmanagerClient, id: string, input: { readonly alertname: string; readonly labels: readonly { name: string; value: string }[] }, signal: AbortSignal) {
  const silences = await client.silences({ signal });
  if (!silences.ok) return silences;
  const matchers = equalities(input.alertname, input.labels);
  const ours = silences.value.value.find((silence) => (id === '' ? isActive(silence) && sameMatchers(silence.matchers, matchers) : silence.id === id));
  if (ours === undefined) return succeed<ItemEnd>('unknown');
  return succeed<ItemEnd>(isActive(ours) ? 'done' : 'returned');
}
