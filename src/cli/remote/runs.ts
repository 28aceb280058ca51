import type { RunSummary, RunView } from '#engine/model/views.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { listOf, RunShape, RunSummaryShape } from '#operations/shapes.ts';
import { WrongUsage } from '../failure.ts';
import { ago, lasted, table, visible } from '../format.ts';
import type { ExitCode } from '#app/commands.ts';
import { followRun } from '../watch.ts';
import { answer, listQuery, noteMore, optional, part, word } from './context.ts';
import type { RemoteContext } from './context.ts';
import { planText, runText } from './show.ts';

export async function plan(context: RemoteContext): Promise<ExitCode> {
  const started = await start(context, true);
  const ended = await follow(context, started.id);
  answer(context, ended, planned);
  return ended.status === 'succeeded' ? 0 : 1;
}

export async function run(context: RemoteContext): Promise<ExitCode> {
  const started = await start(context, false);
  if (!context.given.switches.has('wait')) {
    answer(context, started, (value) => `${value.id} ${value.status}\nrunbook-bot show ${value.id}`);
    return 0;
  }
  const ended = await follow(context, started.id);
  answer(context, ended, (value) => runText(value, context.clock.now()));
  return ended.status === 'succeeded' ? 0 : 1;
}

export async function runs(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get(`/runs${listQuery(context, 'any')}`, listOf(RunSummaryShape));
  const now = context.clock.now();
  answer(context, page, ({ items }) =>
    items.length === 0 ? 'No runs.' : table(['RUN', 'RUNBOOK', 'TARGET', 'STATUS', 'STARTED', 'TOOK'], items.map((one) => [one.id, one.runbook, one.target, one.dryRun ? `${one.status} (dry)` : one.status, ago(one.startedAt, now), lasted(one.startedAt, one.endedAt, now)])),
  );
  noteMore(context, page.nextCursor);
  return 0;
}

export async function show(context: RemoteContext): Promise<ExitCode> {
  const view = await context.client.get(`/runs/${part(word(context, 'RUN'))}`, RunShape);
  answer(context, view, (value) => runText(value, context.clock.now()));
  return 0;
}

export async function cancel(context: RemoteContext): Promise<ExitCode> {
  const { reason } = context.given.options;
  const view = await context.client.send('POST', `/runs/${part(word(context, 'RUN'))}/cancel`, optional('reason', reason), RunSummaryShape);
  answer(context, view, (value) => (value.endedAt === null ? `${value.id} is being cancelled, now ${value.status}\nrunbook-bot show ${value.id}` : `${value.id} ${value.status}`));
  return 0;
}

export async function settle(context: RemoteContext): Promise<ExitCode> {
  const key = word(context, 'EFFECT');
  const outcome = word(context, 'OUTCOME') === 'applied' ? 'applied' : 'notApplied';
  const path = `/runs/${part(word(context, 'RUN'))}/effects/${part(key)}/settlement`;
  const view = await context.client.send('POST', path, { outcome, reason: context.given.options['reason'] }, RunShape);
  answer(context, view, (value) => `${visible(key)} is settled: ${outcome === 'applied' ? 'applied' : 'not applied'}. ${value.id} ${value.status}`);
  return 0;
}

async function start(context: RemoteContext, dryRun: boolean): Promise<RunSummary> {
  const inputs = readInputs(context.given.lists['input'] ?? []);
  const body = { runbook: word(context, 'RUNBOOK'), dryRun, ...optional('target', context.given.options['target']), ...(Object.keys(inputs).length === 0 ? {} : { inputs }) };
  return context.client.send('POST', '/runs', body, RunSummaryShape);
}

function follow(context: RemoteContext, runId: string): Promise<RunView> {
  context.note(`${runId} started`);
  return followRun(context.client, runId, context.clock, (entry) => {
    context.note(`${entry.at} ${visible(entry.say)}`);
    // Whoever waits here is perhaps the one for whom it waits.
    if (entry.type === 'ApprovalRequested') context.note(`Its plan, and the digest to approve: runbook-bot show ${runId}`);
  });
}

/** `k=v`: JSON where it reads as JSON, else text. */
function readInputs(pairs: readonly string[]): JsonObject {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw new WrongUsage(`--input ${visible(pair)}: expected k=v.`);
      return [pair.slice(0, at), readValue(pair.slice(at + 1))];
    }),
  );
}

function readValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** What a dry run is asked for: what is wrong, and what each offer would do. */
function planned(view: RunView): string {
  const parts = view.findings.map(({ severity, say }) => `[${severity}] ${visible(say)}`);
  for (const unknown of view.unknowns) parts.push(`could not be seen: ${visible(unknown)}`);
  for (const offer of view.offers) {
    parts.push('', `${visible(offer.title)}  (${visible(offer.id)}, ${offer.tier}, ${visible(offer.uses)})`);
    parts.push(offer.plan === null ? `${offer.status}${offer.because === null ? '' : `: ${visible(offer.because)}`}` : planText(offer.plan));
  }
  if (view.offers.length === 0) parts.push('The runbook offers nothing.');
  parts.push('', `${view.id} ${view.status}${view.because === null ? '' : `: ${visible(view.because)}`}`);
  return parts.join('\n').replace(/^\n/, '');
}
