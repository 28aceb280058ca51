import { defineSystem } from '#step-kit/index.ts';
import type { RedisClient } from './client.ts';

/** The token by which a step asks its context for the Redis of its target: `ctx.use(Redis)`. */
export const Redis = defineSystem<RedisClient>('redis');
