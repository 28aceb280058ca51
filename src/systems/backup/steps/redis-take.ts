import { defineWrite } from '#step-kit/index.ts';
import { takeOf } from '../take.ts';

export const redisTake = defineWrite({
  ...takeOf('redis'),
  name: 'backup.redis.take',
  summary: 'Takes a backup of Redis into the directory of the target: an RDB of every primary, checked, loaded into a sandbox, with a manifest.',
});
