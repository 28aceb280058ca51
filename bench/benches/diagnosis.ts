/** How long a diagnosis takes: the triage of a full DLQ next to its bare requests, and eight reads next to the slowest of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiagnosisInput, DiagnosisResult } from '../processes/diagnosis.ts';
import type { TriageInput, TriageResult } from '../processes/triage.ts';
import { resultOf, start } from '../kit/process.ts';
import type { BenchOptions, Report, Verdict } from '../kit/report.ts';
import { median, short, spread } from '../kit/stats.ts';

/** Cordum keeps no more. */
const DLQ_CAP = 10_000;
/** As many look-ups at a time as the triage makes. */
const LANES = 8;
const API_KEY = 'bench-key-of-the-full-dlq';
const READS = [500, 400, 300, 250, 200, 150, 100, 50];

export async function benchDiagnosis(options: BenchOptions): Promise<Report> {
  const triage = await triageRows(options);
  const parallel = await parallelRows(options);
  return {
    title: 'Diagnosis',
    columns: ['what', 'taken', 'against', 'ratio', 'peak memory'],
    rows: [triage.row, triage.wide, parallel.row],
    verdicts: [triage.verdict, parallel.verdict],
    notes: [
      `Triage: ${triage.requests} requests for ${triage.entries} entries, by the product's client without its pace, against the same requests as bare \`fetch\` one after another, headers and JSON read.`,
      'Reads: from the start of the run until it has ended, journal on disk, against the slowest read by itself.',
    ],
  };
}

interface Rows {
  readonly row: readonly string[];
  readonly verdict: Verdict;
}

async function triageRows({ quick, say }: BenchOptions): Promise<Rows & { readonly wide: readonly string[]; readonly requests: number; readonly entries: number }> {
  const full = start('bench/processes/full-dlq.ts', [JSON.stringify({ entries: quick ? 1_000 : DLQ_CAP, apiKey: API_KEY })]);
  const folder = await mkdtemp(join(tmpdir(), 'bench-triage-'));
  try {
    const [, url = ''] = await full.line(/^LISTENS (.*)$/);
    const ours: TriageResult[] = [];
    const bare: TriageResult[] = [];
    const wide: TriageResult[] = [];
    const rounds = quick ? 1 : 3;
    for (let round = 1; round <= rounds; round += 1) {
      const input: TriageInput = { url, apiKey: API_KEY, pathsFile: join(folder, 'paths.json') };
      const one = await resultOf<TriageResult>('bench/processes/triage.ts', input);
      const other = await resultOf<TriageResult>('bench/processes/triage.ts', { ...input, bare: true });
      ours.push(one);
      bare.push(other);
      wide.push(await resultOf<TriageResult>('bench/processes/triage.ts', { ...input, bare: true, lanes: LANES }));
      say(`triage ${round}/${rounds}: ${short(one.ms)} ms, bare ${short(other.ms)} ms, peak ${short(one.peakMb)} MB`);
    }
    const ratios = ours.map((one, i) => one.ms / (bare[i]?.ms ?? Number.NaN));
    const wideRatios = ours.map((one, i) => one.ms / (wide[i]?.ms ?? Number.NaN));
    return {
      wide: ['the same, against 8 fetches at a time', `${spread(ours.map(({ ms }) => ms))} ms`, `${spread(wide.map(({ ms }) => ms))} ms`, spread(wideRatios), ''],
      requests: ours[0]?.requests ?? 0,
      entries: ours[0]?.entries ?? 0,
      row: ['triage of a full DLQ', `${spread(ours.map(({ ms }) => ms))} ms`, `${spread(bare.map(({ ms }) => ms))} ms`, spread(ratios), `${spread(ours.map(({ peakMb }) => peakMb))} MB (bare ${spread(bare.map(({ peakMb }) => peakMb))} MB)`],
      verdict: { what: 'triage against a bare fetch loop', measured: spread(ratios), target: 'at most 1.3', met: median(ratios) <= 1.3 },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await full.stop();
  }
}

async function parallelRows({ quick, say }: BenchOptions): Promise<Rows> {
  const input: DiagnosisInput = { reads: READS, runs: quick ? 3 : 20 };
  const { runs, slowest } = await resultOf<DiagnosisResult>('bench/processes/diagnosis.ts', input);
  const ratios = runs.map((ms, i) => ms / (slowest[i] ?? Number.NaN));
  say(`eight reads: ${short(median(runs))} ms, the slowest alone ${short(median(slowest))} ms`);
  return {
    row: ['eight reads side by side', `${spread(runs)} ms`, `${spread(slowest)} ms`, spread(ratios), ''],
    verdict: { what: 'eight reads against the slowest', measured: spread(ratios), target: 'at most 1.15', met: median(ratios) <= 1.15 },
  };
}
