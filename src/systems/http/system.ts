import { defineSystem } from '#step-kit/index.ts';
import type { HttpClient } from './client.ts';

/** The token by which a step asks its context for what its target may look at over HTTP: `ctx.use(Http)`. */
export const Http = defineSystem<HttpClient>('http');
