/** What a schedule has to tell: that a drill will be due, with the button that approves it ahead, or that nothing was started. Pure. */
import type { DrillApprovalView, DrillView, NoticeView } from '#operations/operations.ts';
import { ACTIONS, noticeValue } from './actions.ts';
import { button, context, header, section, type Block } from './blocks.ts';
import { escaped, inert, moment, mrkdwn, person, plain } from './text.ts';

interface Card {
  readonly text: string;
  readonly blocks: readonly Block[];
}

const STORES_SHOWN = 5;
const APPROVALS_SHOWN = 3;
const LEAD = { week: 'a week', day: 'a day' } as const;

export function renderNotice(notice: NoticeView): Card {
  return notice.kind === 'missed' ? missed(notice) : reminder(notice, LEAD[notice.kind]);
}

function missed({ schedule, drill, runbook, dueAt, because, drillView }: NoticeView): Card {
  const title = `Schedule ${inert(schedule, 63)} started nothing`;
  const blocks: Block[] = [
    header(`⚠️ ${title}`),
    context(mrkdwn(`${drill === null ? `runbook ${escaped(runbook, 60)}` : `drill ${escaped(drill, 63)}`} · was due ${moment(dueAt)}`)),
    section(plain(`${because ?? 'The reason is not known.'}${drill === null ? '' : `\nIt has not been done, and does not count. Start it with /runbook drill ${drill}.`}`, 600)),
    ...resultBlocks(drillView),
  ];
  return { text: title, blocks };
}

function reminder(notice: NoticeView, lead: string): Card {
  const { drill, schedule, dueAt, drillView, approvals, live } = notice;
  const title = live ? `Restore drill ${inert(drill ?? schedule, 63)} is due within ${lead}` : `Restore drill ${inert(drill ?? schedule, 63)} was announced`;
  const backups = drillView === null ? '' : `restores ${drillView.stores.map(({ store }) => escaped(store, 20)).join(', ')} from ${escaped(drillView.backups, 150)}`;
  const blocks: Block[] = [
    header(`🗓️ ${title}`),
    context(mrkdwn([`*${live ? 'due' : 'was due'}* ${moment(dueAt)}`, `schedule ${escaped(schedule, 63)}`, ...(backups === '' ? [] : [backups])].join(' · '))),
    ...resultBlocks(drillView),
    section(mrkdwn(approvedText(approvals))),
  ];
  const value = noticeValue(notice.id);
  if (live && drill !== null && value !== undefined) blocks.push({ type: 'actions', elements: [button(ACTIONS.approveAhead, 'Approve ahead…', { value, ...(approvals.length === 0 ? { style: 'primary' as const } : {}) })] });
  return { text: title, blocks };
}

function resultBlocks(drill: DrillView | null): readonly Block[] {
  if (drill === null) return [];
  const lines = drill.stores.slice(0, STORES_SHOWN).map(({ store, lastStatus, lastAt, lastPassedAt }) => {
    if (lastAt === null) return `${store}: no drill has run yet`;
    return `${store}: the last drill ${lastStatus} on ${lastAt.slice(0, 10)}${lastStatus === 'passed' ? '' : lastPassedAt === null ? ', none has ever passed' : `, one last passed on ${lastPassedAt.slice(0, 10)}`}`;
  });
  return lines.length === 0 ? [] : [section(plain(`${lines.join('\n')}${drill.overdue ? '\nIt is overdue: none has passed for 100 days.' : ''}`, 900))];
}

function approvedText(approvals: readonly DrillApprovalView[]): string {
  if (approvals.length === 0) return 'Nobody has approved it ahead: when it is due it asks here, and waits for as long as any approval does.';
  return approvals.slice(0, APPROVALS_SHOWN).map(({ by, at, from, to, reason }) => `✅ Approved ahead by ${person(by)} ${moment(at)}, for ${moment(from)} to ${moment(to)}${reason === null ? '' : `: “${escaped(reason, 200)}”`}`).join('\n');
}
