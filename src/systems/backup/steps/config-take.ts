import { defineWrite } from '#step-kit/index.ts';
import { takeOf } from '../take.ts';

export const configTake = defineWrite({
  ...takeOf('config'),
  name: 'backup.config.take',
  summary: "Takes a backup of Cordum's configuration and policy out of Redis into the directory of the target, with a manifest.",
});
