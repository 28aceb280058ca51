/**
 * The webhook body of Alertmanager, version "4", as sent by 0.25 to 0.34 (reference: alertmanager notify/webhook, template.Data). Later
 * versions add fields (`notification_reason`, `routeLabels`); unknown ones are ignored. Since 0.32 a receiver may define a `payload` of its own, and
 * then the body can be anything: that is refused with the first field that is missing.
 */
import { isLabels, type Labels } from '#kernel/labels.ts';
import { redact, redactLabels } from '#kernel/redact.ts';
import type { Notification, NotifiedAlert } from '#operations/operations.ts';
import { z } from 'zod';

export const ALERTS_MAX = 5_000;
const FINGERPRINT_MAX = 128;
/** Go's zero time, as Alertmanager writes it: a firing alert has no end. Other writings of it mean the same. */
const NO_END = '0001-01-01T00:00:00Z';
const NO_END_MS = Date.parse(NO_END);
const NO_TIME = 'expected a time as in RFC 3339';
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

export type ReadNotification = { readonly ok: true; readonly notification: Notification } | { readonly ok: false; /** Dotted path. */ readonly field: string; readonly message: string };

/** Only looks. Copies without secrets are made of what has passed. */
const labels = z.custom<Labels>(isLabels, 'expected an object whose values are strings');

const time = z.custom<string>((value) => typeof value === 'string' && RFC3339.test(value), NO_TIME);

const alert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels.optional(),
  startsAt: time,
  endsAt: time.optional(),
  generatorURL: z.string().optional(),
  fingerprint: z.string().min(1).max(FINGERPRINT_MAX),
});

const body = z.object({
  version: z.literal('4', 'expected "4": only the default payload of Alertmanager 0.25 or later is read'),
  groupLabels: labels,
  truncatedAlerts: z.number().int().min(0).optional(),
  alerts: z.array(z.unknown()).max(ALERTS_MAX, `expected at most ${ALERTS_MAX} alerts: set max_alerts in the receiver's webhook_configs`),
});

/** Reads a parsed body. The field that is named is the first one that is wrong, `version` before all others. */
export function readNotification(value: unknown): ReadNotification {
  const read = body.safeParse(value);
  if (!read.success) return refusal(read.error, []);
  const alerts: NotifiedAlert[] = [];
  for (const [i, entry] of read.data.alerts.entries()) {
    const one = alert.safeParse(entry);
    if (!one.success) return refusal(one.error, ['alerts', i]);
    const { status, fingerprint } = one.data;
    const startsAt = Date.parse(one.data.startsAt);
    const endsAt = one.data.endsAt === undefined || one.data.endsAt === NO_END ? undefined : Date.parse(one.data.endsAt);
    // Of the right form, and still no time: the 32nd of a month.
    if (Number.isNaN(startsAt)) return { ok: false, field: `alerts.${i}.startsAt`, message: NO_TIME };
    if (Number.isNaN(endsAt)) return { ok: false, field: `alerts.${i}.endsAt`, message: NO_TIME };
    const known = {
      status,
      labels: redactLabels(one.data.labels),
      annotations: redactLabels(one.data.annotations ?? {}),
      startsAt,
      generatorURL: redact(one.data.generatorURL ?? ''),
      fingerprint,
    };
    if (status === 'firing') alerts.push(known);
    else if (endsAt === undefined || endsAt === NO_END_MS) return { ok: false, field: `alerts.${i}.endsAt`, message: 'expected the time at which the alert resolved' };
    else alerts.push({ ...known, endsAt });
  }
  const { groupLabels, truncatedAlerts } = read.data;
  return { ok: true, notification: { source: 'alertmanager', groupLabels: redactLabels(groupLabels), truncatedAlerts: truncatedAlerts ?? 0, alerts } };
}

function refusal(error: z.ZodError, at: readonly PropertyKey[]): ReadNotification {
  const issue = error.issues[0];
  const field = [...at, ...(issue?.path ?? [])].map(String).join('.');
  return { ok: false, field: field === '' ? 'body' : field, message: issue?.message ?? 'it cannot be read' };
}
