import { defineRead, succeed, z } from '#step-kit/index.ts';
import { Drills } from '../desk.ts';
import { sayScope } from '../scope.ts';

const HOUR_MS = 3_600_000;

export const standingList = defineRead({
  name: 'drill.standing.list',
  summary: 'Says of each configured restore drill, store by store, how the last one ended and when one last passed, by the evidence.',
  input: z.object({
    /** Only this one; empty: all that may run on the target. */
    drill: z.string().max(63).default(''),
  }),
  output: z.object({
    items: z.array(
      z.object({
        drill: z.string(),
        store: z.string(),
        backups: z.string(),
        /** False: there is no evidence of one. */
        ran: z.boolean(),
        /** `passed`, `failed` or `never`. */
        lastStatus: z.enum(['passed', 'failed', 'never']),
        lastAgeSeconds: z.int(),
        /** The name of the backup that the last one tried. */
        lastBackup: z.string(),
        /** The first check that failed, with its detail; empty when none did. */
        lastWhy: z.string(),
        bundle: z.string(),
        everPassed: z.boolean(),
        /** 0 when none ever passed. */
        passedAgeSeconds: z.int(),
      }),
    ),
    /** Whether each of them has passed at some time, and last. False when there is none. */
    allPassed: z.boolean(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'One drill that has passed',
      with: { drill: 'redis-quarterly' },
      output: {
        items: [
          { drill: 'redis-quarterly', store: 'redis', backups: '/backups', ran: true, lastStatus: 'passed', lastAgeSeconds: 86_400, lastBackup: 'redis-20261120T060000Z', lastWhy: '', bundle: '/evidence/drill-20261120T063000Z-redis-0011223344556677.json', everPassed: true, passedAgeSeconds: 86_400 },
        ],
        allPassed: true,
        say: 'Drill redis-quarterly of redis passed 24 h ago.',
      },
    },
  ],
  async run({ drill: name }, ctx) {
    const desk = ctx.use(Drills);
    const drills = desk.drills().filter((drill) => name === '' || drill.name === name);
    const ageSeconds = (at: string): number => Math.max(0, Math.round((ctx.now() - Date.parse(at)) / 1_000));
    const items = [];
    for (const drill of drills) {
      for (const { store, last, lastPassedAt } of await desk.standing(drill)) {
        const [first] = last?.failed ?? [];
        items.push({
          drill: drill.name,
          store,
          backups: drill.backups,
          ran: last !== null,
          lastStatus: last?.status ?? ('never' as const),
          lastAgeSeconds: last === null ? 0 : ageSeconds(last.endedAt),
          lastBackup: last?.backup?.set ?? '',
          lastWhy: first === undefined ? '' : `${first.name}: ${first.detail}`,
          bundle: last?.bundle ?? '',
          everPassed: lastPassedAt !== null,
          passedAgeSeconds: lastPassedAt === null ? 0 : ageSeconds(lastPassedAt),
        });
      }
    }
    const lines = items.map((item) => `Drill ${item.drill} of ${sayScope(item.store)} ${item.ran ? `${item.lastStatus} ${Math.round((item.lastAgeSeconds * 1_000) / HOUR_MS)} h ago` : 'has never run'}.`);
    const none = name === '' ? 'No drill is configured that may run here.' : `No drill "${name}" is configured that may run here; there are: ${desk.drills().map((drill) => drill.name).join(', ') || 'none'}.`;
    return succeed({ items, allPassed: items.length > 0 && items.every(({ lastStatus }) => lastStatus === 'passed'), say: lines.join(' ') || none });
  },
});
