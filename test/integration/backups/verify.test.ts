import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backUpNats, backUpRedis, fillNats, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runCommand, runHere } from '../../kit/drills/command.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const HOUR = 3_600_000;

interface Verdict {
  readonly set: string;
  readonly problems: readonly { readonly file: string; readonly problem: string }[];
  readonly notes: readonly string[];
}

async function verify(directory: string, ...more: readonly string[]): Promise<{ readonly code: number | null; readonly said: readonly string[]; readonly verdicts: readonly Verdict[] }> {
  const ran = await runHere(['backup', 'verify', directory, '--json', ...more]);
  const verdicts = ran.json()['sets'] as Verdict[];
  return { code: ran.code, verdicts, said: verdicts.flatMap(({ problems }) => problems.map(({ file, problem }) => `${file}: ${problem}`)) };
}

describe('backups that Cordum’s own CronJobs took, without manifests', () => {
  it('are listed and verified as far as that goes: each damage is a line, and the exit code is 1', async () => {
    const directory = await testFolder('verify');
    const redis = await startRedis();
    await fillRedis(redis, 50);
    const stamp = await backUpRedis(redis, directory, Date.now() - HOUR);
    const good = `${directory}/redis-${stamp}.rdb`;
    const bytes = readFileSync(good);

    const whole = await verify(directory);
    expect([whole.code, whole.said, whole.verdicts[0]?.notes]).toEqual([0, [], ['It has no manifest: whether it is what was backed up cannot be told.']]);
    const listed = (await runHere(['backup', 'list', directory, '--json'])).json();
    expect(listed).toMatchObject({ sets: [{ set: `redis-${stamp}`, manifest: 'none', complete: 'unknown', bytes: bytes.length, shards: 1 }], warnings: ['There is no backup of nats.', 'There is no backup of config.'] });

    for (const [what, damaged, said] of [
      ['cut', bytes.subarray(0, -30), 'it does not end like an RDB file'],
      ['empty', Buffer.alloc(0), 'it is empty'],
      ['without a checksum', Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8)]), 'it carries no checksum'],
      ['one bit', Buffer.from(bytes.map((byte, at) => (at === bytes.length - 60 ? byte ^ 1 : byte))), /: (?:RDB CRC error|\S.*)/],
      ['something else', Buffer.from('not an RDB at all, but long enough to be one'), 'it does not begin like an RDB file'],
    ] as const) {
      writeFileSync(good, damaged);
      const bad = await verify(directory);
      expect([bad.code, bad.said.length], what).toEqual([1, 1]);
      if (typeof said === 'string') expect(bad.said[0], what).toContain(said);
      else expect(bad.said[0], what).toMatch(said);
    }
    writeFileSync(good, bytes);

    // A cluster of which node 1 was forgotten.
    for (const node of [0, 2]) copyFileSync(good, `${directory}/redis-20261101T000000Z-node${node}.rdb`);
    expect((await verify(directory, '--set', 'redis-20261101T000000Z')).said).toEqual([': Shard node1 is missing.']);
    expect((await verify(directory, '--set', stamp)).code).toBe(0);
  });

  it('of JetStream: a missing stream, a missing file, a cut archive, streams that were exchanged', async () => {
    const directory = await testFolder('verify-nats');
    const nats = await startNats();
    await fillNats(nats, 30);
    const stamp = await backUpNats(nats, directory, Date.now() - HOUR);
    expect((await verify(directory)).code).toBe(0);
    const folder = join(directory, `nats-${stamp}`);
    const archive = join(folder, 'CORDUM_JOBS.snapshot', 'stream.tar.s2');
    const bytes = readFileSync(archive);
    for (const length of [0, 20, Math.trunc(bytes.length / 2), bytes.length - 1]) {
      writeFileSync(archive, bytes.subarray(0, length));
      expect((await verify(directory)).code, `${length} bytes`).toBe(1);
    }
    copyFileSync(join(folder, 'CORDUM_SYS.snapshot', 'stream.tar.s2'), archive);
    expect((await verify(directory)).said).toContainEqual(expect.stringContaining('it is of the stream CORDUM_SYS'));
    rmSync(archive);
    expect((await verify(directory)).said).toEqual([expect.stringContaining(`nats-${stamp}/CORDUM_JOBS.snapshot`)]);
    rmSync(join(folder, 'CORDUM_JOBS.snapshot'), { recursive: true });
    expect((await verify(directory)).said).toEqual([': The stream CORDUM_JOBS of Cordum is missing.']);
  });
});

describe('a set with a manifest', () => {
  it('is not good when it was renamed, has lost or gained a file, or its manifest was changed', async () => {
    const directory = await testFolder('verify-manifest');
    const redis = await startRedis();
    await fillRedis(redis, 5);
    const set = String((await runHere(['backup', 'take', 'redis', '--url', redis.url, '--out', directory, '--json'])).json()['set']);
    const path = (name: string): string => join(directory, name);
    expect((await verify(directory)).code).toBe(0);
    const manifest = readFileSync(path(`${set}.manifest.json`), 'utf8');

    writeFileSync(path(`${set}-node7.rdb`), readFileSync(path(`${set}.rdb`)));
    expect((await verify(directory)).said).toContain(`${set}-node7.rdb: the manifest does not name it`);
    rmSync(path(`${set}-node7.rdb`));
    writeFileSync(path(`${set}.manifest.json`), manifest.replace('"version": 1', '"version": 2'));
    expect((await verify(directory)).said[0]).toContain('version: expected version 1');
    writeFileSync(path(`${set}.manifest.json`), manifest.replace(/"keys": 7/, '"keys": 8'));
    expect((await verify(directory)).said).toEqual([`${set}.rdb: it holds 7 keys (0 with a time to live), by the manifest 8 (0)`]);

    const older = 'redis-20260101T000000Z';
    renameSync(path(`${set}.rdb`), path(`${older}.rdb`));
    writeFileSync(path(`${older}.manifest.json`), manifest);
    rmSync(path(`${set}.manifest.json`));
    const renamed = await verify(directory);
    expect([renamed.code, renamed.said]).toEqual([1, expect.arrayContaining([expect.stringContaining('which is not the time in its name'), `${older}.rdb: the manifest does not name it`])]);
  });
});

describe('a directory without backups', () => {
  it('is listed, but not verified: nothing is not good', async () => {
    const directory = await testFolder('verify-none');
    mkdirSync(join(directory, 'redis-yesterday'));
    const list = await runCommand(['backup', 'list', directory]);
    expect([list.code, list.out]).toEqual([0, expect.stringContaining('No backups by their name: redis-yesterday')]);
    for (const args of [[directory], [directory, '--set', '20261121T060000Z'], [join(directory, 'nowhere')]]) {
      const ran = await runCommand(['backup', 'verify', ...args]);
      expect([ran.code, ran.out, ran.note.trimEnd().split('\n').length], args.join(' ')).toEqual([1, '', 1]);
    }
    expect((await runCommand(['backup', 'list', join(directory, 'nowhere')])).code).toBe(1);
    expect((await runCommand(['backup', 'verify', directory, '--set', 'redis-yesterday'])).code).toBe(2);
    expect((await runCommand(['backup', 'list', directory, '--limit', '0'])).code).toBe(2);
  });
});
