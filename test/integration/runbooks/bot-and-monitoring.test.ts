/** The bot's own health and what is no longer seen, asked of a real Prometheus and a real Alertmanager; and approvals that wait. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addJob } from '#systems/cordum/sandbox/model.ts';
import { startJob } from '#systems/cordum/sandbox/scheduler.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { ANN, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startServices } from '../../kit/runbooks/services.ts';
import { startAlertmanager } from '../../kit/servers/alertmanager.ts';
import { freePort } from '../../kit/servers/port.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';

/** What stands at `/metrics` of a bot; a test may change it. */
async function startMetrics(series: () => string): Promise<string> {
  const server = createServer((_request, response) => void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(series()));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const scrape = (...targets: readonly string[]): string => `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: runbook-bot\n    static_configs: [{ targets: [${targets.map((one) => `'${one}'`).join(', ')}] }]\n`;

describe('bot-health', () => {
  it('reads what a bot publishes: a full disk, refused webhooks, what waits, and the kill switch', async () => {
    let refused = 0;
    const host = await startMetrics(() => {
      refused += 3;
      return `runbook_bot_journal_writable 0
kubelet_volume_stats_available_bytes{persistentvolumeclaim="runbook-bot-data"} 1
kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="runbook-bot-data"} 1000
runbook_bot_http_requests_total{method="POST",route="/webhooks/alertmanager",status="401"} ${refused}
runbook_bot_slack_calls_total{method="chat.postMessage",result="channel_not_found"} ${refused}
runbook_bot_verified_total{outcome="failed"} ${refused}
runbook_bot_runs_unknown 2
runbook_bot_approvals_pending 1
runbook_bot_kill_switch_on 1
`;
    });
    const gone = `127.0.0.1:${await freePort()}`;
    const prometheus = await startPrometheus({ config: scrape(host, gone) });
    const alertmanager = await startAlertmanager({ config: 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n' });
    await waitFor(async () => ((await prometheus.query('increase(runbook_bot_slack_calls_total[1m]) > 0')).length > 0 ? true : undefined), { until: 'Prometheus has scraped the bot twice' });
    const rig = await startRunbookRig({ prometheus: { url: prometheus.url }, alertmanager: { url: alertmanager.url } });
    const sentences = said(await rig.diagnose('bot-health'));
    for (const start of [
      `critical: Prometheus cannot scrape ${gone} (`, "critical: Alertmanager's notifications are refused with 401", 'critical: A journal cannot be written: webhooks answer 503 and no change goes out. Of its volume 0 % are free.',
      'warning: Nothing has reached Slack for 15 minutes: channel_not_found.', 'critical: 2 runs have a change', 'warning: About', 'warning: 1 approvals wait for a person', 'warning: The kill switch is on',
    ]) expect(sentences).toContainEqual(expect.stringContaining(start));
    expect(sentences.filter((one) => /^critical: Alertmanager (?:is|cannot)/.test(one))).toEqual([]);
    await alertmanager.stop();
    expect(said(await rig.diagnose('bot-health'))).toContainEqual(expect.stringMatching(/^critical: Alertmanager cannot be reached/));
  });
});

describe('monitoring-blind', () => {
  it('tells a Cordum that is gone from one that refuses the key, and what Prometheus does not know', async () => {
    const prometheus = await startPrometheus({ config: scrape(await startMetrics(() => 'cordum_exporter_source_up{target="prod",source="redis"} 0\ncordum_exporter_source_up{target="other",source="jobs"} 0\n')) });
    await waitFor(async () => ((await prometheus.query('cordum_exporter_source_up offset 2s')).length > 0 ? true : undefined), { until: 'Prometheus has scraped the exporter' });
    const { url } = await startCordum(1);
    const { target } = await startServices();
    const refused = await startRunbookRig({ cordum: { url, apiKey: 'a-key-for-nobody-0000' }, prometheus: { url: prometheus.url }, kubernetes: target });
    const sentences = said(await refused.diagnose('monitoring-blind'));
    expect(sentences).toContainEqual(expect.stringMatching(/^critical: Cordum answers, but the bot cannot read the dead-letter queue\. .*unauthorised/));
    // Only the sources of this target.
    expect(sentences).toContainEqual('warning: The exporter does not see: redis. The series of these keep their last values; the bot\'s log says why.');
    expect(sentences).toContainEqual(expect.stringMatching(/^warning: Prometheus knows no Deployments \(absent\)/));
    expect(sentences).toContainEqual(expect.stringMatching(/^warning: Prometheus has no cordum:service_up \(absent\)/));
    const gone = await startRunbookRig({ cordum: { url: `http://127.0.0.1:${await freePort()}`, apiKey: CORDUM_KEY } });
    expect(said(await gone.diagnose('monitoring-blind'))).toContainEqual(expect.stringMatching(/^critical: The bot cannot reach Cordum/));
    const sound = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    expect(said(await sound.diagnose('monitoring-blind'))).toContainEqual(expect.stringMatching(/^info: The bot can read Cordum now/));
  });
});

describe('approvals-waiting', () => {
  it('lets one job go on that a person has chosen and another has approved, and nothing else', async () => {
    const { sandbox, url } = await startCordum(0);
    sandbox.addWorker({ id: 'executor-1', pool: 'bank-executors' });
    const jobs = [1, 2].map(() => addJob(sandbox.world, { topic: 'job.bank-executors.process' }));
    for (const job of jobs) startJob(sandbox.world, job);
    await waitFor(async () => (jobs.every(({ state }) => state === 'APPROVAL_REQUIRED') ? true : undefined), { until: 'both jobs wait' });
    const [chosen, other] = jobs.map(({ id }) => id);
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    const run = await rig.run('approvals-waiting');
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: 2 approvals wait, the oldest for 0 minutes: .* \(bank-executor-approval\)/));
    expect(await rig.app.operations.planOffer(ANN, run.id, 'approve', { job: 'not-in-the-list', reason: 'x' })).toMatchObject({ ok: false });
    expect(await rig.app.operations.planOffer(ANN, run.id, 'approve', { job: chosen ?? '', reason: 'checked with the owner' })).toMatchObject({ ok: true });
    await waitFor(async () => rig.approvalOf(run.id, 'approve').catch(() => undefined), { until: 'the approval is open' });
    const view = await rig.approve(run.id, 'approve');
    expect(view.offers.find(({ id }) => id === 'approve')?.status).toBe('done');
    await waitFor(async () => (sandbox.job(chosen ?? '')?.state === 'SUCCEEDED' ? true : undefined), { until: 'the approved job has run' });
    expect(sandbox.job(other ?? '')?.state).toBe('APPROVAL_REQUIRED');
  });
});
