/** Memory and start: idle, and with 10,000 runs that wait for an approval. */
import { request } from 'node:http';
import { join } from 'node:path';
import type { WaitingResult } from '../processes/waiting-runs.ts';
import { API_KEY, writeBot } from '../kit/bot.ts';
import { inFolder } from '../kit/folder.ts';
import { freePort, resultOf, start } from '../kit/process.ts';
import type { BenchOptions, Report } from '../kit/report.ts';
import { median, short, spread } from '../kit/stats.ts';

const IDLE_RSS_MB = 130;
const COLD_START_MS = 800;
/** After the start, until the garbage of it has had time to go. */
const SETTLED_AFTER_MS = 1_500;
const ASK_EVERY_MS = 5;
const START_WITHIN_MS = 60_000;

interface Start {
  readonly startMs: number;
  readonly rssMb: number;
  /** Until the list of approvals was answered, when it was asked for. */
  readonly listedMs: number;
}

async function measureStart(script: string, args: readonly string[], port: number, listPath?: string): Promise<Start> {
  const begin = performance.now();
  const running = start(script, args);
  try {
    await answered(port, '/healthz');
    const startMs = performance.now() - begin;
    if (listPath !== undefined) await answered(port, listPath);
    const listedMs = performance.now() - begin;
    await sleep(SETTLED_AFTER_MS);
    return { startMs, rssMb: running.rssMb(), listedMs };
  } finally {
    await running.stop();
  }
}

/** Asks until the answer is 200. */
async function answered(port: number, path: string): Promise<void> {
  const giveUpAt = performance.now() + START_WITHIN_MS;
  while ((await ask(port, path)) !== 200) {
    if (performance.now() > giveUpAt) throw new Error(`no answer at ${path} within ${START_WITHIN_MS} ms`);
    await sleep(ASK_EVERY_MS);
  }
}

function ask(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, headers: { authorization: `Bearer ${API_KEY}` } }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
    sent.once('error', () => resolve(undefined));
    sent.end();
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function measureIdle(starts: number, say: BenchOptions['say']): Promise<{ readonly bot: Start[]; readonly bare: Start[] }> {
  const bot: Start[] = [];
  const bare: Start[] = [];
  for (let i = 1; i <= starts; i += 1) {
    const port = await freePort();
    bare.push(await measureStart('bench/processes/bare-server.js', [String(port)], port));
    bot.push(await inFolder(async (folder) => measureStart('src/main.ts', ['--config', await writeBot(folder, { port })], port)));
    say(`memory, start ${i}/${starts}: the bot ${short(bot.at(-1)?.startMs ?? Number.NaN)} ms, ${short(bot.at(-1)?.rssMb ?? Number.NaN)} MB; bare ${short(bare.at(-1)?.startMs ?? Number.NaN)} ms`);
  }
  return { bot, bare };
}

interface Waiting {
  readonly runs: number;
  readonly filled: WaitingResult;
  readonly restarts: readonly Start[];
}

function measureWaiting(runs: number, restarts: number, say: BenchOptions['say']): Promise<Waiting> {
  return inFolder(async (folder) => {
    const port = await freePort();
    const config = await writeBot(folder, { port });
    const filled = await resultOf<WaitingResult>('bench/processes/waiting-runs.ts', { path: join(folder, 'journal.db'), runs });
    say(`memory: ${runs} runs wait, ${short(filled.runsPerSecond)} runs/s`);
    const measured: Start[] = [];
    for (let i = 0; i < restarts; i += 1) measured.push(await measureStart('src/main.ts', ['--config', config], port, '/api/v1/approvals?status=pending&limit=200'));
    return { runs, filled, restarts: measured };
  });
}

export async function benchMemory({ quick, say }: BenchOptions): Promise<Report> {
  const starts = quick ? 3 : 10;
  const { bot, bare } = await measureIdle(starts, say);
  const waiting = await measureWaiting(quick ? 1_000 : 10_000, quick ? 1 : 3, say);
  const rss = bot.map(({ rssMb }) => rssMb);
  const startMs = bot.map((one) => one.startMs);
  const count = waiting.runs.toLocaleString('en-US');
  return {
    title: 'Memory and start',
    columns: ['Process', 'start until /healthz, ms', 'RSS, MB'],
    rows: [
      ['bare fastify + pino + prom-client', spread(bare.map((one) => one.startMs)), spread(bare.map(({ rssMb }) => rssMb))],
      ['the bot, idle', spread(startMs), spread(rss)],
      ['ratio', spread(bot.map((one, i) => one.startMs / (bare[i]?.startMs ?? Number.NaN))), spread(bot.map((one, i) => one.rssMb / (bare[i]?.rssMb ?? Number.NaN)))],
      [`the bot, ${count} runs waiting for approval`, spread(waiting.restarts.map((one) => one.startMs)), spread(waiting.restarts.map(({ rssMb }) => rssMb))],
      [`… and 200 of them listed`, spread(waiting.restarts.map(({ listedMs }) => listedMs)), ''],
      [`the engine that has just started them, ${short(waiting.filled.runsPerSecond)}/s`, '', short(waiting.filled.rssMb)],
    ],
    verdicts: [
      { what: 'idle memory', measured: `${spread(rss)} MB`, target: `at most ${IDLE_RSS_MB} MB`, met: median(rss) <= IDLE_RSS_MB },
      { what: 'cold start', measured: `${spread(startMs)} ms`, target: `at most ${COLD_START_MS} ms`, met: median(startMs) <= COLD_START_MS },
    ],
    notes: [
      `${starts} starts each, in turns; memory ${SETTLED_AFTER_MS} ms after the first answer. Slack off, one target without any system. The compile cache is warm but for the first start.`,
      `${count} runs with one R1 offer each: a journal of ${short(waiting.filled.journalMb)} MB.`,
    ],
  };
}
