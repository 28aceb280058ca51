/** Drills and the notices about them, with what was approved ahead. */
import type { Context } from './context.ts';
import { drillApprovals } from './ahead.ts';
import type { DrillApprovalView, DrillView, NoticeView } from './operations.ts';

export async function drillViews(ctx: Context): Promise<readonly DrillView[]> {
  const drills = await ctx.drills();
  return Promise.all(
    drills.map(async (drill): Promise<DrillView> => {
      const [subject, approvals] = await Promise.all([ctx.drillAhead(drill.name), drillApprovals(ctx, drill.name)]);
      return { ...drill, nextAt: subject?.nextAt ?? null, approvals: (approvals ?? []).filter(({ status }) => status === 'waiting' || status === 'open') };
    }),
  );
}

export async function noticeViews(ctx: Context): Promise<readonly NoticeView[]> {
  const notices = await ctx.notices();
  if (notices.length === 0) return [];
  const drills = new Map((await drillViews(ctx)).map((drill) => [drill.name, drill]));
  return notices.map((notice): NoticeView => {
    const drillView = drills.get(notice.drill ?? '') ?? null;
    return { ...notice, drillView, approvals: (drillView?.approvals ?? []).filter((one) => holdsAt(one, Date.parse(notice.dueAt))) };
  });
}

function holdsAt({ from, to }: DrillApprovalView, ms: number): boolean {
  return Date.parse(from) <= ms && ms < Date.parse(to);
}
