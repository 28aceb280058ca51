/** The commands that take backups and look at them. */
import type { CommandSpec } from './command-spec.ts';

export const BACKUP_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'backup take',
    runs: 'alone',
    words: [{ name: 'STORE', choices: ['redis', 'nats', 'config'] }],
    options: {
      url: { value: 'URL', help: 'The live system: redis://, rediss://, nats:// or tls://; several with commas between them. Of a cluster any node will do.', required: true },
      out: { value: 'DIR', help: 'The directory of the backups; made when it is not there.', required: true },
      stream: { value: 'NAME', help: 'NATS: take this stream. Default: all whose names begin with CORDUM_.', many: true },
      username: { value: 'NAME', help: 'Where the URL names none.' },
      'password-file': { value: 'FILE', help: 'Holds the password.' },
      'creds-file': { value: 'FILE', help: 'NATS: the .creds file of our user (JWT and seed), in place of name and password.' },
      ca: { value: 'FILE', help: 'PEM: the authority of the server.' },
      cert: { value: 'FILE', help: 'PEM: our certificate.' },
      'cert-key': { value: 'FILE', help: 'PEM: the key of our certificate.' },
      temp: { value: 'DIR', help: 'Redis: where the copy is loaded to see what is in it; a disk with room for it. Default: that of the machine.' },
    },
    summary: 'Take a backup, prove that it can be read, and write a manifest beside it.',
    examples: ['runbook-bot backup take redis --url redis://redis:6379 --password-file redis.pw --out /backups', 'runbook-bot backup take nats --url tls://nats:4222 --ca ca.pem --out /backups --json'],
  },
  {
    name: 'backup list',
    runs: 'alone',
    words: [{ name: 'DIR' }],
    options: { limit: { value: 'N', help: 'At most this many of each store, the newest. Default: 50.' } },
    summary: 'Say which backups a directory holds, how old and how large they are, and what is missing.',
    examples: ['runbook-bot backup list /backups', 'runbook-bot backup list /backups --json'],
  },
  {
    name: 'backup verify',
    runs: 'alone',
    words: [{ name: 'DIR' }],
    options: { set: { value: 'SET', help: 'Only this one: redis-20261121T060000Z, or the time alone for every store. Default: all.' } },
    summary: 'Check the files of backups against their manifests and by themselves, without restoring them.',
    examples: ['runbook-bot backup verify /backups', 'runbook-bot backup verify /backups --set redis-20261121T060000Z'],
  },
];
