import { ApprovalShape, IncidentShape, KillSwitchShape, listOf } from '#operations/shapes.ts';
import { WrongUsage } from '../failure.ts';
import { ago, table, until, visible } from '../format.ts';
import type { ExitCode } from '#app/commands.ts';
import { answer, listQuery, noteMore, optional, part, word } from './context.ts';
import type { RemoteContext } from './context.ts';
import { decisionText } from './show.ts';

/** What cards, the console and logs show of a digest; a decision takes the whole one. */
const SHORT_DIGEST = /^[0-9a-f]{8,63}$/;

export async function approvals(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get(`/approvals${listQuery(context, 'pending')}`, listOf(ApprovalShape));
  const now = context.clock.now();
  answer(context, page, ({ items }) =>
    items.length === 0 ? (context.given.options['status'] === undefined ? 'No approval is pending.' : 'No such approvals.') : table(['APPROVAL', 'TIER', 'TARGET', 'STATUS', 'EXPIRES', 'RUN', 'WHAT'], items.map((one) => [one.id, one.tier, one.target, one.status, until(one.expiresAt, now), one.runId, one.title])),
  );
  noteMore(context, page.nextCursor);
  return 0;
}

export function approve(context: RemoteContext): Promise<ExitCode> {
  return decide(context, 'approve', context.given.options['digest'] ?? '');
}

/** To deny a plan one need not have read it to its end: without a digest the plan as it is now is denied. */
export async function deny(context: RemoteContext): Promise<ExitCode> {
  const given = context.given.options['digest'];
  const digest = given ?? (await context.client.get(`/approvals/${part(word(context, 'APPROVAL'))}`, ApprovalShape)).plan.digest;
  return decide(context, 'deny', digest);
}

async function decide(context: RemoteContext, decision: 'approve' | 'deny', digest: string): Promise<ExitCode> {
  if (SHORT_DIGEST.test(digest)) throw new WrongUsage(`--digest ${digest} is only its beginning: give all 64 characters, as "runbook-bot show RUN" prints them.`);
  const { reason, confirm } = context.given.options;
  const body = { decision, digest, ...optional('reason', reason), ...optional('confirm', confirm) };
  const view = await context.client.send('POST', `/approvals/${part(word(context, 'APPROVAL'))}/decisions`, body, ApprovalShape);
  answer(context, view, (value) => decisionText(value, context.clock.now()));
  return 0;
}

export async function incidents(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get(`/incidents${listQuery(context, 'open')}`, listOf(IncidentShape));
  const now = context.clock.now();
  answer(context, page, ({ items }) =>
    items.length === 0 ? (context.given.options['status'] === undefined ? 'No incident is open.' : 'No such incidents.') : table(['INCIDENT', 'STATUS', 'SEVERITY', 'TARGET', 'OPENED', 'ALERTS', 'RUN', 'WHAT'], items.map((one) => [one.id, one.status, one.severity, one.target, ago(one.openedAt, now), String(one.alerts.length), one.runs.at(-1) ?? '-', one.title])),
  );
  if (!context.json) for (const one of page.items) for (const note of one.notes) context.out(`${one.id}: ${visible(note)}`);
  noteMore(context, page.nextCursor);
  return 0;
}

export async function close(context: RemoteContext): Promise<ExitCode> {
  const view = await context.client.send('POST', `/incidents/${part(word(context, 'INCIDENT'))}/close`, { reason: context.given.options['reason'] }, IncidentShape);
  answer(context, view, (value) => `${value.id} ${value.status}`);
  return 0;
}

export async function killSwitch(context: RemoteContext): Promise<ExitCode> {
  const state = word(context, 'STATE');
  // Whoever must stop everything now is not asked to find words first.
  const reason = context.given.options['reason'] ?? `switched ${state} from the command line`;
  const view = state === 'status' ? await context.client.get('/kill-switch', KillSwitchShape) : await context.client.send('PUT', '/kill-switch', { on: state === 'on', reason }, KillSwitchShape);
  answer(context, view, (value) => {
    const who = value.by === null ? '' : ` by ${visible(value.by)}${value.at === null ? '' : ` at ${value.at}`}${value.reason === null ? '' : `: ${visible(value.reason)}`}`;
    return value.on ? `on: every write is stopped,${who}` : `off: writes are allowed${who === '' ? '' : `, switched${who}`}`;
  });
  return 0;
}
