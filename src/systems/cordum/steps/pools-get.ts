import { defineRead, succeed, z } from '#step-kit/index.ts';
import { poolWorker } from '../admin-records.ts';
import { secondsSince } from '../fields.ts';
import { POOL_NAME, poolNow } from '../pool-effects.ts';

const topic = z.object({ name: z.string(), pools: z.int(), activePools: z.int() });

export const poolsGet = defineRead({
  name: 'cordum.pools.get',
  summary: 'Reads one pool: its status, workers and load, and how many pools serve each of its topics.',
  input: z.object({ pool: z.string().regex(POOL_NAME) }),
  output: z.object({
    name: z.string(),
    /** `active`, `draining` or `inactive`. */
    status: z.string(),
    description: z.string(),
    requires: z.array(z.object({ name: z.string() })),
    activeJobs: z.int(),
    capacity: z.int(),
    utilization: z.number(),
    workers: z.array(poolWorker),
    workerCount: z.int(),
    topics: z.array(topic),
    /** It is active and has workers. */
    serving: z.boolean(),
    drainStartedAt: z.string(),
    drainTimeoutSeconds: z.int(),
    /** How long it has been draining; 0 when it is not. */
    drainingSeconds: z.int(),
    /** One sentence for a person. */
    say: z.string(),
  }),
  examples: [
    {
      title: 'How a pool is doing',
      with: { pool: 'demo-mock-bank' },
      output: {
        name: 'demo-mock-bank', status: 'active', description: '', requires: [], activeJobs: 0, capacity: 4, utilization: 0,
        workers: [
          {
            workerId: 'bank-1', pool: 'demo-mock-bank', region: 'local', type: 'cpu', activeJobs: 0, maxParallelJobs: 4, cpuLoad: 7.5, memoryLoad: 21,
            capabilities: ['bank.transfer'], snapshotAt: '2026-11-20T19:19:13.000Z',
          },
        ],
        workerCount: 1, topics: [{ name: 'job.demo-mock-bank.transfer', pools: 1, activePools: 1 }], serving: true, drainStartedAt: '', drainTimeoutSeconds: 0, drainingSeconds: 0,
        say: 'The pool demo-mock-bank is active, with 1 worker and 0 jobs.',
      },
    },
  ],
  async run(input, ctx) {
    const now = await poolNow(input.pool, ctx);
    if (!now.ok) return now;
    const { declared, load, all } = now.value;
    const workers = [...(load?.workers ?? [])];
    const topics = [...all.topics]
      .filter(([, pools]) => pools.includes(declared.name))
      .map(([name, pools]) => ({ name, pools: pools.length, activePools: pools.filter((one) => all.pools.get(one)?.status === 'active').length }));
    return succeed({
      name: declared.name,
      status: declared.status,
      description: declared.description,
      requires: [...declared.requires],
      activeJobs: load?.activeJobs ?? 0,
      capacity: load?.capacity ?? 0,
      utilization: load?.utilization ?? 0,
      workers,
      workerCount: workers.length,
      topics: topics.slice(0, 100),
      serving: declared.status === 'active' && workers.length > 0,
      drainStartedAt: declared.drainStartedAt,
      drainTimeoutSeconds: declared.drainTimeoutSeconds,
      drainingSeconds: declared.status === 'draining' ? secondsSince(declared.drainStartedAt, ctx.now()) : 0,
      say: `The pool ${declared.name} is ${declared.status}, with ${workers.length} ${workers.length === 1 ? 'worker' : 'workers'} and ${load?.activeJobs ?? 0} ${load?.activeJobs === 1 ? 'job' : 'jobs'}.`,
    });
  },
});
