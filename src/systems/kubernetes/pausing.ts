/** Pausing and resuming are one change with two signs. */
import { fail, succeed } from '#step-kit/index.ts';
import { type Changing, guarded } from './changes.ts';
import type { ServiceName } from './client.ts';
import { spoken } from './rollouts.ts';

export function pausing(paused: boolean): Changing<{ readonly services: ServiceName[] }> {
  const verb = paused ? 'Pause' : 'Resume';
  return {
    services: ({ services }) => services,
    // A resume lets what was held back go on, which takes pods as any rollout does.
    rolls: !paused,
    summary: (titles) => `${titles.join('; ')}. ${paused ? 'Changes are stored, but no pod is replaced until it is resumed.' : 'What was changed meanwhile is rolled out now.'}`,
    async decide(_client, running) {
      if (running.kind !== 'deployments') return fail('invalid', `${spoken(running)} cannot be paused: only Deployments can.`);
      if (running.record.spec.paused === paused) return succeed({ nothing: `${spoken(running)} is ${paused ? 'paused already' : 'not paused'}.` });
      return succeed({
        change: {
          title: `${verb} the rollout of ${running.name}`,
          current: { paused: !paused },
          next: { paused },
          patch: (version, mark) => ({ type: 'merge', body: guarded(version, mark, { paused }) }),
        },
      });
    },
  };
}
