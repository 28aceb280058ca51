/** The real operations over the real engine, in memory and in virtual time; only the incident desk is a stand-in. */
import { silentLog } from '#kernel/log.ts';
import type { Runbook } from '#language/runbook.ts';
import { createAudit, type Audit } from '#operations/audit.ts';
import { createOperations } from '#operations/create.ts';
import { createAheadDesk } from '#operations/ahead-desk.ts';
import type { AheadSubject, Context, IncidentDesk } from '#operations/context.ts';
import type { SlackGroupMembers } from '#policy/roles.ts';
import type { Answer, NoticeFacts, Operations } from '#operations/operations.ts';
import type { ApprovalView, OfferView, RunView } from '#engine/model/views.ts';
import type { Principal } from '#policy/model.ts';
import type { AnyStep } from '#step-kit/index.ts';
import { createRig, type Rig, type RigGiven } from './engine.ts';

/** What may be approved ahead, and what else an app would know; kept over a restart, as a configuration is. */
export interface RigDrills {
  readonly subjects: Map<string, AheadSubject>;
  notices: NoticeFacts[];
  /** Undefined: no credential of that name is left. By default everybody has one without roles. */
  readonly credentials: Map<string, readonly string[] | undefined>;
}

export interface OperationsRig extends Rig {
  readonly operations: Operations;
  readonly audit: Audit;
  slackGroups: SlackGroupMembers;
  readonly drills: RigDrills;
  view(runId: string): Promise<RunView>;
  offerOf(runId: string, offer?: string): Promise<OfferView>;
  /** The newest approval of an offer. */
  approvalOf(runId: string, offer?: string): Promise<ApprovalView>;
  /** Says yes to what is shown, and lets happen what can happen without time moving on. */
  yes(runId: string, by?: Principal, offer?: string): Promise<Answer<ApprovalView>>;
  restarted(): Promise<OperationsRig>;
}

export function person(id: string, more: Partial<Principal> = {}): Principal {
  return { id, kind: 'human', roles: [], via: 'api', ...more };
}

export const ALICE = person('alice');
export const BOB = person('bob');
export const DORA = person('dora');
export const ERIN = person('erin');
export const ROBOT = person('robot', { kind: 'automation', roles: ['oncall', 'lead'] });

const NO_DESK: IncidentDesk = {
  receive: async () => ({ accepted: 0, duplicates: 0, incidents: [] }),
  close: async () => ({ ok: false, problem: { code: 'not-found', message: 'there is no such incident' } }),
  view: async () => undefined,
  list: async () => ({ items: [], nextCursor: null }),
};

export async function createOperationsRig(books: readonly Runbook[], steps: readonly AnyStep[], given: RigGiven = {}): Promise<OperationsRig> {
  return over(await createRig(books, steps, given));
}

function over(rig: Rig, drills: RigDrills = { subjects: new Map(), notices: [], credentials: new Map() }): OperationsRig {
  const audit = createAudit({ journal: rig.journal, log: silentLog });
  let slackGroups: SlackGroupMembers = new Map();
  const context: Context = {
    engine: rig.engine,
    incidents: NO_DESK,
    journal: rig.journal,
    artifacts: rig.artifacts,
    killSwitch: rig.killSwitch,
    runbooks: rig.runbooks,
    runbookProblems: () => new Map(),
    steps: rig.steps,
    targets: [{ name: 'prod', matchesAll: true }],
    policy: () => rig.policy,
    slackGroups: async () => slackGroups,
    drills: async () => [...drills.subjects.keys()].map((name) => ({ name, target: 'prod', backups: '/backups', choice: 'latest', overdue: true, stores: [] })),
    drillAhead: async (name) => drills.subjects.get(name),
    notices: async () => drills.notices,
    credentials: { roles: new Set(), of: (id) => (drills.credentials.has(id) ? drills.credentials.get(id) : []) },
    schedules: async () => [],
    audit,
    clock: rig.clock,
    ids: rig.ids,
    log: silentLog,
  };
  const operations = createOperations(context);
  rig.aheadDesk = createAheadDesk(context);
  const view = async (runId: string): Promise<RunView> => found(await operations.run(runId), runId);
  const offerOf = async (runId: string, offer = 'light'): Promise<OfferView> => found((await view(runId)).offers.find((one) => one.id === offer), offer);
  const approvalOf = async (runId: string, offer = 'light'): Promise<ApprovalView> => {
    const id = (await offerOf(runId, offer)).approvalId;
    return found(id === null ? undefined : await operations.approval(id), `approval of ${offer}`);
  };
  const own = {
    operations,
    audit,
    view,
    offerOf,
    approvalOf,
    async yes(runId: string, by: Principal = ALICE, offer = 'light') {
      const { id, plan } = await approvalOf(runId, offer);
      const answer = await operations.decide(by, id, { decision: 'approve', digest: plan.digest });
      await rig.clock.advance(0);
      return answer;
    },
    drills,
    restarted: async () => over(await rig.restart(), drills),
  };
  const whole = Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(rig), ...Object.getOwnPropertyDescriptors(own) }) as OperationsRig;
  Object.defineProperty(whole, 'slackGroups', { get: () => slackGroups, set(next: SlackGroupMembers) {
    slackGroups = next;
  } });
  return whole;
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}
