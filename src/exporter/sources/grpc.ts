/** Whether the services that a target names serve, by `grpc.health.v1`. An answer that says no is seen; only our own mistake is not. */
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 15_000;

/** Whether the service serves; unreachable is no. */
export type Serving = (service: string, call: Call) => Promise<Result<boolean>>;

export function grpcSource(target: string, services: readonly string[], serving: Serving): Source {
  return {
    target,
    name: 'grpc',
    everyMs: EVERY_MS,
    async look(call) {
      const asked = await Promise.all(services.map(async (service) => ({ service, read: await serving(service, call) })));
      const samples = asked.flatMap(({ service, read }): Sample[] => (read.ok ? [{ series: 'cordum_grpc_serving', labels: { component: service }, value: read.value ? 1 : 0 }] : []));
      const failed = asked.flatMap(({ read }) => (read.ok ? [] : [read.failure]))[0];
      return failed === undefined ? { samples } : { samples, failure: failed };
    },
  };
}
