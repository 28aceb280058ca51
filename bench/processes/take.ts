/** One `backup take` in a process of its own: how long, and how much memory it took at most. */
import { performBackup } from '#app/backup-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { inputOf, peakMb, tellResult } from '../kit/process.ts';

export interface TakeInput {
  readonly store: 'redis' | 'nats';
  readonly url: string;
  readonly directory: string;
  readonly temp: string;
}

export interface TakeResult {
  readonly ms: number;
  readonly peakMb: number;
}

const { store, url, directory, temp } = inputOf<TakeInput>();
const began = performance.now();
const taken = await performBackup({ store, directory, live: { url: new Secret(url) }, tlsFiles: undefined, streams: undefined, temp }, { clock: systemClock, signal: new AbortController().signal, onStep: () => undefined });
if (!taken.ok) throw new Error(taken.failure.message);
tellResult({ ms: performance.now() - began, peakMb: peakMb() } satisfies TakeResult);
process.exit(0);
