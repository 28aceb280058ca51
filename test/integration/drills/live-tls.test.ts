import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';

interface Access {
  readonly store: 'redis' | 'nats';
  readonly url: string;
  readonly folder: string;
  /** How to get in: password, authority, certificate. */
  readonly flags: readonly string[];
}

/** A backup and its drill against the live system, and the drill once more by somebody without a certificate. */
async function expectTakenAndDrilled({ store, url, folder, flags }: Access): Promise<void> {
  const backups = join(folder, 'backups');
  const drill = ['drill', 'run', store, '--backups', backups, '--live', url, '--out', join(folder, 'evidence'), '--json'];
  const taken = await runHere(['backup', 'take', store, '--url', url, '--out', backups, '--json', ...flags]);
  expect([taken.code, taken.note]).toEqual([0, expect.not.stringContaining('cannot')]);
  const done = await runHere([...drill, ...flags]);
  expect([done.code, done.json()['status']], done.out).toEqual([0, 'passed']);
  expect(done.json()['checks']).toContainEqual(expect.objectContaining({ name: `${store}.sandbox.isolated`, status: 'passed' }));
  const stranger = await runHere([...drill, ...flags.slice(0, -4)]);
  expect(stranger.json()['checks']).toContainEqual(expect.objectContaining({ name: `${store}.live.readable`, status: 'failed' }));
  expect(done.out + done.note + stranger.out + stranger.note).not.toContain('tls-s3cr3t');
}

describe('a live system that speaks TLS and asks for a certificate', () => {
  it('is backed up, and compared with in a drill, where it is Redis', async () => {
    const folder = await testFolder('live-tls');
    const certificates = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    writeFileSync(join(folder, 'pw'), 'tls-s3cr3t\n');
    const redis = await startRedis({ password: 'tls-s3cr3t', tls: { certificates, mutual: true } });
    await fillRedis(redis, 20);
    const flags = ['--password-file', join(folder, 'pw'), '--ca', certificates.caFile, '--cert', certificates.clientCertFile, '--cert-key', certificates.clientKeyFile];
    await expectTakenAndDrilled({ store: 'redis', url: `rediss://localhost:${redis.port}`, folder, flags });
  });

  it('is backed up, and compared with in a drill, where it is NATS', async () => {
    const folder = await testFolder('live-tls');
    const certificates = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    writeFileSync(join(folder, 'pw'), 'tls-s3cr3t\n');
    const nats = await startNats({ auth: { username: 'bot', password: 'tls-s3cr3t' }, tls: { ...certificates, verify: true } });
    const { caFile, clientCertFile, clientKeyFile } = certificates;
    const client = await nats.client({ user: 'bot', pass: 'tls-s3cr3t', tls: { caFile, certFile: clientCertFile, keyFile: clientKeyFile } });
    const manager = await client.jetstreamManager();
    for (const [name, subject] of [['CORDUM_SYS', 'sys.a'], ['CORDUM_JOBS', 'job.a']] as const) {
      await manager.streams.add({ name, subjects: [subject] });
      await client.jetstream().publish(subject, '{}');
    }
    const flags = ['--password-file', join(folder, 'pw'), '--ca', caFile, '--username', 'bot', '--cert', clientCertFile, '--cert-key', clientKeyFile];
    await expectTakenAndDrilled({ store: 'nats', url: `tls://localhost:${nats.clientPort}`, folder, flags });
  });
});
