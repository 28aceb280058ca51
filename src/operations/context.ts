/** What the operations are made of. Built by `app`. */
import type { Clock } from '#kernel/clock.ts';
import type { Ids } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import type { IncidentView } from '#engine/model/views.ts';
import type { Artifacts, Journal, Runbooks } from '#engine/ports.ts';
import type { Engine } from '#engine/runtime/engine.ts';
import type { KillSwitch } from '#engine/runtime/kill-switch.ts';
import type { Policy } from '#policy/model.ts';
import type { SlackGroupMembers } from '#policy/roles.ts';
import type { AnyStep } from '#step-kit/index.ts';
import type { Audit } from './audit.ts';
import type { Answer, DrillFacts, NoticeFacts, Notification, NotificationReceipt, Page, PageQuery, ScheduleView } from './operations.ts';

export interface IncidentDesk {
  receive(notification: Notification): Promise<NotificationReceipt>;
  close(by: string, incidentId: string, reason: string): Promise<Answer<IncidentView>>;
  view(id: string): Promise<IncidentView | undefined>;
  list(query: PageQuery & { readonly status?: 'open' | 'closed' }): Promise<Page<IncidentView>>;
}

/** A drill that may be approved ahead, as it is configured now. */
export interface AheadSubject {
  /** The step that runs it, and with what. */
  readonly uses: string;
  readonly input: JsonObject;
  readonly target: string;
  /** When its schedules next start it; null: none does. */
  readonly nextAt: string | null;
  /** Why nothing of it is to start at this moment, ms since the epoch: a blackout of its schedules. */
  closedAt(ms: number): string | undefined;
}

export interface Credentials {
  /** All roles that any of them carries. */
  readonly roles: ReadonlySet<string>;
  /** The roles that the credentials of this principal carry now; undefined: it has none. */
  of(principalId: string): readonly string[] | undefined;
}

export interface Context {
  readonly engine: Engine;
  readonly incidents: IncidentDesk;
  readonly journal: Journal;
  readonly artifacts: Artifacts;
  readonly killSwitch: KillSwitch;
  readonly runbooks: Runbooks;
  /** Mistakes of runbook files as they are on disk now, by runbook name; also of files of which no version was ever good. */
  runbookProblems(): ReadonlyMap<string, readonly string[]>;
  readonly steps: ReadonlyMap<string, AnyStep>;
  readonly targets: readonly { readonly name: string; readonly matchesAll: boolean }[];
  policy(): Policy;
  /** Of the groups that the policy names. */
  slackGroups(): Promise<SlackGroupMembers>;
  /** The configured restore drills. */
  drills(): Promise<readonly DrillFacts[]>;
  drillAhead(name: string): Promise<AheadSubject | undefined>;
  /** What the schedules have to tell: reminders, and what was missed. */
  notices(): Promise<readonly NoticeFacts[]>;
  readonly credentials: Credentials;
  schedules(): Promise<readonly ScheduleView[]>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}
