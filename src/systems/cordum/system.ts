import { defineSystem } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';

/** The token by which a step asks its context for the Cordum of its target: `ctx.use(Cordum)`. */
export const Cordum = defineSystem<CordumClient>('cordum');
