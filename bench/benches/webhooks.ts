/** Webhooks durably accepted: the bot against the fastest that a bare server on the same SQLite can be. */
import { join } from 'node:path';
import type { LoadInput, LoadResult } from '../processes/load.ts';
import { MIXES, type Mix } from '../kit/bodies.ts';
import { startBot, writeBot } from '../kit/bot.ts';
import { inFolder } from '../kit/folder.ts';
import { resultOf, start } from '../kit/process.ts';
import type { BenchOptions, Report, Verdict } from '../kit/report.ts';
import { median, short, spread } from '../kit/stats.ts';

const CONNECTIONS = [1, 16, 64] as const;
const TARGET_OF_SHARED = 0.5;
const TARGET_CONNECTIONS: ReadonlySet<number> = new Set([16, 64]);

interface Subject {
  readonly name: string;
  readonly mix: Mix;
  start(folder: string): Promise<{ readonly url: string; stop(): Promise<void> }>;
}

function limit(name: string, commits: 'one-each' | 'shared'): Subject {
  return { name, mix: 'storm', start: (folder) => startServer('bench/processes/webhook-limit.ts', { file: join(folder, 'bodies.db'), commits }) };
}

async function startServer(script: string, input: object): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = start(script, [JSON.stringify(input)]);
  const [, json = ''] = await server.line(/^RESULT (.*)$/);
  return { url: (JSON.parse(json) as { readonly url: string }).url, stop: () => server.stop() };
}

function bot(name: string, mix: Mix): Subject {
  return { name, mix, start: async (folder) => startBot(await writeBot(folder)) };
}

const ONE_EACH = limit('bare http + SQLite, one commit a request', 'one-each');
const SHARED = limit('bare http + SQLite, shared commits', 'shared');
const UNSTORED: Subject = { name: "the bot's webhook, storing nothing", mix: 'storm', start: () => startServer('bench/processes/webhook-unstored.ts', {}) };
const STORM = bot('the bot', 'storm');
const RUNS = bot('the bot, runs too', 'runs');
const SUBJECTS = [ONE_EACH, SHARED, UNSTORED, STORM, RUNS];

export async function benchWebhooks({ quick, say }: BenchOptions): Promise<Report> {
  const rounds = quick ? 1 : 3;
  const measured = new Map<string, LoadResult[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      for (const subject of SUBJECTS) {
        const result = await measure(subject, { connections, warmUpSeconds: quick ? 1 : 2, seconds: quick ? 2 : 4, mix: subject.mix });
        say(`webhooks ${round}/${rounds}: ${subject.name}, ${connections} connections: ${short(result.perSecond)}/s`);
        const key = keyOf(subject, connections);
        measured.set(key, [...(measured.get(key) ?? []), result]);
      }
    }
  }
  return report(measured);
}

/** A fresh process on a fresh file each time: no series pays for the files or the memory of the one before. */
function measure(subject: Subject, load: Omit<LoadInput, 'url'>): Promise<LoadResult> {
  return inFolder(async (folder) => {
    const server = await subject.start(folder);
    try {
      return await resultOf<LoadResult>('bench/processes/load.ts', { url: server.url, ...load });
    } finally {
      await server.stop();
    }
  });
}

function keyOf(subject: Subject, connections: number): string {
  return `${subject.name} ${connections}`;
}

function report(measured: ReadonlyMap<string, readonly LoadResult[]>): Report {
  const rows: string[][] = [];
  const verdicts: Verdict[] = [];
  for (const connections of CONNECTIONS) {
    const of = (subject: Subject): readonly LoadResult[] => measured.get(keyOf(subject, connections)) ?? [];
    /** Round by round: what was measured within a minute is compared, and nothing else. */
    const ratios = (subject: Subject, to: Subject): number[] => of(subject).map(({ perSecond }, i) => perSecond / (of(to)[i]?.perSecond ?? Number.NaN));
    for (const subject of SUBJECTS) {
      const results = of(subject);
      const column = (pick: (result: LoadResult) => number): string => spread(results.map(pick));
      rows.push([subject.name, String(connections), column((r) => r.perSecond), column((r) => r.p50Ms), column((r) => r.p99Ms), spread(ratios(subject, ONE_EACH)), spread(ratios(subject, SHARED)), String(results.reduce((sum, { failed }) => sum + failed, 0))]);
    }
    if (!TARGET_CONNECTIONS.has(connections)) continue;
    const ofShared = ratios(STORM, SHARED);
    const ofOneEach = ratios(STORM, ONE_EACH);
    verdicts.push({ what: `${connections} connections, of shared commits`, measured: spread(ofShared), target: `at least ${TARGET_OF_SHARED}`, met: median(ofShared) >= TARGET_OF_SHARED });
    verdicts.push({ what: `${connections} connections, of one commit a request`, measured: spread(ofOneEach), target: 'more than 1', met: median(ofOneEach) > 1 });
  }
  return {
    title: 'Webhooks durably accepted',
    columns: ['Server', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'of one commit each', 'of shared commits', 'failed'],
    rows,
    verdicts,
    notes: [
      'Body: three alerts as Alertmanager 0.28 sent them, 2 KB; group, fingerprints and times change, so every request has something to commit. The bot parses, checks, routes, decides and hash-chains; the bare servers parse the JSON and store the text.',
      `"the bot": ${MIXES.storm}. "runs too": ${MIXES.runs}. The verdicts are about the former.`,
      '"storing nothing": the same HTTP layer, credential, JSON and schema, answered at once. It shows what part of the distance is not the storing.',
      'Load generator (autocannon, a process of its own) and server share the cores.',
    ],
  };
}
