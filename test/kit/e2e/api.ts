/** The bot's API, as a script uses it; answers are read by the shapes that the API documents. */
import { z } from 'zod';
import { ApprovalShape, IncidentShape, KillSwitchShape, RunShape, RunSummaryShape, TimelineEntryShape, listOf } from '#operations/shapes.ts';
import type { ApprovalView, IncidentView, RunSummary, RunView, TimelineEntry } from '#engine/model/views.ts';
import { KEYS, WEBHOOK_TOKEN } from './bot.ts';

const WITHIN_MS = 10_000;
const STREAM_WITHIN_MS = 120_000;
const Receipt = z.object({ accepted: z.number(), duplicates: z.number(), incidents: z.array(z.string()) });

export interface Api {
  get<T>(path: string, shape: z.ZodType<T>): Promise<T>;
  /** The answer of any status. */
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
  incidents(): Promise<readonly IncidentView[]>;
  incident(id: string): Promise<IncidentView>;
  runs(): Promise<readonly RunSummary[]>;
  run(id: string): Promise<RunView>;
  approvals(): Promise<readonly ApprovalView[]>;
  approval(id: string): Promise<ApprovalView>;
  killSwitch(): Promise<{ readonly on: boolean }>;
  /** The server-sent events of a run, after this version: each as it comes, until `enough` of them have, or the stream ends. */
  follow(runId: string, options?: { readonly after?: number; enough?(entries: readonly TimelineEntry[]): boolean }): Promise<readonly TimelineEntry[]>;
}

export function createApi(url: string, key: string = KEYS.ann): Api {
  const headers = { authorization: `Bearer ${key}` };
  const get = async <T>(path: string, shape: z.ZodType<T>): Promise<T> => {
    const response = await fetch(`${url}/api/v1${path}`, { headers, signal: AbortSignal.timeout(WITHIN_MS) });
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return shape.parse(await response.json());
  };
  return {
    get,
    post: async (path, body) => {
      const response = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(WITHIN_MS) });
      return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
    },
    incidents: async () => [...(await get('/incidents?status=open', listOf(IncidentShape))).items, ...(await get('/incidents?status=closed', listOf(IncidentShape))).items],
    incident: (id) => get(`/incidents/${id}`, IncidentShape),
    runs: async () => (await get('/runs', listOf(RunSummaryShape))).items,
    run: (id) => get(`/runs/${id}`, RunShape),
    approvals: async () => (await get('/approvals', listOf(ApprovalShape))).items,
    approval: (id) => get(`/approvals/${id}`, ApprovalShape),
    killSwitch: () => get('/kill-switch', KillSwitchShape),
    follow: (runId, options = {}) => follow(`${url}/api/v1/runs/${runId}/events`, headers, options),
  };
}

async function follow(url: string, headers: Readonly<Record<string, string>>, { after, enough }: { readonly after?: number; enough?(entries: readonly TimelineEntry[]): boolean }): Promise<readonly TimelineEntry[]> {
  const entries: TimelineEntry[] = [];
  const response = await fetch(url, { headers: { ...headers, accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': String(after) }) }, signal: AbortSignal.timeout(STREAM_WITHIN_MS) });
  if (response.headers.get('content-type') !== 'text/event-stream') throw new Error(`the stream answered ${response.status}: ${await response.text()}`);
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) entries.push(TimelineEntryShape.parse(JSON.parse(data)));
    }
    if (enough?.(entries) === true) break;
  }
  return entries;
}

/** One sample of the bot's `/metrics`; undefined when there is no such series. */
export async function metric(url: string, name: string, label = ''): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(WITHIN_MS) })).text();
  const line = text.split('\n').find((one) => (one.startsWith(`${name}{`) || one.startsWith(`${name} `)) && one.includes(label));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** A notification as Alertmanager posts it. */
export async function postAlert(url: string, alert: { readonly status: 'firing' | 'resolved'; readonly startsAt: string; readonly labels?: Readonly<Record<string, string>>; readonly summary?: string }): Promise<z.infer<typeof Receipt>> {
  const labels = { alertname: 'CordumDLQDepthHigh', severity: 'warning', target: 'production', ...alert.labels };
  const annotations = { summary: alert.summary ?? 'DLQ depth exceeds 100 entries' };
  const endsAt = alert.status === 'firing' ? '0001-01-01T00:00:00Z' : new Date().toISOString();
  const body = {
    receiver: 'runbook-bot',
    status: alert.status,
    alerts: [{ status: alert.status, labels, annotations, startsAt: alert.startsAt, endsAt, generatorURL: 'http://prometheus.example:9090/graph?g0.expr=cordum_dlq_entries+%3E+100&g0.tab=1', fingerprint: '0e2e0e2e0e2e0e2e' }],
    groupLabels: { alertname: labels.alertname },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: 'http://alertmanager.example:9093',
    version: '4',
    groupKey: '{}:{alertname="CordumDLQDepthHigh"}',
    truncatedAlerts: 0,
  };
  const response = await fetch(`${url}/webhooks/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${WEBHOOK_TOKEN}` }, body: JSON.stringify(body), signal: AbortSignal.timeout(WITHIN_MS) });
  if (!response.ok) throw new Error(`the webhook answered ${response.status}: ${await response.text()}`);
  return Receipt.parse(await response.json());
}
