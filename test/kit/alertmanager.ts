/** Recorded webhooks of real Alertmanagers, as they were sent, and notifications made by hand. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Notification, NotifiedAlert } from '#operations/operations.ts';
import { readNotification } from '#surfaces/alertmanager/payload.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/alertmanager');

export interface RecordedWebhook {
  readonly name: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly receivedAt: number;
}

interface Exchange {
  readonly received_at: string;
  readonly request: { readonly headers?: readonly (readonly [string, string])[]; readonly body_text?: string };
  readonly response: { readonly status: number; readonly body_json?: unknown };
}

/** All webhooks whose file name begins so (`am0.25-lifecycle`), in the order in which they came. */
export function recordedWebhooks(prefix: string): readonly RecordedWebhook[] {
  const files = globSync(`${prefix}-0*.json`, { cwd: FOLDER }).toSorted();
  if (files.length === 0) throw new Error(`no recording is called ${prefix}-0…`);
  return files.map((file) => webhookOf(basename(file, '.json'), JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Exchange));
}

export function recordedWebhook(name: string): RecordedWebhook {
  return webhookOf(name, JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Exchange);
}

/** Only the attempts that were answered 200, each with the body that it repeated. */
export function recordedDeliveries(name: string): readonly RecordedWebhook[] {
  const { attempts } = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as { attempts: readonly Exchange[] };
  let body = '';
  const out: RecordedWebhook[] = [];
  for (const attempt of attempts) {
    body = attempt.request.body_text ?? body;
    if (attempt.response.status === 200) out.push({ name, headers: [], body, receivedAt: Date.parse(attempt.received_at) });
  }
  return out;
}

/** The body of an answer of Alertmanager's API. */
export function recordedAnswer(name: string): unknown {
  return (JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Exchange).response.body_json;
}

export function notificationOf(webhook: RecordedWebhook): Notification {
  const read = readNotification(JSON.parse(webhook.body));
  if (!read.ok) throw new Error(`${webhook.name}: ${read.field}: ${read.message}`);
  return read.notification;
}

export function firing(fingerprint: string, startsAt: number, labels: Record<string, string> = {}): NotifiedAlert {
  return { status: 'firing', labels: { alertname: 'DiskFull', severity: 'warning', ...labels }, annotations: { summary: 'The disk is full' }, startsAt, generatorURL: '', fingerprint };
}

export function resolved(fingerprint: string, startsAt: number, endsAt: number, labels: Record<string, string> = {}): NotifiedAlert {
  return { ...firing(fingerprint, startsAt, labels), status: 'resolved', endsAt };
}

export function notification(alerts: readonly NotifiedAlert[], more: Partial<Notification> = {}): Notification {
  return { source: 'alertmanager', groupLabels: { alertname: 'DiskFull' }, truncatedAlerts: 0, alerts, ...more };
}

function webhookOf(name: string, exchange: Exchange): RecordedWebhook {
  return { name, headers: exchange.request.headers ?? [], body: exchange.request.body_text ?? '', receivedAt: Date.parse(exchange.received_at) };
}
