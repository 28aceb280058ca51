/** Loads one webhook with autocannon, from a process of its own. First a warm-up that does not count. */
import { createRequire } from 'node:module';
import { createBodies, type Mix } from '../kit/bodies.ts';
import { WEBHOOK_TOKEN } from '../kit/bot.ts';
import { inputOf, tellResult } from '../kit/process.ts';
import { percentile } from '../kit/stats.ts';

interface Request {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}
interface Instance extends PromiseLike<{ readonly errors: number; readonly non2xx: number; readonly duration: number }> {
  on(event: 'response', hear: (client: unknown, status: number, bytes: number, ms: number) => void): void;
}
type Autocannon = (options: { url: string; connections: number; duration: number; requests: { setupRequest(request: Request): Request }[] }) => Instance;
/** It brings no types. */
const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;

export interface LoadInput {
  readonly url: string;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly mix: Mix;
}
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Requests that were not answered with 200. */
  readonly failed: number;
}

const headers = { 'content-type': 'application/json', authorization: `Bearer ${WEBHOOK_TOKEN}`, 'user-agent': 'Alertmanager/0.28.1' };

async function load({ url, connections, mix }: LoadInput, duration: number, seed: string): Promise<LoadResult> {
  const next = createBodies(mix, seed);
  const requests = [{ setupRequest: (request: Request) => ({ ...request, method: 'POST', path: '/webhooks/alertmanager', headers, body: next() }) }];
  const times: number[] = [];
  const running = autocannon({ url, connections, duration, requests });
  let refused = 0;
  running.on('response', (_client, status, _bytes, ms) => {
    if (status === 200) times.push(ms);
    else refused += 1;
  });
  const result = await running;
  return { perSecond: times.length / result.duration, p50Ms: percentile(times, 50), p99Ms: percentile(times, 99), worstMs: percentile(times, 100), failed: refused + result.errors };
}

const input = inputOf<LoadInput>();
await load(input, input.warmUpSeconds, 'aa');
tellResult(await load(input, input.seconds, 'bb'));
