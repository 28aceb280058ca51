import { defineRead, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { clusterStatus } from '../records.ts';
import { Cordum } from '../system.ts';

export const statusGet = defineRead({
  name: 'cordum.status.get',
  summary: 'Reads the status of the installation: NATS, Redis, pipeline, circuit breakers, licence, replicas.',
  input: z.object({}),
  output: clusterStatus,
  examples: [
    {
      title: 'How the installation stands',
      with: {},
      output: {
        version: 'v0.9.7', uptimeSeconds: 35, natsConnected: true, natsStatus: 'CONNECTED', redisOk: true, workers: 3,
        pipeline: { pending: 0, dispatched: 0, running: 0, succeeded: 5, failed: 18, denied: 3 },
        inputBreaker: { state: 'CLOSED', failures: 0 }, outputBreaker: { state: 'CLOSED', failures: 0 },
        workersSeenAt: '2026-11-20T19:27:52Z', licensePlan: 'Community', maxConcurrentJobs: 3,
        replicas: [{ service: 'scheduler', id: 'vm-fd3a509f', version: 'v0.9.7', startedAt: '2026-11-20T19:26:17Z', ttlRemainingMs: 9805 }],
        adminFieldsSeen: true,
      },
    },
  ],
  run: (_input, ctx) => patiently(ctx, () => ctx.use(Cordum).status({ signal: ctx.signal })),
});
