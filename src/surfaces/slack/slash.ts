/** Answers `/runbook …`. Reading is for everybody in the workspace; what changes something is decided by the operations. */
import type { ApprovalView, IncidentView } from '#engine/model/views.ts';
import type { Operations } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';
import { HELP, parseCommand, type Command } from './command.ts';
import { inert } from './cards/text.ts';
import { approveByCommand, drillsText, revokeByCommand } from './drills.ts';

/** Longer lists are read in the console. */
const LISTED = 15;

export async function onSlash(operations: Operations, principal: Principal, text: string, triggerId: string | null): Promise<string> {
  const command = parseCommand(text);
  switch (command.kind) {
    case 'help':
      return HELP;
    case 'mistake':
      return command.message;
    case 'list':
      return listOf(operations);
    case 'status':
      return statusOf(operations);
    case 'incidents':
      return incidentsOf(operations);
    case 'approvals':
      return approvalsOf(operations);
    case 'drills':
      return drillsText(operations);
    case 'approveDrill':
      return approveByCommand(operations, principal, command, triggerId);
    case 'revokeDrill':
      return revokeByCommand(operations, principal, command);
    case 'run':
      return run(operations, principal, command, triggerId);
    case 'kill': {
      const answer = await operations.setKillSwitch(principal, command.on, command.reason);
      if (!answer.ok) return answer.problem.message;
      return answer.value.on ? 'The kill switch is ON: every write is stopped until a person re-arms it.' : 'The kill switch is off: approved writes go on.';
    }
  }
}

function listOf(operations: Operations): string {
  const runbooks = operations.runbooks();
  if (runbooks.length === 0) return 'No runbooks are loaded.';
  const lines = runbooks.slice(0, LISTED * 2).map((one) => `• ${inert(one.name, 60)}: ${inert(one.title, 100)} (owner ${inert(one.owner, 60)})${one.problems.length === 0 ? '' : ` – ${one.problems.length} mistake(s) in the file, the last good version is in use`}`);
  return withMore(lines, runbooks.length);
}

async function statusOf(operations: Operations): Promise<string> {
  const [open, pending, ready] = await Promise.all([operations.incidents({ status: 'open', limit: 200 }), operations.approvals({ status: 'pending', limit: 200 }), operations.ready()]);
  const killSwitch = operations.killSwitch();
  const count = (page: { readonly items: readonly unknown[]; readonly nextCursor: string | null }): string => `${page.items.length}${page.nextCursor === null ? '' : ' or more'}`;
  return [
    `Open incidents: ${count(open)}`,
    `Waiting approvals: ${count(pending)}`,
    killSwitch.on ? `Kill switch: ON, by ${inert(killSwitch.by ?? '–', 60)}: ${inert(killSwitch.reason ?? '–', 200)}` : 'Kill switch: off',
    ready.ready ? 'Ready: yes' : `Ready: no, ${inert(ready.because ?? 'no reason given', 200)}`,
  ].join('\n');
}

async function incidentsOf(operations: Operations): Promise<string> {
  const page = await operations.incidents({ status: 'open', limit: LISTED });
  if (page.items.length === 0) return 'No incident is open.';
  const line = (one: IncidentView): string => `• ${inert(one.severity, 20)} ${inert(one.title, 120)} on ${inert(one.target, 60)}, since ${inert(one.openedAt, 20)} (${one.id})`;
  return `${page.items.map(line).join('\n')}${page.nextCursor === null ? '' : '\n… and more in the console'}`;
}

async function approvalsOf(operations: Operations): Promise<string> {
  const page = await operations.approvals({ status: 'pending', limit: LISTED });
  if (page.items.length === 0) return 'Nothing waits for a decision.';
  const line = (one: ApprovalView): string => `• ${one.tier} ${inert(one.title, 120)} on ${inert(one.target, 60)}, from ${one.needs.roles.map((role) => inert(role, 30)).join(', ')}, until ${inert(one.expiresAt, 20)} (${one.id})`;
  return `${page.items.map(line).join('\n')}${page.nextCursor === null ? '' : '\n… and more in the console'}\nDecide on the incident's card, in the console, or with runbook-bot approve.`;
}

async function run(operations: Operations, principal: Principal, command: Extract<Command, { kind: 'run' }>, triggerId: string | null): Promise<string> {
  const { runbook, inputs, target, dryRun } = command;
  const answer = await operations.startRun(principal, { runbook, inputs, dryRun, ...(target === null ? {} : { target }), ...(triggerId === null ? {} : { idempotencyKey: `slack:${triggerId}` }) });
  if (!answer.ok) return answer.problem.field === undefined ? answer.problem.message : `${answer.problem.field}: ${answer.problem.message}`;
  return `Started ${inert(answer.value.title, 120)} on ${inert(answer.value.target, 60)}${dryRun ? ' as a dry run' : ''}: ${answer.value.id}`;
}

function withMore(lines: readonly string[], total: number): string {
  return total > lines.length ? `${lines.join('\n')}\n… and ${total - lines.length} more` : lines.join('\n');
}
