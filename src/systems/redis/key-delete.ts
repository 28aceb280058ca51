/** What a plan says of a key that is to be deleted, and whether the key is still that one. */
import { createHash } from 'node:crypto';
import { digestOf } from '#kernel/digest.ts';
import type { Item, Json } from '#step-kit/index.ts';
import type { Survey } from './client.ts';
import type { Answer, Trouble } from './failure.ts';
import type { Family } from './key-families.ts';
import { BREAKER_OPENS_AT, type KeyRow, lookAt, show } from './key-look.ts';
import type { Watch } from './observe.ts';

/** Larger values are not read to be compared; caches are far smaller. */
export const LARGEST_DELETED_BYTES = 4 * 1024 * 1024;
const FINGERPRINT_LENGTH = 16;

export interface Doomed {
  readonly row: KeyRow;
  /** Exactly what the key holds now: the deletion happens only while it still does. */
  readonly value: Buffer;
  /** What the approval is bound to. */
  readonly current: Json;
}

/** The key as it is now; `undefined` when there is none. A key of another type, or a huge one, has no `value`. */
export async function readDoomed(key: string, family: Family, survey: Survey, watch: Watch): Promise<Answer<Doomed | { readonly row: KeyRow; readonly value: undefined } | undefined>> {
  const look = await lookAt(key, family, survey, watch);
  if (!look.ok) return look;
  const row = look.value;
  if (!row.exists) return { ok: true, value: undefined };
  if (row.type !== 'string' || row.size > LARGEST_DELETED_BYTES) return { ok: true, value: { row, value: undefined } };
  const bytes = await survey.keys.bytes(key, watch);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return { ok: true, value: undefined };
  // What is shown and what is compared must come from one reading.
  const fresh: KeyRow = { ...row, ...show(bytes.value, family, watch.now()), size: bytes.value.length };
  return { ok: true, value: { row: fresh, value: bytes.value, current: currentOf(fresh, family, bytes.value) } };
}

/**
 * What decides that the deletion is still right. A counter moves all the time, so for a breaker it is whether it is open,
 * and for a rate limit nothing of the value; a lock and a cache are bound to their very value. Seconds are left out, since
 * they always differ: the class of the time to live is what counts.
 */
function currentOf(row: KeyRow, family: Family, value: Buffer): Json {
  const common = { type: row.type, timeToLive: row.ttl };
  const fingerprint = createHash('sha256').update(value).digest('hex').slice(0, FINGERPRINT_LENGTH);
  if (family.kind === 'breaker') return { ...common, breaker: row.count >= BREAKER_OPENS_AT ? 'open' : 'closed' };
  if (family.kind === 'rateLimit') return common;
  if (family.kind === 'lock') return { ...common, sizeBytes: row.size, holder: row.value, fingerprint };
  return { ...common, sizeBytes: row.size, fingerprint };
}

export function itemOf(key: string, family: Family, { current }: Doomed): Item {
  return { key, title: `Delete ${key} (${NAMES[family.kind] ?? family.kind} of ${family.by})`, current, next: { action: 'the key is deleted' } };
}

const NAMES: Readonly<Record<string, string>> = { lock: 'lock', breaker: 'breaker counter', rateLimit: 'rate-limit counter', cache: 'cache' };

export function isSame(item: Item, { current }: Doomed): boolean {
  return digestOf(item.current) === digestOf(current);
}

/** How it stands with the key, for the plan: what is not part of the digest. */
export function notesOn(row: KeyRow, family: Family): string[] {
  const size = `It is a ${row.type} of ${row.size} bytes${row.valueShown ? `, holding ${row.value}` : ''}.`;
  if (!row.expires) return [size, `It never expires; Cordum would give it ${row.expectedTtlSeconds} s.`];
  if (row.ttl === 'above') return [size, `It expires in ${row.ttlSeconds} s; Cordum gives it ${row.expectedTtlSeconds} s${family.ttlConfigurable === true ? ' unless a longer interval is configured' : ''}.`];
  const caution = family.kind === 'lock' ? ' It is not stuck: its holder may be alive, and a second one could then work on the same thing.' : ' Waiting for that is the safer way.';
  return [size, `It expires by itself in ${row.ttlSeconds} s.${caution}`];
}

/** Answers that the server gives before it runs anything, and connections that never stood. */
const NEVER_LANDED: ReadonlySet<Trouble> = new Set(['refused', 'dns', 'tls', 'auth', 'noPermission', 'protectedMode', 'maxClients', 'loading', 'masterDown', 'readonly', 'oom', 'misconf', 'noReplicas', 'clusterDown', 'busy', 'unsupported', 'moving']);

export function landedOf(why: Trouble): 'no' | 'maybe' {
  return NEVER_LANDED.has(why) ? 'no' : 'maybe';
}
