/** From the alert to Slack: how long after the start of the webhook's POST the call `chat.postMessage` has arrived. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createForm } from '../kit/bodies.ts';
import { startBot, WEBHOOK_TOKEN, WITH_RUNBOOK, WITHOUT_RUNBOOK, writeBot } from '../kit/bot.ts';
import { inFolder } from '../kit/folder.ts';
import type { BenchOptions, Report, Verdict } from '../kit/report.ts';
import { median, percentile, short, spread } from '../kit/stats.ts';

const PER_SECOND = 10;
const MEDIAN_MS = 10;
const P99_MS = 30;
const WARM_UP_INCIDENTS = 20;
/** What has not come by then does not come. */
const ARRIVES_WITHIN_MS = 10_000;

interface Series {
  readonly name: string;
  readonly alertname: string;
}
const SERIES: readonly Series[] = [
  { name: 'an alert without a runbook', alertname: WITHOUT_RUNBOOK },
  { name: 'an alert that starts a run', alertname: WITH_RUNBOOK },
];

/** Slack's Web API as far as posting a card needs it. Answers at once. */
async function playSlack(): Promise<{ readonly url: string; readonly cards: ReadonlyMap<string, number>; stop(): void }> {
  const cards = new Map<string, number>();
  let posted = 0;
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const arrivedAt = performance.now();
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const cluster = /bench-\d+-end/.exec(form.toString())?.[0];
      if (incoming.url?.endsWith('chat.postMessage') === true && !form.has('thread_ts') && cluster !== undefined && !cards.has(cluster)) cards.set(cluster, arrivedAt);
      posted += 1;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ok: true, channel: 'C0BENCH01', ts: `1760000000.${String(posted).padStart(6, '0')}`, team_id: 'T0BENCH01', user_id: 'U0BENCH01', bot_id: 'B0BENCH01', url: 'https://bench.slack.example/' }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    cards,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const agent = new Agent({ keepAlive: true });

function post(url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${WEBHOOK_TOKEN}` };
    const sent = request(`${url}/webhooks/alertmanager`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`the webhook answered ${response.statusCode}`))));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Times in ms from the POST to the arrival at Slack; NaN for a card that did not come. */
function runSeries(alertname: string, incidents: number): Promise<number[]> {
  return inFolder(async (folder) => {
    const slack = await playSlack();
    const bot = await startBot(await writeBot(folder, { slackUrl: slack.url }));
    const fill = createForm();
    const sentAt: number[] = [];
    const clusterOf = (i: number): string => `bench-${i}-end`;
    try {
      for (let i = 0; i < WARM_UP_INCIDENTS + incidents; i += 1) {
        const body = fill({ alertname, cluster: clusterOf(i), fingerprints: [`${i}a`, `${i}b`, `${i}c`], at: new Date().toISOString() });
        sentAt[i] = performance.now();
        await post(bot.url, body);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, (sentAt[0] ?? 0) + ((i + 1) * 1_000) / PER_SECOND - performance.now())));
      }
      const giveUpAt = performance.now() + ARRIVES_WITHIN_MS;
      while (slack.cards.size < sentAt.length && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
      return sentAt.map((at, i) => (slack.cards.get(clusterOf(i)) ?? Number.NaN) - at).slice(WARM_UP_INCIDENTS);
    } finally {
      await bot.stop();
      slack.stop();
    }
  });
}

export async function benchSlack({ quick, say }: BenchOptions): Promise<Report> {
  const rounds = quick ? 1 : 3;
  const incidents = PER_SECOND * (quick ? 5 : 15);
  const measured = new Map<string, number[][]>(SERIES.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, alertname } of SERIES) {
      const times = await runSeries(alertname, incidents);
      measured.get(name)?.push(times);
      say(`slack ${round}/${rounds}: ${name}: median ${short(median(arrived(times)))} ms`);
    }
  }
  const verdicts: Verdict[] = [];
  const rows = [...measured].map(([name, series]) => {
    const medians = series.map((times) => percentile(arrived(times), 50));
    const p99s = series.map((times) => percentile(arrived(times), 99));
    const all = series.flat();
    verdicts.push({ what: `${name}, median`, measured: `${spread(medians)} ms`, target: `at most ${MEDIAN_MS} ms`, met: median(medians) <= MEDIAN_MS });
    verdicts.push({ what: `${name}, p99`, measured: `${spread(p99s)} ms`, target: `at most ${P99_MS} ms`, met: median(p99s) <= P99_MS });
    return [`the bot: ${name}`, `${arrived(all).length}/${all.length}`, spread(medians), spread(p99s), short(Math.max(...arrived(all)))];
  });
  return {
    title: 'From the alert to the call of Slack',
    columns: ['', 'arrived', 'median ms', 'p99 ms', 'worst ms'],
    rows: [...rows, ['Node-RED 5.0.7 (quoted, not measured here)', '450/450', '3.60', '7.75', ''], ['n8n 2.41.1 (quoted, not measured here)', '450/450', '24.2', '117', '']],
    verdicts,
    notes: [
      `${PER_SECOND} new incidents a second, ${incidents} a series, each after ${WARM_UP_INCIDENTS} that do not count. Time: start of the webhook's POST until Slack's side has read the whole \`chat.postMessage\`; the incident, and the intent to post its card, are durable in between.`,
      'First posts of new incidents are not paced; updates and threads are, about one a second a channel, and a "slower" from Slack paces everything for a minute. The played Slack never says it: the real one allows about one message a second a channel with short bursts, so a storm of this size would be slowed by Slack, not by the bot.',
      'Quoted: measured earlier on such a machine (webhook in, small JSON out), n8n and Node-RED store nothing before they answer. n8n at 1/s: 27 ms.',
    ],
  };
}

function arrived(times: readonly number[]): number[] {
  return times.filter((time) => !Number.isNaN(time));
}
