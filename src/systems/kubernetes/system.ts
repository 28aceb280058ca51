import { defineSystem } from '#step-kit/index.ts';
import type { KubernetesClient } from './client.ts';

/** The token by which a step asks its context for the Kubernetes of its target: `ctx.use(Kubernetes)`. */
export const Kubernetes = defineSystem<KubernetesClient>('kubernetes');
