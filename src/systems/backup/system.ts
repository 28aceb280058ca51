import { defineSystem } from '#step-kit/index.ts';
import type { BackupClient } from './client.ts';

/** The token by which a step asks its context for the backups of its target: `ctx.use(Backup)`. */
export const Backup = defineSystem<BackupClient>('backup');
