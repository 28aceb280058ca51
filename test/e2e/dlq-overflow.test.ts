import { describe, expect, it, onTestFinished } from 'vitest';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { createApi, metric } from '../kit/e2e/api.ts';
import { startBot, WEBHOOK_TOKEN, writeBotFiles } from '../kit/e2e/bot.ts';
import { expectDrainedOnce, mostInOneSecond, startCordum, writesOf } from '../kit/e2e/cordum.ts';
import { cardSaying, cardsPosted, deliver, press } from '../kit/e2e/slack.ts';
import { startAlertmanager, type Alertmanager } from '../kit/servers/alertmanager.ts';
import { waitFor } from '../kit/servers/process.ts';
import { startPrometheus, type Prometheus } from '../kit/servers/prometheus.ts';
import { buttonValue } from '../kit/slack/surface.ts';
import { startWorkspace } from '../kit/slack/workspace.ts';

const DEAD_JOBS = 240;

/** Cordum's own rule, but for its `for`. */
const RULES = `groups:
  - name: cordum
    rules:
      - alert: CordumDLQDepthHigh
        expr: cordum_dlq_entries > 100
        for: 1s
        labels: { severity: warning }
        annotations:
          summary: DLQ depth exceeds 100 entries
          description: >
            Dead-letter queue has {{ $value }} entries.
            Triage and retry or delete entries.
`;

/** Each knows nothing of the other, so both deliver everything: the worst that a broken cluster does. */
function startLonelyAlertmanager(botUrl: string): Promise<Alertmanager> {
  return startAlertmanager({
    config: `route: { receiver: runbook-bot, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h }
receivers:
  - name: runbook-bot
    webhook_configs:
      - url: ${botUrl}/webhooks/alertmanager
        send_resolved: true
        http_config: { follow_redirects: false, authorization: { type: Bearer, credentials_file: token } }
`,
    files: { token: WEBHOOK_TOKEN },
  });
}

function startPrometheusFor(botUrl: string, alertmanagers: readonly Alertmanager[]): Promise<Prometheus> {
  return startPrometheus({
    config: `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
alerting:
  alertmanagers: [{ static_configs: [{ targets: [${alertmanagers.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}] }] }]
scrape_configs:
  - job_name: runbook-bot
    static_configs: [{ targets: ["${new URL(botUrl).host}"] }]
`,
    files: { 'rules.yml': RULES },
  });
}

/** Notifications that an Alertmanager has delivered to the bot. */
async function delivered(alertmanager: Alertmanager): Promise<{ sent: number; failed: number }> {
  const of = async (name: string): Promise<number> => (await metric(alertmanager.url, name, 'integration="webhook"')) ?? 0;
  return { sent: await of('alertmanager_notifications_total'), failed: await of('alertmanager_notification_requests_failed_total') };
}

describe('an overflowing dead-letter queue', () => {
  it('becomes one incident, one card and one approved retry of each safe job, and closes when the queue has drained', async () => {
    const workspace = await startWorkspace();
    onTestFinished(() => workspace.close());
    const cordum = await startCordum(DEAD_JOBS);
    const bot = await startBot(await writeBotFiles({ cordumUrl: cordum.url, slack: workspace }));
    const alertmanagers = [await startLonelyAlertmanager(bot.url), await startLonelyAlertmanager(bot.url)];
    const prometheus = await startPrometheusFor(bot.url, alertmanagers);
    const api = createApi(bot.url);

    // The alert fires, twice, and is one incident with one card.
    const opened = await waitFor(async () => (await api.incidents())[0], { until: 'the alert has opened an incident', withinMs: 60_000 });
    expect(opened).toMatchObject({ status: 'open', severity: 'warning', target: 'production', runbook: 'dlq-overflow', title: 'DLQ depth exceeds 100 entries (production)' });
    for (const alertmanager of alertmanagers) await waitFor(async () => ((await delivered(alertmanager)).sent > 0 ? true : undefined), { until: 'both Alertmanagers have delivered' });
    const card = await cardSaying(workspace, [ACTIONS.approve, 'entries never reached a worker', '240 entries', 'waits for approval']);
    const [approval] = await api.approvals();
    expect(approval).toMatchObject({ status: 'pending', tier: 'R2', requester: 'alertmanager' });
    expect(approval?.plan.changes).toHaveLength(cordum.seeded.safe.length);
    expect(buttonValue(card, ACTIONS.approve)).toBe(`${approval?.id}.${approval?.plan.digest}`);
    expect(writesOf(cordum.sandbox)).toEqual([]);

    // Who is not on call is told so, alone, and nothing moves.
    expect(await deliver(bot.url, press(workspace, 'bob', card, ACTIONS.approve))).toBe(200);
    const told = await waitFor(() => workspace.said[0], { until: 'bob is told why not' });
    expect(JSON.parse(told)).toMatchObject({ response_type: 'ephemeral', replace_original: false });
    expect(told).toContain('oncall');
    expect((await api.approval(approval?.id ?? '')).status).toBe('pending');

    // The on-call approves, twice, and somebody replays the request.
    const approve = press(workspace, 'alice', card, ACTIONS.approve);
    expect(await deliver(bot.url, approve)).toBe(200);
    expect(await deliver(bot.url, press(workspace, 'alice', card, ACTIONS.approve))).toBe(200);
    expect(await deliver(bot.url, approve)).toBe(401);

    // The queue drains, Prometheus sees it, both Alertmanagers say so, and the incident closes.
    const closed = await waitFor(
      async () => {
        const incident = await api.incident(opened.id);
        return incident.status === 'closed' ? incident : undefined;
      },
      { until: 'the incident closes', withinMs: 120_000, everyMs: 500 },
    );
    expect(closed.alerts.map((alert) => alert.status)).toEqual(['resolved']);
    for (const alertmanager of alertmanagers) {
      await waitFor(async () => ((await delivered(alertmanager)).sent > 1 ? true : undefined), { until: 'both Alertmanagers have delivered the resolve' });
      expect((await delivered(alertmanager)).failed).toBe(0);
    }
    expect(await prometheus.alerts()).toEqual([]);
    expect(await api.incidents()).toHaveLength(1);
    expect(await api.runs()).toHaveLength(1);
    expect(await metric(bot.url, 'runbook_bot_alerts_duplicate_total')).toBeGreaterThan(0);

    // Each safe job once, by the approver, in waves, at the allowed rate; the others are left alone.
    const run = await waitFor(
      async () => {
        const view = await api.run(opened.runs[0] ?? closed.runs[0] ?? '');
        return view.endedAt === null ? undefined : view;
      },
      { until: 'the run ends' },
    );
    expect(run).toMatchObject({ status: 'succeeded', trigger: { kind: 'alert', requester: 'alertmanager' } });
    const approver = `slack:${workspace.users['alice']}`;
    expectDrainedOnce(cordum, approver);
    expect(run.offers.find((offer) => offer.id === 'retry')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(run.offers.find((offer) => offer.id === 'retry')?.waves.map((wave) => wave.size)).toEqual([1, 5, 25, cordum.seeded.safe.length - 31]);
    expect(mostInOneSecond(run.effects.map((effect) => Date.parse(effect.intendedAt ?? '')))).toBeLessThanOrEqual(10);

    // The second click heard that the first one counts; the replay did not even get so far.
    expect(workspace.said.slice(1)).toEqual([expect.stringContaining('You have approved this already')]);

    // One card from beginning to end, and it says who did what and when.
    const last = await cardSaying(workspace, ['closed', `${cordum.seeded.safe.length} of ${cordum.seeded.safe.length} applied`, `Approved by <@${workspace.users['alice']}>`]);
    expect(last.ts).toBe(card.ts);
    expect(cardsPosted(workspace)).toBe(1);
    expect(buttonValue(last, ACTIONS.approve)).toBeUndefined();
    const decision = (await api.approval(approval?.id ?? '')).decisions;
    expect(decision).toEqual([{ principal: approver, decision: 'approve', reason: null, via: 'slack', at: expect.any(String) as string }]);
    const decidedAt = Math.floor(Date.parse(decision[0]?.at ?? '') / 1_000);
    expect(JSON.stringify(last)).toContain(`<!date^${decidedAt}^`);
    expect(JSON.stringify(last)).toContain(approval?.plan.digest.slice(0, 8));
  });
});
