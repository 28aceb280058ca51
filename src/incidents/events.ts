/**
 * Everything that can be written of an incident, in the stream `incident:<id>`. Shapes are for ever: a field may be added but
 * not renamed. Times inside are ms since the epoch, by the clock of the sender; the envelope has ours.
 */
import type { Labels } from '#kernel/labels.ts';

export type AlertRecord = {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: number;
  readonly generatorURL: string;
};

export type AlertEnd = {
  readonly fingerprint: string;
  readonly endsAt: number;
  /** A firing entry that started before this is stale. Differs from `endsAt` where the end was inferred, not told. */
  readonly staleBefore: number;
};

/** How a thing was learnt: from a notification, or from Alertmanager's API. */
export type Learnt = 'notification' | 'poll';

export type IncidentEvent =
  | {
      type: 'IncidentOpened';
      data: {
        incidentId: string;
        /** Digest of target and group labels: what every notification of the same group has in common. */
        family: string;
        target: string;
        runbook: string | null;
        groupLabels: Labels;
        alerts: readonly AlertRecord[];
        /** Alerts that Alertmanager cut off the notification. */
        hidden: number;
      };
    }
  | { type: 'AlertsFired'; data: { alerts: readonly AlertRecord[] } }
  | { type: 'AlertsRefired'; data: { alerts: readonly AlertRecord[] } }
  | { type: 'AlertsResolved'; data: { alerts: readonly AlertEnd[]; learnt: Learnt } }
  | { type: 'GroupTruncated'; data: { hidden: number } }
  /** Nothing of the group is hidden any more. */
  | { type: 'GroupShownWhole'; data: { learnt: Learnt } }
  | { type: 'RunLinked'; data: { runId: string } }
  | { type: 'RunNotStarted'; data: { because: string; retryAt: number } }
  | { type: 'RunTold'; data: { runId: string; firing: boolean } }
  /** Its alerts have resolved, but it may not be over: it stays open and is looked at again. */
  | { type: 'CloseHeld'; data: { say: string; retryAt: number } }
  | { type: 'IncidentClosed'; data: { by: string; because: string; /** Of alerts that still fired, when a person closed it. */ ends: readonly AlertEnd[] } };

/** In the stream `alert:<digest>`: an end of an alert that belongs to no open incident. */
export type AlertEndRemembered = { type: 'AlertEndRemembered'; data: { target: string; fingerprint: string; staleBefore: number } };
