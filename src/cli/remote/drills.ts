/** `drill list`: what the bot knows of its drills. */
import { DrillShape, listOf } from '#operations/shapes.ts';
import { ago, table, visible } from '../format.ts';
import type { ExitCode } from '#app/commands.ts';
import { answer, type RemoteContext } from './context.ts';

export async function drillList(context: RemoteContext): Promise<ExitCode> {
  const page = await context.client.get('/drills', listOf(DrillShape));
  const now = context.clock.now();
  answer(context, page, ({ items }) =>
    items.length === 0
      ? 'No drill is configured.'
      : table(
          ['DRILL', 'STORE', 'LAST', 'WHEN', 'LAST PASSED', 'BACKUP', 'RTO', 'EVIDENCE'],
          items.flatMap((drill) => drill.stores.map(({ store, lastStatus, lastAt, lastPassedAt, backup, rtoSeconds, bundle }) => [drill.overdue ? `${visible(drill.name)} (overdue)` : visible(drill.name), store, lastStatus, lastAt === null ? '' : ago(lastAt, now), lastPassedAt === null ? 'never' : ago(lastPassedAt, now), backup ?? '', rtoSeconds === null ? '' : `${rtoSeconds}s`, bundle ?? ''])),
        ),
  );
  return 0;
}
