/** Good backups of small servers, for drills. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRunner } from 'vitest';
import { addToContent } from '#backups/archive/natsarc.ts';
import { redisFile, stampOf } from '#backups/names.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import type { NatsServer } from '../servers/nats.ts';
import type { RedisServer } from '../servers/redis.ts';

/** A folder that is gone with the test, without symbolic links in its path. */
export async function testFolder(name: string): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  TestRunner.getCurrentTest()?.context.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** As Cordum writes its configuration (cordum.md §4.6), with jobs enough to be counted. */
export async function fillRedis(redis: RedisServer, jobs = 60): Promise<void> {
  const document = (id: string): string => JSON.stringify({ scope: 'system', scope_id: id, data: { limits: { jobs: 5 } }, revision: 1, updated_at: new Date().toISOString() });
  await redis.cli('SET', 'cfg:system:default', document('default'));
  await redis.cli('SET', 'cfg:system:policy', document('policy'));
  await redis.cli('EVAL', "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'job:state:' .. i, 'SUCCEEDED') end", '0', String(jobs));
}

export async function backUpRedis(redis: RedisServer, directory: string, atMs: number): Promise<string> {
  await mkdir(directory, { recursive: true });
  const stamp = stampOf(atMs);
  await redis.cli('--rdb', join(directory, redisFile(stamp, null)));
  return stamp;
}

const STREAMS = { CORDUM_SYS: 'sys.>', CORDUM_JOBS: 'job.>' } as const;

export async function fillNats(nats: NatsServer, messages = 50): Promise<void> {
  const nc = await nats.client();
  const jsm = await nc.jetstreamManager();
  for (const [name, subject] of Object.entries(STREAMS)) {
    await jsm.streams.add({ name, subjects: [subject] });
    for (let i = 0; i < messages; i += 1) await nc.jetstream().publish(subject.replace('>', 'test'), JSON.stringify({ i }));
  }
}

export async function backUpNats(nats: NatsServer, directory: string, atMs: number): Promise<string> {
  const stamp = stampOf(atMs);
  const client = await openStreamClient({ servers: [`nats://${nats.address}`], addToContent });
  if (!client.ok) throw new Error(client.failure.message);
  for (const stream of Object.keys(STREAMS)) {
    const folder = join(directory, `nats-${stamp}`, `${stream}.snapshot`);
    await mkdir(folder, { recursive: true });
    const chunks: Uint8Array[] = [];
    const taken = await client.value.snapshot(stream, {
      check: true,
      write: async (chunk) => {
        chunks.push(Uint8Array.from(chunk));
        await Promise.resolve();
      },
    });
    if (!taken.ok) throw new Error(taken.failure.message);
    await writeFile(join(folder, 'stream.tar.s2'), Buffer.concat(chunks));
    await writeFile(join(folder, 'backup.json'), JSON.stringify({ config: taken.value.config, state: taken.value.state }));
  }
  await client.value.close();
  return stamp;
}
