/** Whether the Redis of a target answers the bot itself: the gateway cannot say it when it is down with it. */
import type { Failure } from '#kernel/failure.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 15_000;

/** Undefined: it answers. */
export type RedisTrouble = (call: Call) => Promise<Failure | undefined>;

export function redisSource(target: string, trouble: RedisTrouble): Source {
  return {
    target,
    name: 'redis',
    everyMs: EVERY_MS,
    async look(call) {
      const failure = await trouble(call);
      if (failure?.reason === 'cancelled') return { samples: [], failure };
      // A Redis that refuses our password, or does not answer, is not one that we have seen to be up. That was seen, so the look is whole.
      return { samples: [{ series: 'cordum_redis_up', labels: {}, value: failure === undefined ? 1 : 0 }] };
    },
  };
}
