/** The triage of a whole DLQ by the product's own steps, or the bare requests that it makes, one fetch after another. */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import { systemClock, waitUntil } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import type { StepContext } from '#step-kit/index.ts';
import { createCordumClient } from '#systems/cordum/client.ts';
import { listDlq, WHOLE_DLQ } from '#systems/cordum/dlq-listing.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import { inputOf, tellResult } from '../kit/process.ts';

export interface TriageInput {
  readonly url: string;
  readonly apiKey: string;
  /** The file of the paths: written by the triage itself, read for the bare requests. They are too many for an argument or a line of output. */
  readonly pathsFile: string;
  /** Only fetch those paths. */
  readonly bare?: boolean;
  /** How many fetches at a time. Default 1. */
  readonly lanes?: number;
}
export interface TriageResult {
  readonly ms: number;
  readonly entries: number;
  readonly requests: number;
  /** The most that was resident while it ran, MB of 10^6 bytes. */
  readonly peakMb: number;
}

const SAMPLE_MS = 20;

async function measured(work: () => Promise<{ readonly entries: number; readonly paths: readonly string[] }>): Promise<TriageResult> {
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, SAMPLE_MS);
  const start = performance.now();
  const did = await work();
  const ms = performance.now() - start;
  clearInterval(timer);
  if (input.bare !== true) writeFileSync(input.pathsFile, JSON.stringify(did.paths));
  return { ms, entries: did.entries, requests: did.paths.length, peakMb: peak / 1e6 };
}

async function triage({ url, apiKey }: TriageInput): Promise<{ readonly entries: number; readonly paths: readonly string[] }> {
  const paths: string[] = [];
  subscribe('undici:request:create', (message) => {
    paths.push((message as { readonly request: { readonly path: string } }).request.path);
  });
  // As fast as it can: the pace that spares Cordum's limit would be all that one measures.
  const client = createCordumClient({ url, apiKey: new Secret(apiKey), tenant: 'default', clock: systemClock, readsPerSecond: 1e9 });
  const signal = new AbortController().signal;
  const ctx: StepContext = { target: 'bench', use: <Client>(): Client => client as Client, now: () => systemClock.now(), sleep: (ms) => waitUntil(systemClock, systemClock.now() + ms), signal, log: silentLog };
  const listing = await listDlq(client, WHOLE_DLQ, ctx);
  if (!listing.ok) throw new Error(listing.failure.message);
  const answer = await dlqTriage.run({ entries: listing.value.items }, ctx);
  if (!answer.ok) throw new Error(answer.failure.message);
  await client.close();
  return { entries: listing.value.items.length, paths };
}

async function bare({ url, apiKey, lanes = 1 }: TriageInput, paths: readonly string[]): Promise<{ readonly entries: number; readonly paths: readonly string[] }> {
  let entries = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) {
      const path = paths[at] ?? '';
      const response = await fetch(url + path, { headers: { 'x-api-key': apiKey, 'x-tenant-id': 'default' } });
      const body = (await response.json()) as { readonly items?: readonly unknown[] };
      if (path.includes('/dlq')) entries += body.items?.length ?? 0;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { entries, paths };
}

const input = inputOf<TriageInput>();
const paths = input.bare === true ? (JSON.parse(readFileSync(input.pathsFile, 'utf8')) as readonly string[]) : [];
tellResult(await measured(() => (input.bare === true ? bare(input, paths) : triage(input))));
process.exit(0);
