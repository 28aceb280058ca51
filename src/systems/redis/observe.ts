/** Asks every server of a survey how it is, at the same time; one that does not answer is a row, not a failure. */
import type { Server, Survey } from './client.ts';
import type { Call } from './connection.ts';
import { type Answer, SPOKEN } from './failure.ts';
import { factsOf } from './facts.ts';
import type { NodeFacts } from './records.ts';

/** Nobody calls that slow, so it is not asked again. */
const QUICK_MS = 20;
const PINGS_MAX = 3;

export interface Watch extends Call {
  now(): number;
}

export function observe({ servers }: Survey, watch: Watch): Promise<NodeFacts[]> {
  return Promise.all(servers.map((server) => observeServer(server, watch)));
}

async function observeServer({ node, role }: Server, watch: Watch): Promise<NodeFacts> {
  const { ping, latencyMs } = await pinged(node, watch);
  // What the server itself says to a PING is an answer: INFO then tells more.
  const info = ping.ok || SPOKEN.has(ping.failure.why) ? await node.info(watch) : ping;
  const failure = info.ok || info.failure.why === 'noPermission' ? undefined : info.failure;
  const seen = info.ok && info.value !== undefined ? info.value : new Map<string, string>();
  const saveFailed = seen.get('rdb_last_bgsave_status') === 'err' && seen.get('role') !== 'slave';
  const stopsWritesOnSaveError = saveFailed ? await stopsWrites(node, watch) : false;
  return factsOf({ address: node.address, role, latencyMs, failure, info: seen, said: ping.ok ? undefined : ping.failure.why, stopsWritesOnSaveError }, watch.now());
}

/** A slow server is slow each time; a machine of ours that was busy for a moment is not. So the quickest of a few counts. */
async function pinged(node: Server['node'], watch: Watch): Promise<{ readonly ping: Answer<void>; readonly latencyMs: number }> {
  let latencyMs = Number.MAX_SAFE_INTEGER;
  for (let tries = 1; ; tries += 1) {
    const startedAt = watch.now();
    const ping = await node.ping(watch);
    latencyMs = Math.min(latencyMs, Math.max(0, Math.round(watch.now() - startedAt)));
    if (!ping.ok || latencyMs < QUICK_MS || tries === PINGS_MAX) return { ping, latencyMs };
  }
}

/** Writes are refused after a failed save only where saves are scheduled and the server is told so (redis.conf, both by default). */
async function stopsWrites(node: Server['node'], call: Call): Promise<boolean | undefined> {
  const [stop, save] = await Promise.all([node.setting('stop-writes-on-bgsave-error', call), node.setting('save', call)]);
  if (isSetTo(stop, 'no') || isSetTo(save, '')) return false;
  return stop.ok && save.ok ? true : undefined;
}

function isSetTo(setting: Answer<string | undefined>, value: string): boolean {
  return setting.ok && setting.value === value;
}
