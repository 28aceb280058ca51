/** What a client may send, and for how long. */
export const BODY_LIMIT_BYTES = 1 << 20;
/** Time for a whole request to arrive; an answer may take longer. */
export const REQUEST_TIMEOUT_MS = 30_000;
export const HEADERS_TIMEOUT_MS = 10_000;
export const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** What is still being answered when the server stops has this long; the whole bot has 15 s. */
export const CLOSE_GRACE_MS = 10_000;
export const MAX_HEADER_BYTES = 16_384;
export const MAX_CONNECTIONS = 2_000;
/** Deeper than any honest body. Code behind this line may recurse over it. */
export const MAX_JSON_DEPTH = 32;

/** Whether a parsed JSON value is nested deeper than `limit`. Does not recurse: the value may be a bomb. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= limit; depth += 1) {
    level = level.flatMap((entry) => (typeof entry === 'object' && entry !== null ? Object.values(entry) : []));
    if (level.length === 0) return false;
  }
  return true;
}
