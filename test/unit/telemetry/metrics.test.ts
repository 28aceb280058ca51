import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Journal, Recorded } from '#engine/ports.ts';
import type { JsonObject } from '#kernel/json.ts';
import { createMetrics, METRICS } from '#telemetry/metrics.ts';
import type { Metrics } from '#telemetry/metrics.ts';

const DOCS = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

function event(type: string, data: JsonObject = {}): Recorded {
  return { stream: 's', version: 1, position: 1, at: 0, actor: 'bot', type, data };
}

async function valueOf(metrics: Metrics, name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const metric = await metrics.registry.getSingleMetric(name.replace(/_count$/, ''))?.get();
  const values: readonly { value: number; labels: Record<string, unknown>; metricName?: string }[] = metric?.values ?? [];
  return values.find((one) => (one.metricName ?? name) === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))?.value;
}

describe('metrics', () => {
  it('are those of the table, and docs/metrics.md shows the same table', async () => {
    const metrics = createMetrics({ process: false });
    const registered = (await metrics.registry.getMetricsAsJSON()).map((metric) => metric.name);
    expect(registered.toSorted()).toEqual(Object.keys(METRICS).toSorted());
    const rows = [...DOCS.matchAll(/^\| `(runbook_bot_\w+)` \| (\w+) \| ([^|]*)\| (.*) \|$/gm)].map(([, name, kind, labels, help]) => [name, { kind, labels: [...(labels ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label), help }]);
    expect(Object.fromEntries(rows)).toEqual(METRICS);
    expect(registered.every((name) => /^runbook_bot_[a-z_]+$/.test(name))).toBe(true);
  });

  it('of the process stand beside them under the names that dashboards know', async () => {
    const text = await createMetrics().text();
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('count what the journal stores', async () => {
    const metrics = createMetrics({ process: false });
    metrics.observeEvents([
      event('IncidentOpened'),
      event('RunStarted', { trigger: { kind: 'alert', requester: 'alertmanager' } }),
      event('ApprovalRequested'),
      event('ApprovalApproved'),
      event('ApprovalRedeemed'),
      event('EffectSucceeded'),
      event('EffectSucceeded'),
      event('EffectFailed', { failure: { reason: 'timeout', message: 'no answer' } }),
      event('EffectUnknown'),
      event('Verified', { outcome: 'passed' }),
      event('RunEnded', { status: 'succeeded' }),
      event('IncidentClosed'),
      event('KillSwitchSwitched', { on: true }),
      event('SomethingElse'),
    ]);
    expect(await valueOf(metrics, 'runbook_bot_incidents_opened_total')).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_incidents_closed_total')).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_runs_started_total', { trigger: 'alert' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_runs_ended_total', { status: 'succeeded' })).toBe(1);
    for (const status of ['pending', 'approved', 'redeemed']) expect(await valueOf(metrics, 'runbook_bot_approvals_total', { status }), status).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_approvals_total', { status: 'denied' })).toBe(0);
    expect(await valueOf(metrics, 'runbook_bot_effects_total', { outcome: 'succeeded' })).toBe(2);
    expect(await valueOf(metrics, 'runbook_bot_effects_total', { outcome: 'failed', reason: 'timeout' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_effects_total', { outcome: 'failed', reason: 'conflict' })).toBe(0);
    expect(await valueOf(metrics, 'runbook_bot_verified_total', { outcome: 'passed' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_kill_switch_on')).toBe(1);
  });

  it('never grow labels without end from what an event says', async () => {
    const metrics = createMetrics({ process: false });
    for (let i = 0; i < 50; i += 1) metrics.observeEvents([event('RunEnded', { status: `made up ${i}` }), event('EffectFailed', { failure: null }), event('RunStarted', { trigger: { kind: `x${i}\n` } })]);
    expect(await valueOf(metrics, 'runbook_bot_runs_ended_total', { status: 'other' })).toBe(50);
    expect(await valueOf(metrics, 'runbook_bot_effects_total', { outcome: 'failed', reason: 'other' })).toBe(50);
    expect((await metrics.text()).split('\n').length).toBeLessThan(200);
  });

  it('count requests, alerts, Slack calls and the kill switch as they are told', async () => {
    const metrics = createMetrics({ process: false });
    metrics.observeRequest({ method: 'GET', route: '/api/v1/runs', status: 200, seconds: 0.002 });
    metrics.observeRequest({ method: 'GET', route: '/api/v1/runs/:id/events', status: 200, seconds: undefined });
    metrics.observeAlerts({ accepted: 3, duplicates: 2 });
    metrics.observeSlackCall('chat.update', 'ok');
    metrics.observeKillSwitch(true);
    metrics.observeKillSwitch(false);
    expect(await valueOf(metrics, 'runbook_bot_http_requests_total', { route: '/api/v1/runs', status: '200' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_http_request_seconds_count', { route: '/api/v1/runs' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_http_request_seconds_count', { route: '/api/v1/runs/:id/events' })).toBeUndefined();
    expect(await valueOf(metrics, 'runbook_bot_alerts_accepted_total')).toBe(3);
    expect(await valueOf(metrics, 'runbook_bot_alerts_duplicate_total')).toBe(2);
    expect(await valueOf(metrics, 'runbook_bot_slack_calls_total', { method: 'chat.update', result: 'ok' })).toBe(1);
    expect(await valueOf(metrics, 'runbook_bot_kill_switch_on')).toBe(0);
  });

  it('time appends, those that fail too, and leave the journal as it is', async () => {
    const metrics = createMetrics({ process: false });
    const appended = { ok: true, events: [event('RunStarted')] } as const;
    let broken = false;
    const asked: unknown[] = [];
    const note = (name: string) => (...args: unknown[]): never => {
      asked.push([name, ...args]);
      return name as never;
    };
    const journal: Journal = {
      append: async () => {
        if (broken) throw new Error('disk full');
        return appended;
      },
      read: note('read'), readAll: note('readAll'), positionBefore: note('positionBefore'), find: note('find'), query: note('query'),
      nextDueAt: note('nextDueAt'), onAppended: note('onAppended'), probe: note('probe'), close: note('close'),
    };
    const timed = metrics.timed(journal);
    expect(await timed.append({ stream: 's', expectedVersion: 0, events: [] })).toBe(appended);
    broken = true;
    await expect(timed.append({ stream: 's', expectedVersion: 0, events: [] })).rejects.toThrow('disk full');
    expect(await valueOf(metrics, 'runbook_bot_journal_append_seconds_count')).toBe(2);
    const listener = (): void => {};
    await Promise.all([timed.read('s', 2), timed.readAll(3, 4), timed.positionBefore(5), timed.find('run', 'r'), timed.query({ kind: 'run', limit: 1 }), timed.nextDueAt('run'), Promise.resolve(timed.onAppended(listener)), timed.probe(), timed.close()]);
    expect(asked).toEqual([['read', 's', 2], ['readAll', 3, 4], ['positionBefore', 5], ['find', 'run', 'r'], ['query', { kind: 'run', limit: 1 }], ['nextDueAt', 'run'], ['onAppended', listener], ['probe'], ['close']]);
  });
});
