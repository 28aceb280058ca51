/** Reads the archives of streams in a thread of their own, one after the other. */
import { createReadStream } from 'node:fs';
import { answerAsWorker, runInWorker } from '../worker.ts';
import type { StreamArchive } from './archive.ts';
import { readStreamArchive } from './read.ts';

export interface ArchiveInput {
  readonly path: string;
  /** Messages of this time and later are counted apart (v1). */
  readonly sinceMs: number;
}

const READ_BYTES = 1024 * 1024;

/** One for each, in their order. */
export function readArchivesInWorker(archives: readonly ArchiveInput[], signal?: AbortSignal): Promise<readonly StreamArchive[]> {
  return runInWorker(import.meta.url, archives, signal);
}

async function readAll(archives: readonly ArchiveInput[]): Promise<readonly StreamArchive[]> {
  const seen: StreamArchive[] = [];
  for (const { path, sinceMs } of archives) seen.push(await readStreamArchive(createReadStream(path, { highWaterMark: READ_BYTES }), sinceMs));
  return seen;
}

await answerAsWorker(import.meta.url, readAll);
