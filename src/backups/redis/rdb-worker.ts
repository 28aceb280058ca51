/** Reads an RDB file in a thread of its own. */
import { answerAsWorker, runInWorker } from '../worker.ts';
import { scanRdb, type RdbScan, type RdbScanInput } from './rdb-scan.ts';

export function scanRdbInWorker(input: RdbScanInput, signal?: AbortSignal): Promise<RdbScan> {
  return runInWorker(import.meta.url, input, signal);
}

await answerAsWorker(import.meta.url, scanRdb);
