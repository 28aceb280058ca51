import { defineWrite } from '#step-kit/index.ts';
import { takeOf } from '../take.ts';

export const natsTake = defineWrite({
  ...takeOf('nats'),
  name: 'backup.nats.take',
  summary: 'Takes a backup of the streams of Cordum in JetStream, with their consumers, into the directory of the target, with a manifest.',
});
