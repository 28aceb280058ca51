/**
 * What was known of a backup when it was taken: its files with their digests, where it came from, and what was in it. Without
 * it a drill can still prove that a backup loads, but not that it is what was backed up.
 */
import { z } from 'zod';
import { STORES } from './names.ts';

export const MANIFEST_VERSION = 1;
/** A manifest of a large installation is some hundred KB. */
export const MANIFEST_MAX_BYTES = 16 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal digits');
const time = z.iso.datetime();
const count = z.int().nonnegative();
/** Relative to the directory of the backup; never upwards out of it. */
const path = z
  .string()
  .min(1)
  .max(1_024)
  .refine((value) => !value.startsWith('/') && value.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), 'expected a path within the directory');

const shard = z.object({
  file: path,
  /** `0-5460`, or `10` for a single one; empty for a server that is no cluster. */
  slots: z.array(z.string()),
  runId: z.string(),
  keys: count,
  /** Keys with a time to live. */
  expires: count,
});

const redis = z.object({
  shards: z.array(shard).min(1),
  /** `volatile`: those with a time to live, which grow fewer by themselves. */
  keysByPrefix: z.array(z.object({ prefix: z.string(), count, volatile: count })),
  required: z.array(z.object({ key: z.string(), sha256 })),
  /** `fieldsEndAt`: when the first field of a hash ends, and its digest is another one by itself. */
  sample: z.array(z.object({ key: z.string(), type: z.string(), sha256, expiresAt: time.nullable(), fieldsEndAt: time.optional() })),
  /** Hashes with fields that end (Redis 7.4 and later): as many keys may be gone by themselves. */
  fieldTimes: count.optional(),
  /** By which the sample was drawn: the same seed over the same keys draws the same ones. */
  sampleSeed: z.string().max(128).optional(),
  /** Records of Cordum that could not be read as what they are when the backup was taken. */
  unreadable: z.array(z.object({ key: z.string(), why: z.string() })),
  newestRecordAt: time.nullable(),
});

const streamState = z.object({ messages: count, bytes: count, firstSeq: count, lastSeq: count, consumers: count, deleted: count });

const nats = z.object({
  streams: z.array(
    z.object({
      name: z.string().min(1),
      file: path,
      format: z.enum(['v1', 'v2']),
      state: streamState,
      /** `memory`: its state was kept in memory only, and stands in no archive. */
      consumers: z.array(z.object({ name: z.string(), memory: z.boolean().optional() })),
      /** Over sequence, subject, headers and payload of each message; null where the stream moved while it was read. */
      contentSha256: sha256.nullable(),
      /** Over the checksums of its messages as they stand in the archive, which held the content of that digest; absent where it was not compared. */
      sealsSha256: sha256.optional(),
      newestMessageAt: time.nullable(),
    }),
  ),
});

const config = z.object({
  keys: z.array(z.object({ key: z.string(), type: z.string(), sha256 })).min(1),
  /** Cordum had no bundles, and so no document of its policy. */
  policyFromFile: z.literal(true).optional(),
});

export const manifestShape = z
  .object({
    version: z.literal(MANIFEST_VERSION, `expected version ${MANIFEST_VERSION}: this manifest is of another version of the bot`),
    store: z.enum(STORES),
    /** When the backup began. */
    takenAt: time,
    finishedAt: time,
    /** `effect`: of a run of the bot that took it, by which it finds its backup again. */
    tool: z.object({ name: z.string(), version: z.string(), effect: z.string().max(128).optional() }),
    source: z.object({
      /** Without credentials. */
      address: z.string(),
      serverVersion: z.string(),
      /** Run ids, server ids, names of clusters: what tells the live system from a copy. */
      identity: z.array(z.string()),
      mode: z.enum(['standalone', 'cluster']),
    }),
    files: z.array(z.object({ path, bytes: count, sha256 })).min(1),
    /** False: a primary or a stream is missing, and `missing` says which. */
    complete: z.boolean(),
    missing: z.array(z.string()),
    redis: redis.optional(),
    nats: nats.optional(),
    config: config.optional(),
  })
  .refine((manifest) => manifest[manifest.store] !== undefined, 'expected the facts of its own store');

export type Manifest = z.output<typeof manifestShape>;
export type RedisFacts = NonNullable<Manifest['redis']>;
export type NatsFacts = NonNullable<Manifest['nats']>;
export type ConfigFacts = NonNullable<Manifest['config']>;

export type ManifestRead = { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly because: string };

export function readManifest(text: string): ManifestRead {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { ok: false, because: 'it is not JSON' };
  }
  const read = manifestShape.safeParse(raw);
  if (read.success) return { ok: true, manifest: read.data };
  const [issue] = read.error.issues;
  return { ok: false, because: `${issue?.path.join('.') || 'its top'}: ${issue?.message ?? 'unreadable'}` };
}
