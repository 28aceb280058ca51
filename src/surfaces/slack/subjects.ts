/** Reads through the one door what a card shows. */
import type { ApprovalView, RunView } from '#engine/model/views.ts';
import type { Change, Operations } from '#operations/operations.ts';
import { hasEnded, type Subject } from './cards/subject.ts';

/** Runs of one incident that its card looks at, the newest. */
const MOST_RUNS = 10;

export function subjectIdOf(change: Change): string | undefined {
  if (change.kind === 'control' || change.kind === 'notice') return undefined;
  return change.incidentId ?? change.id;
}

/** Undefined when there is nothing to show: unknown, or a run without an incident that asks nothing of anybody. */
export async function loadSubject(operations: Operations, id: string): Promise<Subject | undefined> {
  if (id.startsWith('run_')) {
    const run = await operations.run(id);
    if (run === undefined || run.incidentId !== null || !deservesCard(run)) return undefined;
    return { id, incident: null, runs: [run], approvals: await approvalsOf(operations, [run]) };
  }
  if (id.startsWith('ntc_')) {
    const notice = (await operations.notices()).find((one) => one.id === id);
    return notice === undefined ? undefined : { id, incident: null, runs: [], approvals: new Map(), notice };
  }
  const incident = await operations.incident(id);
  if (incident === undefined) return undefined;
  const ids = incident.runs.toSorted((a, b) => (a < b ? 1 : -1)).slice(0, MOST_RUNS);
  const runs = (await Promise.all(ids.map((run) => operations.run(run)))).filter((run) => run !== undefined);
  return { id, incident, runs, approvals: await approvalsOf(operations, runs) };
}

/** A drill at night that needs nobody stays out of the channel. */
function deservesCard(run: RunView): boolean {
  if (run.dryRun) return false;
  return run.trigger.kind === 'slack' || run.status === 'unknown' || run.offers.some((offer) => offer.approvalId !== null || offer.status === 'form');
}

async function approvalsOf(operations: Operations, runs: readonly RunView[]): Promise<ReadonlyMap<string, ApprovalView>> {
  const ids = runs.flatMap((run) => run.offers.map((offer) => offer.approvalId).filter((id) => id !== null));
  const found = await Promise.all(ids.map((id) => operations.approval(id)));
  return new Map(found.filter((approval) => approval !== undefined).map((approval) => [approval.id, approval]));
}

export function isLive(subject: Subject): boolean {
  if (subject.notice !== undefined) return subject.notice.live;
  return subject.incident?.status === 'open' || subject.runs.some((run) => !hasEnded(run));
}
