import { defineSystem } from '#step-kit/index.ts';
import type { NatsClient } from './client.ts';

/** The token by which a step asks its context for the NATS of its target: `ctx.use(Nats)`. */
export const Nats = defineSystem<NatsClient>('nats');
