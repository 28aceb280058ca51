/** Reads the archives of streams in a thread of their own, one after the other. */
import { createReadStream } from 'node:fs';
import { answerAsWorker, runInWorker } from '../worker.ts';
import type { ReadHow, StreamArchive } from './archive.ts';
import { readStreamArchive } from './read.ts';

export interface ArchiveInput extends ReadHow {
  readonly path: string;
}

const READ_BYTES = 1024 * 1024;

/** One for each, in their order. */
export function readArchivesInWorker(archives: readonly ArchiveInput[], signal?: AbortSignal): Promise<readonly StreamArchive[]> {
  return runInWorker(import.meta.url, archives, signal);
}

async function readAll(archives: readonly ArchiveInput[]): Promise<readonly StreamArchive[]> {
  const seen: StreamArchive[] = [];
  for (const { path, ...how } of archives) seen.push(await readStreamArchive(createReadStream(path, { highWaterMark: READ_BYTES }), how));
  return seen;
}

await answerAsWorker(import.meta.url, readAll);
