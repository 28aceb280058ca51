import { defineSystem } from '#step-kit/index.ts';
import type { AlertmanagerClient } from './client.ts';

/** The token by which a step asks its context for the Alertmanager of its target: `ctx.use(Alertmanager)`. */
export const Alertmanager = defineSystem<AlertmanagerClient>('alertmanager');
