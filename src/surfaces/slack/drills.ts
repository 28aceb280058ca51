/** Drills in Slack: how they stand, and approving one ahead, by command or by the button of a reminder. */
import { AROUND_SLOT_MS } from '#operations/ahead.ts';
import type { Answer, DrillApprovalView, DrillView, NoticeView, Operations } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';
import type { Metadata } from './cards/modals.ts';
import { inert } from './cards/text.ts';
import type { Command } from './command.ts';
import { outcomeOf, type ClickWorld, type Outcome } from './outcome.ts';

/** Longer lists are read in the console or with `runbook-bot drill list`. */
const LISTED = 15;

export async function drillsText(operations: Operations): Promise<string> {
  const drills = await operations.drills();
  if (drills.length === 0) return 'No drill is configured.';
  const lines = drills.slice(0, LISTED).map(lineOf);
  return drills.length > LISTED ? `${lines.join('\n')}\n… and ${drills.length - LISTED} more` : lines.join('\n');
}

function lineOf({ name, overdue, stores, nextAt, approvals }: DrillView): string {
  const results = stores.map(({ store, lastStatus, lastAt }) => `${store} ${lastAt === null ? 'has never run' : `${lastStatus}, ${minute(lastAt)}`}`).join('; ');
  const next = nextAt === null ? '' : `; next ${minute(nextAt)}`;
  const ahead = approvals.map(({ id, by, from, to }) => `\n    approved ahead by ${inert(by, 80)} for ${minute(from)} to ${minute(to)} (${id})`).join('');
  return `• ${inert(name, 63)}${overdue ? ' – overdue' : ''}: ${results}${next}${ahead}`;
}

function minute(iso: string): string {
  return `${iso.slice(0, 16)}Z`;
}

export async function approveByCommand(operations: Operations, principal: Principal, command: Extract<Command, { kind: 'approveDrill' }>, triggerId: string | null): Promise<string> {
  const { drill, from, to, reason } = command;
  const window = from === null || to === null ? {} : { from, to };
  return said(await operations.approveDrill(principal, drill, { ...window, reason: reason === '' ? 'by /runbook drill approve, without a reason' : reason, ...(triggerId === null ? {} : { idempotencyKey: `slack:${triggerId}` }) }));
}

export async function revokeByCommand(operations: Operations, principal: Principal, { drill, id, reason }: Extract<Command, { kind: 'revokeDrill' }>): Promise<string> {
  return said(await operations.revokeDrillApproval(principal, drill, id, reason));
}

export async function noticeNamed(operations: Operations, id: string): Promise<NoticeView | undefined> {
  return (await operations.notices()).find((one) => one.id === id);
}

/** The window of the slot that the card showed, whatever slot is next by now. */
export async function approveByForm({ operations }: ClickWorld, principal: Principal, { subject }: Metadata, reason: string, viewId: string | null): Promise<Outcome> {
  const notice = await noticeNamed(operations, subject);
  if (notice?.drill == null || !notice.live) return { say: 'This drill is not to come any more. See /runbook drill.', refresh: subject };
  const at = (ms: number): string => new Date(Date.parse(notice.dueAt) + ms).toISOString();
  const answer = await operations.approveDrill(principal, notice.drill, { from: at(-AROUND_SLOT_MS), to: at(AROUND_SLOT_MS), reason, ...(viewId === null ? {} : { idempotencyKey: `slack:${viewId}` }) });
  return answer.ok ? { say: said(answer), refresh: subject } : outcomeOf(answer, subject);
}

function said(answer: Answer<DrillApprovalView>): string {
  if (!answer.ok) return answer.problem.field === undefined ? answer.problem.message : `${answer.problem.field}: ${answer.problem.message}`;
  const { id, drill, status, from, to, runId, revokedBy } = answer.value;
  if (status === 'revoked') return `Revoked: ${inert(drill, 63)} is not approved ahead by ${id} any more${revokedBy === null ? '' : ` (${inert(revokedBy, 80)})`}.`;
  const what = `${inert(drill, 63)} is approved ahead for ${minute(from)} to ${minute(to)} (${id})`;
  return status === 'used' ? `${what}, and run ${runId ?? ''} has used it: it counts once.` : `${what}. It counts once, for the configuration as it is now, and only while you may still approve.`;
}
