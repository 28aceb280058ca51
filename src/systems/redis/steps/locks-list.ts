import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import { noteOf, unseen } from '../every.ts';
import { plain } from '../failure.ts';
import { FAMILIES, type Family } from '../key-families.ts';
import { findKeys, type KeyRow, lookAt, ttlClass } from '../key-look.ts';
import { Redis } from '../system.ts';

const PREFIX = 'cordum:';

const lockRow = z.object({
  key: z.string(),
  family: z.string(),
  /** The job, run or tenant that it stands for; empty for those of leaders. */
  id: z.string(),
  /** What the holder wrote into it: an id of its own, made up at its start. */
  holder: z.string(),
  /** Which service takes it. */
  by: z.string(),
  ttlSeconds: z.int(),
  expires: z.boolean(),
  expectedTtlSeconds: z.int(),
  ttl: ttlClass,
  /** It never expires, or later than Cordum would let it. */
  stuck: z.boolean(),
  say: z.string(),
});

const output = z.object({
  /** Locks that are held now, the stuck ones first. */
  items: z.array(lockRow),
  total: z.int(),
  stuck: z.int(),
  /** The locks of leaders, held or not. */
  leaders: z.array(z.object({ key: z.string(), by: z.string(), held: z.boolean(), holder: z.string(), ttlSeconds: z.int(), stuck: z.boolean() })),
  /** Whether anybody holds `cordum:reconciler:default`. Missing for several of its times to live means: no scheduler leads. */
  reconcilerHeld: z.boolean(),
  /** `cordum:replayer:pending`. */
  replayerHeld: z.boolean(),
  /** `cordum:scheduler:snapshot:writer`. */
  snapshotWriterHeld: z.boolean(),
  /** `cordum:dlq:cleanup`. */
  dlqCleanupHeld: z.boolean(),
  /** False: not all servers or keys were seen, so what is not listed may still be held. */
  complete: z.boolean(),
  truncated: z.boolean(),
  unseen: z.array(unseen),
  note: z.string(),
  say: z.string(),
});

export const locksList = defineRead({
  name: 'redis.locks.list',
  summary: "Lists Cordum's locks with holder and time to live, and says which are stuck. A lock that is held is normal.",
  input: z.object({
    /** At most this many. */
    limit: z.int().min(1).max(1_000).default(200),
  }),
  output,
  examples: [
    {
      title: 'A lock of a job that never expires',
      with: {},
      output: {
        items: [
          {
            key: 'cordum:scheduler:job:9b73b5cb-b545-4252-807c-1187631a3bd7',
            family: 'cordum:scheduler:job:*',
            id: '9b73b5cb-b545-4252-807c-1187631a3bd7',
            holder: 'scheduler-1',
            by: 'scheduler, or the gateway for 10 s',
            ttlSeconds: 0,
            expires: false,
            expectedTtlSeconds: 60,
            ttl: 'never',
            stuck: true,
            say: 'cordum:scheduler:job:9b73b5cb-b545-4252-807c-1187631a3bd7 never expires: if its holder is gone, it stays for ever.',
          },
        ],
        total: 1,
        stuck: 1,
        leaders: [{ key: 'cordum:reconciler:default', by: 'scheduler', held: false, holder: '', ttlSeconds: 0, stuck: false }],
        reconcilerHeld: false,
        replayerHeld: false,
        snapshotWriterHeld: false,
        dlqCleanupHeld: false,
        complete: true,
        truncated: false,
        unseen: [],
        note: '',
        say: '1 lock is held, 1 of them stuck.',
      },
    },
  ],
  timeoutMs: 60_000,
  async run({ limit }, ctx): Promise<Result<z.input<typeof output>>> {
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return plain(survey.failure);
    const found = await findKeys(PREFIX, ({ kind }) => kind === 'lock', limit, survey.value, ctx);
    if (!found.ok) return plain(found.failure);
    const looks = await Promise.all(found.value.keys.map(async ({ key, family }) => ({ key, family, look: await lookAt(key, family, survey.value, ctx) })));
    const failed = looks.flatMap(({ key, look }) => (look.ok ? [] : [{ address: key, say: look.failure.message }]));
    const rows = looks.flatMap(({ family, look }) => (look.ok && look.value.exists ? [rowOf(look.value, family)] : [])).toSorted((one, other) => Number(other.stuck) - Number(one.stuck) || one.key.localeCompare(other.key));
    const missing = [...found.value.missing, ...failed];
    const leaders = FAMILIES.filter(({ kind, name }) => kind === 'lock' && !name.endsWith('*')).map(({ name, by }) => {
      const row = rows.find(({ key }) => key === name);
      return { key: name, by, held: row !== undefined, holder: row?.holder ?? '', ttlSeconds: row?.ttlSeconds ?? 0, stuck: row?.stuck ?? false };
    });
    const held = (key: string): boolean => leaders.some((leader) => leader.key === key && leader.held);
    const stuck = rows.filter((row) => row.stuck).length;
    return succeed({
      items: rows,
      total: rows.length,
      stuck,
      leaders,
      reconcilerHeld: held('cordum:reconciler:default'),
      replayerHeld: held('cordum:replayer:pending'),
      snapshotWriterHeld: held('cordum:scheduler:snapshot:writer'),
      dlqCleanupHeld: held('cordum:dlq:cleanup'),
      complete: found.value.whole && missing.length === 0,
      truncated: !found.value.whole,
      unseen: missing,
      note: noteOf(missing),
      say: `${rows.length} lock${rows.length === 1 ? ' is' : 's are'} held, ${stuck} of them stuck.`,
    });
  },
});

function rowOf(row: KeyRow, family: Family): z.output<typeof lockRow> {
  const { key, ttlSeconds, expires, expectedTtlSeconds, ttl } = row;
  const stuck = ttl === 'never' || ttl === 'above';
  const configured = family.ttlConfigurable === true ? ', unless a longer interval is configured' : '';
  const say =
    ttl === 'never'
      ? `${key} never expires: if its holder is gone, it stays for ever.`
      : ttl === 'above'
        ? `${key} expires only in ${ttlSeconds} s; Cordum gives it ${expectedTtlSeconds} s${configured}.`
        : `${key} is held and expires in ${ttlSeconds} s unless it is renewed.`;
  return { key, family: family.name, id: family.name.endsWith('*') ? key.slice(family.name.length - 1) : '', holder: row.value, by: family.by, ttlSeconds, expires, expectedTtlSeconds, ttl, stuck, say };
}
