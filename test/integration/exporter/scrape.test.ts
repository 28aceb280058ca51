/** The whole bot, scraped by a real Prometheus that has loaded the shipped rules, on a real Redis and a simulated Cordum. */
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createSandbox } from '#systems/cordum/sandbox/server.ts';
import { seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { readText } from '../../architecture/tree.ts';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';
import { startRedis } from '../../kit/servers/redis.ts';

test('a real Prometheus sees every source of the bot, and what the bot can no longer see', async () => {
  const redis = await startRedis();
  const nowMicros = Date.now() * 1_000;
  // Two that run for an hour, and one that has only begun.
  for (const [id, ageMs] of [['old-1', 3_600_000], ['old-2', 3_600_000], ['new', 1_000]] as const) await redis.cli('ZADD', 'job:index:running', String(nowMicros - ageMs * 1_000), id);
  const sandbox = createSandbox({ clock: systemClock, apiKey: 'key-0123456789', tenant: 'default' });
  const { url } = await sandbox.start();
  onTestFinished(() => sandbox.stop());
  seedDlq(sandbox, 12);
  const { app } = await startRunbookRig({ cordum: { url, apiKey: 'key-0123456789', tenant: 'default' }, redis: { url: redis.url } });
  const prometheus = await startPrometheus({
    config: `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [rules.yaml]\nscrape_configs: [{ job_name: runbook-bot, static_configs: [{ targets: ['${new URL(app.url).host}'] }] }]\n`,
    files: { 'rules.yaml': readText('deploy/prometheus/rules.yaml') },
  });
  const value = async (expression: string): Promise<number | undefined> => (await prometheus.query(expression))[0]?.value;

  expect(await waitFor(() => value('cordum_stale_jobs{target="prod", state="running"}'), { until: 'stale jobs are scraped' })).toBe(2);
  expect(await waitFor(() => value('cordum_redis_up{target="prod"}'), { until: 'Redis is scraped' })).toBe(1);
  expect(await waitFor(() => value('cordum_dlq_depth{target="prod", recorded_by="runbook-bot"}'), { until: 'the recording rules were evaluated' })).toBe(12);
  expect(await waitFor(() => value('cordum:service_up{service="redis", target="prod"}'), { until: 'it is known whether Redis is up' })).toBe(1);
  expect(await value('runbook_bot_journal_writable')).toBe(1);
  expect(await prometheus.query('cordum_exporter_source_up == 0')).toEqual([]);

  await redis.stop();
  await waitFor(async () => ((await value('cordum:service_up{service="redis", target="prod"}')) === 0 ? true : undefined), { until: 'the stopped Redis is seen to be down', withinMs: 60_000 });
  expect(await value('cordum_stale_jobs{target="prod", state="running"}')).toBe(2);
  await waitFor(async () => ((await value('cordum_exporter_source_up{target="prod", source="jobs"}')) === 0 ? true : undefined), { until: 'the count of jobs is said to be old', withinMs: 90_000 });

  const { data } = (await (await fetch(`${prometheus.url}/api/v1/rules`)).json()) as { data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] } };
  expect(data.groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'err')).toEqual([]);
});
