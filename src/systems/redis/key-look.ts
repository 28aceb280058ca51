/** Looks at keys of the allow-list: type, size, time to live, and of the value what its family may show. */
import { z } from '#step-kit/index.ts';
import { parseJson } from '#kernel/json.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import type { Server, Survey } from './client.ts';
import type { Answer } from './failure.ts';
import { timeText } from './facts.ts';
import { type Family, familyOf } from './key-families.ts';
import type { KeyFacts } from './keys.ts';
import type { Watch } from './observe.ts';

/** A snapshot of thousands of workers is about this large; larger values are not opened. */
const LARGEST_OPENED_BYTES = 8 * 1024 * 1024;
const LONGEST_SHOWN = 200;
/** From 3 failures on Cordum's breaker is open (reference on Cordum, 6.3). */
export const BREAKER_OPENS_AT = 3;

export const ttlClass = z.enum(['absent', 'never', 'expected', 'above']);

export const keyRow = z.object({
  key: z.string(),
  /** The pattern that the key belongs to: `cordum:rl:*`. */
  family: z.string(),
  kind: z.string(),
  exists: z.boolean(),
  /** `string`, `list`, `set`, `zset`, `hash`, `stream`; `none` without such a key. */
  type: z.string(),
  typeAsExpected: z.boolean(),
  /** Bytes of a string, entries of anything else. */
  size: z.int(),
  /** 0 when `expires` is false. */
  ttlSeconds: z.int(),
  expires: z.boolean(),
  /** What Cordum gives it; 0: it is meant to live on. */
  expectedTtlSeconds: z.int(),
  /** `never`: it does not expire. `above`: longer than Cordum would give it. */
  ttl: ttlClass,
  /** What may be shown of the value; else empty. */
  value: z.string(),
  valueShown: z.boolean(),
  /** The number that a counter holds; else 0. */
  count: z.int(),
  /** When the value says that it was made or changed (RFC 3339); else empty. */
  at: z.string(),
  /** Since then; 0 when `at` is empty. */
  ageSeconds: z.int(),
});
export type KeyRow = z.output<typeof keyRow>;

export async function lookAt(key: string, family: Family, survey: Survey, watch: Watch): Promise<Answer<KeyRow>> {
  const facts = await survey.keys.facts(key, watch);
  if (!facts.ok) return facts;
  const { exists, type, size, ttlMs } = facts.value;
  const open = exists && type === 'string' && family.shown !== 'nothing' && size <= LARGEST_OPENED_BYTES;
  const bytes = open ? await survey.keys.bytes(key, watch) : undefined;
  if (bytes?.ok === false) return bytes;
  const shown = bytes?.value === undefined ? NOT_SHOWN : show(bytes.value, family, watch.now());
  return {
    ok: true,
    value: {
      key: redact(key),
      family: family.name,
      kind: family.kind,
      exists,
      type,
      typeAsExpected: type === family.type,
      size,
      ttlSeconds: Math.max(0, Math.ceil(ttlMs / 1_000)),
      expires: ttlMs >= 0,
      expectedTtlSeconds: family.expectedTtlSeconds,
      ttl: ttlClassOf(facts.value, family),
      ...shown,
    },
  };
}

/** A key that expires, though it is meant to live on, counts as above what is expected only if something is expected. */
function ttlClassOf({ exists, ttlMs }: KeyFacts, { expectedTtlSeconds }: Family): z.output<typeof ttlClass> {
  if (!exists) return 'absent';
  if (ttlMs < 0) return 'never';
  return expectedTtlSeconds > 0 && ttlMs > expectedTtlSeconds * 1_000 ? 'above' : 'expected';
}

type Shown = Pick<KeyRow, 'value' | 'valueShown' | 'count' | 'at' | 'ageSeconds'>;
const NOT_SHOWN: Shown = { value: '', valueShown: false, count: 0, at: '', ageSeconds: 0 };

const snapshot = z.object({ captured_at: z.string(), writer_id: z.string().default(''), workers: z.unknown(), pools: z.unknown() });
const document = z.object({ revision: z.number().default(0), updated_at: z.string().default('') });
const instance = z.object({ service: z.string().default(''), version: z.string().default(''), started_at: z.string().default('') });

export function show(bytes: Buffer, family: Family, nowMs: number): Shown {
  const text = bytes.toString('utf8');
  switch (family.shown) {
    case 'holder':
    case 'state':
      return { ...NOT_SHOWN, value: clean(text), valueShown: true };
    case 'counter': {
      const count = /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
      return count === undefined ? NOT_SHOWN : { ...NOT_SHOWN, value: text, valueShown: true, count };
    }
    case 'snapshot':
      return fromJson(text, snapshot, nowMs, (read) => ({ value: `written by ${read.writer_id || 'nobody named'}, with ${sizeOf(read.workers)} workers in ${sizeOf(read.pools)} pools`, at: read.captured_at, count: sizeOf(read.workers) }));
    case 'document':
      return fromJson(text, document, nowMs, (read) => ({ value: `revision ${read.revision}`, at: read.updated_at, count: Number.isSafeInteger(read.revision) ? read.revision : 0 }));
    case 'instance':
      return fromJson(text, instance, nowMs, (read) => ({ value: `${read.service} ${read.version}`.trim(), at: read.started_at, count: 0 }));
    case 'nothing':
      return NOT_SHOWN;
  }
}

function fromJson<T>(text: string, schema: z.ZodType<T>, nowMs: number, tell: (read: T) => { readonly value: string; readonly at: string; readonly count: number }): Shown {
  const read = schema.safeParse(parseJson(text));
  if (!read.success) return NOT_SHOWN;
  const told = tell(read.data);
  const atMs = Date.parse(told.at);
  const at = Number.isFinite(atMs) ? timeText(atMs) : '';
  return { value: clean(told.value), valueShown: true, count: told.count, at, ageSeconds: at === '' ? 0 : Math.max(0, Math.floor((nowMs - atMs) / 1_000)) };
}

function sizeOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/** Control characters would break a card. */
function clean(text: string): string {
  return cutText(redact(text.replaceAll(/[\u0000-\u001f\u007f\ufffd]/g, '?')), LONGEST_SHOWN);
}

/** The servers whose keys together are all keys: of a cluster the masters that serve slots, else the one that was asked first. */
export function keyServers({ mode, entry, cluster, servers }: Survey): readonly Server[] {
  if (mode !== 'cluster') return servers.filter(({ node }) => node === entry);
  const serving = new Set(cluster.filter((node) => node.role === 'master' && node.slots > 0).map(({ id }) => id));
  return servers.filter(({ id }) => serving.has(id));
}

export interface FoundKeys {
  readonly keys: readonly { readonly key: string; readonly family: Family }[];
  readonly whole: boolean;
  /** Servers whose keys could not be listed. */
  readonly missing: readonly { readonly address: string; readonly say: string }[];
}

/** Keys of the allow-list that begin with the prefix, on all servers; a failure only when no server answers. */
export async function findKeys(prefix: string, wanted: (family: Family) => boolean, most: number, survey: Survey, watch: Watch): Promise<Answer<FoundKeys>> {
  const isWanted = (key: string): boolean => {
    const family = familyOf(key);
    return family !== undefined && wanted(family);
  };
  const answers = await Promise.all(keyServers(survey).map(async ({ node }) => ({ node, answer: await node.keysWith(prefix, { keys: most, wanted: isWanted }, watch) })));
  const missing = answers.flatMap(({ node, answer }) => (answer.ok ? [] : [{ address: node.address, say: answer.failure.message, failure: answer.failure }]));
  const [first] = missing;
  if (first !== undefined && missing.length === answers.length) return { ok: false, failure: first.failure };
  const found = [...new Set(answers.flatMap(({ answer }) => (answer.ok ? answer.value.keys : [])))].toSorted();
  const keys = found.slice(0, most).flatMap((key) => {
    const family = familyOf(key);
    return family === undefined ? [] : [{ key, family }];
  });
  const whole = found.length <= most && missing.length === 0 && answers.every(({ answer }) => answer.ok && answer.value.whole);
  return { ok: true, value: { keys, whole, missing: missing.map(({ address, say }) => ({ address, say })) } };
}
