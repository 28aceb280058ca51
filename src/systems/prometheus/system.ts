import { defineSystem } from '#step-kit/index.ts';
import type { PrometheusClient } from './client.ts';

/** The token by which a step asks its context for the Prometheus of its target: `ctx.use(Prometheus)`. */
export const Prometheus = defineSystem<PrometheusClient>('prometheus');
