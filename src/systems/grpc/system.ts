import { defineSystem } from '#step-kit/index.ts';
import type { GrpcHealthClient } from './client.ts';

/** The token by which a step asks its context for the gRPC services of its target: `ctx.use(GrpcHealth)`. */
export const GrpcHealth = defineSystem<GrpcHealthClient>('grpc');
