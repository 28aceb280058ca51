import { defineSystem } from '#step-kit/index.ts';
import type { RestoreClient } from './client.ts';

/** The token by which a step asks its context for the backups of its target: `ctx.use(Restore)`. */
export const Restore = defineSystem<RestoreClient>('restore');
