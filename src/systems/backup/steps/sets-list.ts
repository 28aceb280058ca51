import { defineRead, succeed, z } from '#step-kit/index.ts';
import type { SetFacts } from '../client.ts';
import { Backup } from '../system.ts';
import { NOT_SEEN, STORES, storeOf, storeShape } from '../stores.ts';

const MOST_NOTES = 10;
const NOTE_MAX = 500;

const ITEM = z.object({
  /** What `backup.sets.verify` and restores take. */
  set: z.string(),
  store: z.string(),
  takenAt: z.string(),
  ageSeconds: z.int(),
  bytes: z.int(),
  files: z.int(),
  /** RDB files of Redis, streams of NATS. */
  shards: z.int(),
  manifest: z.enum(['there', 'none', 'unreadable']),
  /** `unknown`: nothing speaks against it, and no manifest says that it is. */
  complete: z.enum(['yes', 'no', 'unknown']),
  size: z.enum(['usual', 'small', 'large', 'unknown']),
  notes: z.array(z.object({ text: z.string() })),
});

export const setsList = defineRead({
  name: 'backup.sets.list',
  summary: 'Looks into the directory of backups of the target: of each store how many there are, how old, whole and large the newest is, and what speaks against it. Contents are not read.',
  timeoutMs: 60_000,
  input: z.object({
    /** Shown of each store. */
    limit: z.int().min(1).max(200).default(10),
    /** An older newest set is not fresh. That of the configuration may be, since it is taken on change. */
    maxAgeSeconds: z.int().min(60).default(7_200),
  }),
  output: z.object({
    /** False: whether there are backups is not known. */
    readable: z.boolean(),
    why: z.string(),
    directory: z.string(),
    /** Always one row for each of redis, nats and config, in this order. */
    stores: z.array(storeShape),
    items: z.array(ITEM),
    total: z.int(),
    truncated: z.boolean(),
    /** Redis and NATS both have a fresh newest set that is not known to lack anything and has not shrunk. */
    inOrder: z.boolean(),
    /** Besides, their manifests say that they are complete. */
    proven: z.boolean(),
    /** Between the newest of Redis and NATS; −1 without both. */
    skewSeconds: z.int(),
    /** What a backup that broke off has left, or one that is being taken now. */
    unfinished: z.array(z.object({ name: z.string() })),
    /** No backups by their names. */
    strangers: z.array(z.object({ name: z.string() })),
    room: z.object({ seen: z.boolean(), freeBytes: z.int(), totalBytes: z.int(), usedPercent: z.int(), /** Less is free than the newest sets take together. */ tooLittle: z.boolean() }),
    /** How long sets are to be kept, by the configuration; 0: not stated. */
    keptSeconds: z.int(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Backups of Redis are missing since the morning',
      with: {},
      output: {
        readable: true,
        why: '',
        directory: '/backups',
        stores: [
          { ...NOT_SEEN, store: 'redis', sets: 160, newest: 'redis-20261121T060000Z', newestAgeSeconds: 14_400, fresh: false, complete: 'yes', size: 'usual', sizePercent: 98, bytes: 52_428_800, shards: 3, oldestAgeSeconds: 604_800, problem: 'stale', say: 'The newest backup of redis, redis-20261121T060000Z, is 4 h 0 min old.' },
          { ...NOT_SEEN, store: 'nats', sets: 0, problem: 'missing', say: 'There is no backup of nats.' },
          { ...NOT_SEEN, store: 'config', sets: 0, problem: 'missing', say: 'There is no backup of config.' },
        ],
        items: [{ set: 'redis-20261121T060000Z', store: 'redis', takenAt: '2026-11-21T06:00:00.000Z', ageSeconds: 14_400, bytes: 52_428_800, files: 3, shards: 3, manifest: 'there', complete: 'yes', size: 'usual', notes: [] }],
        total: 160,
        truncated: true,
        inOrder: false,
        proven: false,
        skewSeconds: -1,
        unfinished: [{ name: 'redis-20261121T070000Z.rdb.part' }],
        strangers: [],
        room: { seen: true, freeBytes: 1_048_576, totalBytes: 21_474_836_480, usedPercent: 99, tooLittle: true },
        keptSeconds: 604_800,
        say: 'The newest backup of redis, redis-20261121T060000Z, is 4 h 0 min old. There is no backup of nats. There is no backup of config.',
      },
    },
  ],
  async run({ limit, maxAgeSeconds }, ctx) {
    const client = ctx.use(Backup);
    const { directory, keptSeconds = 0 } = client;
    const listed = await client.list(limit, ctx);
    const none = { seen: false, freeBytes: 0, totalBytes: 0, usedPercent: 0, tooLittle: false };
    if (!listed.ok) {
      const why = listed.failure.message;
      return succeed({ readable: false, why, directory, stores: STORES.map((store) => ({ ...NOT_SEEN, store })), items: [], total: 0, truncated: false, inOrder: false, proven: false, skewSeconds: -1, unfinished: [], strangers: [], room: none, keptSeconds, say: why });
    }
    const { sets, skewSeconds, unfinished, strangers } = listed.value;
    const stores = STORES.map((store) => storeOf(store, listed.value, { maxAgeSeconds, keptSeconds, nowMs: ctx.now() }));
    const total = stores.reduce((sum, one) => sum + one.sets, 0);
    const hourly = stores.filter(({ store }) => store !== 'config');
    const inOrder = hourly.every(({ problem }) => problem === 'none' || problem === 'large' || problem === 'kept');
    const seen = await client.room();
    const needed = stores.reduce((sum, { bytes }) => sum + bytes, 0);
    const room = seen === undefined ? none : { seen: true, freeBytes: seen.freeBytes, totalBytes: seen.totalBytes, usedPercent: Math.round(100 * (1 - seen.freeBytes / seen.totalBytes)), tooLittle: seen.freeBytes < needed };
    return succeed({
      readable: true,
      why: '',
      directory,
      stores,
      items: sets.map(itemOf),
      total,
      truncated: sets.length < total,
      inOrder,
      proven: inOrder && hourly.every(({ complete }) => complete === 'yes'),
      skewSeconds: skewSeconds === null ? -1 : Math.round(skewSeconds),
      unfinished: unfinished.map((name) => ({ name })),
      strangers: strangers.map((name) => ({ name })),
      room,
      keptSeconds,
      say: stores.map(({ say }) => say).join(' '),
    });
  },
});

function itemOf({ set, store, takenAt, ageSeconds, bytes, files, shards, manifest, complete, size, notes }: SetFacts): z.output<typeof ITEM> {
  return { set, store, takenAt, ageSeconds, bytes, files, shards, manifest, complete, size, notes: notes.slice(0, MOST_NOTES).map((text) => ({ text: text.slice(0, NOTE_MAX) })) };
}
