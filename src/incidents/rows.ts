/** Names of streams, and what the index says of incidents and of ends of alerts. Pure. */
import type { IndexEntry } from '#engine/ports.ts';
import { sha256 } from '#kernel/digest.ts';
import type { JsonObject } from '#kernel/json.ts';
import { labelEntries, type Labels } from '#kernel/labels.ts';
import { z } from 'zod';
import { nextWork, type IncidentState } from './state.ts';
import { severityOf, titleOf } from './view.ts';

/** So many firing fingerprints stand in an index row; an incident with more of them is folded where they are needed. */
const ROW_FINGERPRINTS_MAX = 100;

export function incidentStream(id: string): string {
  return `incident:${id}`;
}

/** Target and group labels: what every notification of one group has in common, whatever runbook its alerts trigger. */
export function familyOf(target: string, groupLabels: Labels): string {
  return sha256(JSON.stringify([target, labelEntries(groupLabels)]));
}

export function alertId(target: string, fingerprint: string): string {
  return sha256(JSON.stringify([target, fingerprint]));
}

export function alertStream(target: string, fingerprint: string): string {
  return `alert:${alertId(target, fingerprint)}`;
}

export const incidentSummary = z.object({
  target: z.string(),
  runbook: z.string().nullable(),
  title: z.string(),
  severity: z.string(),
  family: z.string(),
  openedAt: z.number(),
  firing: z.number(),
  hidden: z.number(),
  /** Of firing alerts, at most ROW_FINGERPRINTS_MAX. */
  fingerprints: z.array(z.string()),
});
export type IncidentSummary = z.infer<typeof incidentSummary>;

export function incidentRow(state: IncidentState): IndexEntry {
  const work = nextWork(state);
  const summary: IncidentSummary = {
    target: state.target,
    runbook: state.runbook,
    title: titleOf(state),
    severity: severityOf(state),
    family: state.family,
    openedAt: state.openedAt,
    firing: state.firing,
    hidden: state.hidden,
    fingerprints: firingFingerprints(state),
  };
  const row = { kind: 'incident', id: state.id, stream: incidentStream(state.id), open: state.closed === null, key: state.family, summary } as const;
  return work === undefined ? row : { ...row, dueAt: work.dueAt };
}

function firingFingerprints(state: IncidentState): string[] {
  const out: string[] = [];
  for (const alert of state.alerts.values()) {
    if (out.length >= ROW_FINGERPRINTS_MAX) break;
    if (alert.firing) out.push(alert.fingerprint);
  }
  return out;
}

/** The newest known end of a fingerprint. Written by incidents and by streams of their own, so it names the latter's version. */
export const endSummary = z.object({
  staleBefore: z.number(),
  incident: z.string().nullable(),
  version: z.number(),
});
export type EndSummary = z.infer<typeof endSummary>;

export function endRow(target: string, fingerprint: string, stream: string, end: EndSummary): IndexEntry {
  const summary: JsonObject = { ...end };
  return { kind: 'alert', id: alertId(target, fingerprint), stream, open: false, summary };
}
