/**
 * Stands in for Prometheus and Alertmanager in the demo: evaluates `cordum_dlq_entries > 100` on the bot's own metrics and
 * posts the notifications that Alertmanager 0.28 would, byte shape and all.
 */
import { systemClock } from '#kernel/clock.ts';

const THRESHOLD = 100;
const EVERY_MS = 1_000;
const LABELS = { alertname: 'CordumDLQDepthHigh', severity: 'warning', target: 'demo' };

export interface AlertStandIn {
  start(): void;
  stop(): void;
}

export function createAlertStandIn({ metricsUrl, webhookUrl, say }: { metricsUrl: string; webhookUrl: string; say(line: string): void }): AlertStandIn {
  let startsAt: string | undefined;
  let stopped = false;
  let cancel = (): void => undefined;

  const evaluate = async (): Promise<void> => {
    const metrics = await (await fetch(metricsUrl)).text();
    const value = /^cordum_dlq_entries\{[^}]*\} (\d+)/m.exec(metrics)?.[1];
    // An absent series decides nothing: that is what Prometheus does, too.
    if (value === undefined) return;
    const depth = Number(value);
    if (depth > THRESHOLD && startsAt === undefined) {
      const since = new Date(systemClock.now()).toISOString();
      say(`ALERT   CordumDLQDepthHigh fires: cordum_dlq_entries is ${depth}, more than ${THRESHOLD}.`);
      await post(webhookUrl, 'firing', since, depth);
      startsAt = since;
    } else if (depth <= THRESHOLD && startsAt !== undefined) {
      const since = startsAt;
      say(`ALERT   CordumDLQDepthHigh resolves: cordum_dlq_entries is ${depth}.`);
      await post(webhookUrl, 'resolved', since, depth);
      startsAt = undefined;
    }
  };

  // Like Alertmanager: what was not delivered is sent again the next time.
  const complain = (error: unknown): void => {
    if (!stopped) say(`ALERT   not delivered, trying again: ${error instanceof Error ? error.message : String(error)}`);
  };
  const again = (): void => {
    if (stopped) return;
    cancel = systemClock.schedule(systemClock.now() + EVERY_MS, () => void evaluate().catch(complain).finally(again));
  };
  return {
    start: again,
    stop() {
      stopped = true;
      cancel();
    },
  };
}

async function post(url: string, status: 'firing' | 'resolved', startsAt: string, depth: number): Promise<void> {
  const endsAt = status === 'firing' ? '0001-01-01T00:00:00Z' : new Date(systemClock.now()).toISOString();
  const annotations = { summary: 'DLQ depth exceeds 100 entries', description: `Dead-letter queue has ${depth} entries. Triage and retry or delete entries.\n` };
  const alert = { status, labels: LABELS, annotations, startsAt, endsAt, generatorURL: 'http://prometheus.example:9090/graph?g0.expr=cordum_dlq_entries+%3E+100&g0.tab=1', fingerprint: '5ca1ab1e0ddba11f' };
  const body = {
    receiver: 'runbook-bot',
    status,
    alerts: [alert],
    groupLabels: { alertname: LABELS.alertname },
    commonLabels: LABELS,
    commonAnnotations: annotations,
    externalURL: 'http://alertmanager.example:9093',
    version: '4',
    groupKey: '{}:{alertname="CordumDLQDepthHigh"}',
    truncatedAlerts: 0,
  };
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'user-agent': 'Alertmanager/0.28.1' }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
}
