/** The time to live that a message carries itself (header `Nats-TTL`, nats-server since 2.11): `never`, seconds, or a duration of Go. */

const HEADER = /\r\nNats-TTL:[ \t]*([^\r\n]{1,64})\r\n/i;
const PART = /(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/gy;
const MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, 'µs': 1e-3, ns: 1e-6 };

/** Undefined: it has none, or it never ends. */
export function ttlMs(header: Buffer): number | undefined {
  const text = header.length === 0 ? undefined : HEADER.exec(header.toString('utf8'))?.[1]?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1_000;
  let total = 0;
  let read = 0;
  for (const [part, number, unit = ''] of text.matchAll(PART)) {
    total += Number(number) * (MS[unit] ?? 0);
    read += part.length;
  }
  return read === text.length ? total : undefined;
}

export function outlived(header: Buffer, storedMs: number, atMs: number | undefined): boolean {
  if (atMs === undefined) return false;
  const ttl = ttlMs(header);
  return ttl !== undefined && storedMs + ttl <= atMs;
}
