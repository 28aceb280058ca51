import { defineRead, succeed, z } from '#step-kit/index.ts';
import { Restore } from '../system.ts';

export const setsList = defineRead({
  name: 'restore.sets.list',
  summary: "Lists the backups of a store in the target's directory, the newest first, and says which of them may be restored.",
  input: z.object({
    store: z.enum(['redis', 'nats', 'config']),
    limit: z.int().min(1).max(500).default(50),
  }),
  output: z.object({
    items: z.array(
      z.object({
        /** The time in its name: what a restore takes as `set`. */
        set: z.string(),
        takenAt: z.string(),
        ageSeconds: z.int(),
        bytes: z.int(),
        files: z.int(),
        /** Nothing speaks against it at first sight. Its bytes are read when a restore is planned. */
        restorable: z.boolean(),
        why: z.string(),
      }),
    ),
    total: z.int(),
    truncated: z.boolean(),
    directory: z.string(),
    /** The newest that may be restored; empty when there is none. */
    newest: z.string(),
    newestAgeSeconds: z.int(),
  }),
  examples: [
    {
      title: 'Backups of the configuration',
      with: { store: 'config' },
      output: {
        items: [
          { set: '20261121T060000Z', takenAt: '2026-11-21T06:00:00.000Z', ageSeconds: 1_800, bytes: 4_103, files: 1, restorable: true, why: '' },
          { set: '20261120T060000Z', takenAt: '2026-11-20T06:00:00.000Z', ageSeconds: 88_200, bytes: 0, files: 0, restorable: false, why: 'config-20261120T060000Z is damaged: config-20261120T060000Z.json is missing or of another size.' },
        ],
        total: 2,
        truncated: false,
        directory: '/backup',
        newest: '20261121T060000Z',
        newestAgeSeconds: 1_800,
      },
    },
  ],
  async run({ store, limit }, ctx) {
    const { directory, sets } = ctx.use(Restore);
    const found = await sets(store);
    if (!found.ok) return found;
    const age = (ms: number): number => Math.max(0, Math.round((ctx.now() - ms) / 1_000));
    const newest = found.value.find(({ because }) => because === '');
    return succeed({
      items: found.value.slice(0, limit).map(({ stamp, takenAtMs, bytes, files, because }) => ({ set: stamp, takenAt: new Date(takenAtMs).toISOString(), ageSeconds: age(takenAtMs), bytes, files, restorable: because === '', why: because })),
      total: found.value.length,
      truncated: found.value.length > limit,
      directory,
      newest: newest?.stamp ?? '',
      newestAgeSeconds: newest === undefined ? 0 : age(newest.takenAtMs),
    });
  },
});
