/** Digests files in a thread of their own, one after the other: a processor without instructions for it takes five seconds for a gigabyte. */
import { digestFile } from './taking.ts';
import { answerAsWorker, runInWorker } from './worker.ts';

export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** One for each, in their order. */
export function digestInWorker(paths: readonly string[], signal?: AbortSignal): Promise<readonly Digest[]> {
  return runInWorker(import.meta.url, paths, signal);
}

async function digestAll(paths: readonly string[]): Promise<readonly Digest[]> {
  const digests: Digest[] = [];
  for (const path of paths) digests.push(await digestFile(path));
  return digests;
}

await answerAsWorker(import.meta.url, digestAll);
