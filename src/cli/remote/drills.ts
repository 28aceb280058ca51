/** What the bot knows of its drills, and approving them ahead. */
import type { DrillApprovalView } from '#operations/operations.ts';
import { DrillApprovalShape, DrillShape, listOf } from '#operations/shapes.ts';
import { ago, table, until, visible } from '../format.ts';
import type { ExitCode } from '#app/commands.ts';
import { answer, optional, part, word, type RemoteContext } from './context.ts';

export async function drillList(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get('/drills', listOf(DrillShape));
  const now = context.clock.now();
  answer(context, page, ({ items }) =>
    items.length === 0
      ? 'No drill is configured.'
      : table(
          ['DRILL', 'STORE', 'LAST', 'WHEN', 'LAST PASSED', 'BACKUP', 'RTO', 'NEXT', 'EVIDENCE'],
          items.flatMap((drill) => drill.stores.map(({ store, lastStatus, lastAt, lastPassedAt, backup, rtoSeconds, bundle }) => [drill.overdue ? `${visible(drill.name)} (overdue)` : visible(drill.name), store, lastStatus, lastAt === null ? '' : ago(lastAt, now), lastPassedAt === null ? 'never' : ago(lastPassedAt, now), backup ?? '', rtoSeconds === null ? '' : `${rtoSeconds}s`, drill.nextAt === null ? '' : until(drill.nextAt, now), bundle ?? ''])),
        ),
  );
  if (!context.json) for (const { name, approvals } of page.items) for (const one of approvals) context.out(`${visible(name)}: approved ahead by ${visible(one.by)} for ${one.from} to ${one.to} (${one.id})`);
  return 0;
}

export async function drillApprove(context: RemoteContext): Promise<ExitCode> {
  const { from, to, reason } = context.given.options;
  const view = await context.client.send('POST', pathOf(context), { ...optional('from', from), ...optional('to', to), reason }, DrillApprovalShape);
  answer(context, view, (value) => `${line(value)}\nIt counts for one run, for the configuration as it is now, and only while you may still approve.`);
  return 0;
}

export async function drillApprovals(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get(pathOf(context), listOf(DrillApprovalShape));
  answer(context, page, ({ items }) => (items.length === 0 ? 'Nothing was approved ahead.' : table(['APPROVAL', 'STATUS', 'FROM', 'TO', 'BY', 'RUN', 'REASON'], items.map((one) => [one.id, one.status, one.from, one.to, one.by, one.runId ?? '', one.reason ?? '']))));
  return 0;
}

export async function drillRevoke(context: RemoteContext): Promise<ExitCode> {
  const { reason } = context.given.options;
  const query = reason === undefined ? '' : `?${new URLSearchParams({ reason }).toString()}`;
  const view = await context.client.send('DELETE', `${pathOf(context)}/${part(word(context, 'APPROVAL'))}${query}`, undefined, DrillApprovalShape);
  answer(context, view, line);
  return 0;
}

function pathOf(context: RemoteContext): string {
  return `/drills/${part(word(context, 'NAME'))}/approvals`;
}

function line({ id, drill, status, from, to }: DrillApprovalView): string {
  return `${id} ${status}: ${visible(drill)} from ${from} to ${to}`;
}
