/** Probes of the machine, before and after a bench: when they differ much, something else was running. */
import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { inFolder } from './folder.ts';
import { median, percentile, short } from './stats.ts';

const HASHES = 5;
const SYNCS = 200;

/** One line: time to hash 16 MiB, time of one durable 4 KB write, and the load. */
export async function probeNoise(): Promise<string> {
  const block = Buffer.alloc(16 * 1024 * 1024, 7);
  const hashes = Array.from({ length: HASHES }, () => timed(() => createHash('sha256').update(block).digest()));
  const page = Buffer.alloc(4096, 7);
  const syncs = await inFolder(async (folder) => {
    const file = openSync(join(folder, 'probe'), 'w');
    const times = Array.from({ length: SYNCS }, () => timed(() => void (writeSync(file, page, 0, page.length, 0), fdatasyncSync(file))));
    closeSync(file);
    return times;
  });
  const load = loadavg().map((value) => value.toFixed(2)).join(' / ');
  return `SHA-256 of 16 MiB ${short(median(hashes))} ms, fdatasync p50 ${short(median(syncs))} p99 ${short(percentile(syncs, 99))} ms, load ${load}`;
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
