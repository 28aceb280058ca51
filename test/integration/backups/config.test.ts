import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manifestShape } from '#backups/manifest.ts';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runHere, type CommandRan } from '../../kit/drills/command.ts';
import { requireServer } from '../../kit/servers/find.ts';
import { startRedis, startRedisCluster, type RedisServer } from '../../kit/servers/redis.ts';

const take = (url: string, out: string): Promise<CommandRan> => runHere(['backup', 'take', 'config', '--url', url, '--out', out, '--json']);

function drill(backups: string, ...more: readonly string[]): Promise<CommandRan> {
  return runHere(['drill', 'run', 'config', '--backups', backups, '--out', join(dirname(backups), 'evidence'), '--json', ...more]);
}

interface Check {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
}

const checksOf = (ran: CommandRan): ReadonlyMap<string, Check> => new Map((ran.json()['checks'] as Check[]).map((check) => [check.name, check]));

const document = (id: string, more: object = {}): string => JSON.stringify({ scope: 'system', scope_id: id, data: { a: 'ü' }, revision: 3, updated_at: '2026-11-21T05:00:00Z', ...more });

async function folder(name: string): Promise<string> {
  const backups = join(await testFolder(name), 'backups');
  mkdirSync(backups);
  return backups;
}

describe('a backup of the configuration', () => {
  it('holds every document as text and as Redis dumps it, and a drill restores it', async () => {
    const backups = await folder('config');
    const redis = await startRedis();
    await fillRedis(redis, 3);
    await redis.cli('SET', 'cfg:system:default', document('default'));
    await redis.cli('SET', 'cfg:system:policy', document('policy', { data: { bundles: { 'secops/a': { content: 'rules: []', enabled: true } } } }));
    await redis.cli('SET', 'cfg:system:policy_snapshots', document('policy_snapshots'));
    await redis.cli('SET', 'cfg:org:acme', JSON.stringify({ scope: 'org', scope_id: 'acme', data: {} }));
    await redis.cli('SET', 'cfg:step:pay', JSON.stringify({ scope: 'step', scope_id: 'pay', data: {} }));
    const ran = await take(redis.url, backups);
    expect([ran.code, ran.json()['status']]).toEqual([0, 'complete']);
    expect(ran.json()['holds']).toEqual({ keys: ['cfg:org:acme', 'cfg:step:pay', 'cfg:system:default', 'cfg:system:policy', 'cfg:system:policy_snapshots'] });
    const file = JSON.parse(readFileSync(`${backups}/${String(ran.json()['set'])}.json`, 'utf8')) as { keys: { key: string; value: string }[] };
    expect(file.keys.find(({ key }) => key === 'cfg:system:default')?.value).toBe(document('default'));
    expect((await runHere(['backup', 'verify', backups])).code).toBe(0);

    const drilled = await drill(backups);
    expect([drilled.code, drilled.json()['status']], drilled.out).toEqual([0, 'passed']);
    expect(checksOf(drilled).get('config.documents.valid')).toMatchObject({ status: 'passed', detail: '5 document(s) are what their keys say.' });
  });

  it('of a cluster holds what stands on each of its primaries; a missing document makes it incomplete', async () => {
    const backups = await folder('config-cluster');
    const { nodes } = await startRedisCluster({ replicas: 0 });
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    for (const key of ['cfg:system:default', 'cfg:team:a', 'cfg:team:b', 'cfg:team:c', 'cfg:team:d']) await first.cli('-c', 'SET', key, '{}');
    const ran = await take(first.url, backups);
    expect([ran.code, ran.json()['missing']]).toEqual([1, ['cfg:system:policy']]);
    expect((ran.json()['holds'] as { keys: unknown[] }).keys).toHaveLength(5);
  });

  // Seen on a Cordum V0.9.9.1 as it is installed: no pack, no bundle, and so no document of the policy.
  it('is complete without a policy where the safety kernel never had another than its file, and drills pass with a warning', async () => {
    const backups = await folder('config-file-policy');
    const redis = await startRedis();
    await redis.cli('SET', 'cfg:system:default', document('default'));
    await redis.cli('RPUSH', 'cordum:safety:snapshots', 'a7d0192086f7', '978498579');
    expect((await take(redis.url, backups)).code).toBe(0);
    expect((await runHere(['backup', 'verify', backups])).code).toBe(0);
    const ofConfig = await drill(backups, '--live', redis.url);
    expect([ofConfig.code, checksOf(ofConfig).get('config.keys.required')?.status], ofConfig.out).toEqual([0, 'warning']);

    const copies = await folder('redis-file-policy');
    expect((await runHere(['backup', 'take', 'redis', '--url', redis.url, '--out', copies, '--json'])).code).toBe(0);
    const ofRedis = await runHere(['drill', 'run', 'redis', '--backups', copies, '--live', redis.url, '--out', join(dirname(copies), 'evidence'), '--json']);
    expect([ofRedis.code, checksOf(ofRedis).get('redis.keys.required')?.status], ofRedis.out).toEqual([0, 'warning']);

    // A kernel that ever loaded bundles speaks of a document that is lost.
    await redis.cli('RPUSH', 'cordum:safety:snapshots', '978498579|cfg:11d5');
    const lost = await take(redis.url, backups);
    expect([lost.code, lost.json()['missing']]).toEqual([1, ['cfg:system:policy']]);
  });

  it('of a Redis without any is not taken', async () => {
    const backups = await folder('config-none');
    const redis = await startRedis();
    const ran = await take(redis.url, backups);
    expect([ran.code, ran.note]).toEqual([1, expect.stringContaining('There is no configuration of Cordum in Redis at')]);
    expect(readdirSync(backups)).toEqual([]);
  });
});

/** The seeds' procedure to the letter: what redis-cli prints goes into files, with a newline behind it. */
async function backUpAsTheSeedsSay(redis: RedisServer, backups: string): Promise<void> {
  const cli = join(dirname(requireServer('redis')), 'redis-cli');
  const printed = (...args: readonly string[]): Buffer => execFileSync(cli, ['-p', String(redis.port), ...args]);
  writeFileSync(`${backups}/config-backup.json`, printed('GET', 'cfg:system:default'));
  writeFileSync(`${backups}/policies-backup.rdb`, printed('DUMP', 'cfg:system:policy'));
}

describe('a drill of configuration that was backed up as the seeds say', () => {
  it('restores a dump with a newline behind it without the newline, and warns', async () => {
    const backups = await folder('seeds');
    const redis = await startRedis();
    await redis.cli('SET', 'cfg:system:default', document('default'));
    await redis.cli('SET', 'cfg:system:policy', document('policy'));
    await backUpAsTheSeedsSay(redis, backups);
    expect(readFileSync(`${backups}/policies-backup.rdb`).at(-1)).toBe(0x0a);
    const ran = await drill(backups);
    expect([ran.code, ran.json()['status']], ran.out).toEqual([0, 'passed']);
    const checks = checksOf(ran);
    expect(checks.get('config.dump.newline')).toMatchObject({ status: 'warning', detail: expect.stringContaining('cfg:system:policy') });
    expect(checks.get('config.documents.valid')).toMatchObject({ status: 'passed', detail: '2 document(s) are what their keys say.' });

    // Without the newline nothing is to be warned of; with one byte less, or two newlines, it is no dump any more.
    const payload = readFileSync(`${backups}/policies-backup.rdb`).subarray(0, -1);
    writeFileSync(`${backups}/policies-backup.rdb`, payload);
    const clean = checksOf(await drill(backups));
    expect([clean.has('config.dump.newline'), clean.get('config.restore.loads')?.status]).toEqual([false, 'passed']);
    for (const bytes of [payload.subarray(0, -1), Buffer.concat([payload, Buffer.from('\n\n')]), Buffer.from('(nil)\n')]) {
      writeFileSync(`${backups}/policies-backup.rdb`, bytes);
      const broken = await drill(backups);
      expect([broken.code, checksOf(broken).get('config.restore.loads')?.status]).toEqual([1, 'failed']);
    }
  });
});

describe('a drill of a configuration backup that is not good', () => {
  it('fails, whatever is wrong with it', async () => {
    const backups = await folder('config-bad');
    const redis = await startRedis();
    await redis.cli('SET', 'cfg:system:default', document('default'));
    await redis.cli('SET', 'cfg:system:policy', document('policy'));
    const ran = await take(redis.url, backups);
    const path = `${backups}/${String(ran.json()['set'])}.json`;
    const manifestPath = `${backups}/${String(ran.json()['manifest'])}`;
    const [good, manifest] = [path, manifestPath].map((name) => readFileSync(name, 'utf8')) as [string, string];
    expect(manifestShape.parse(JSON.parse(manifest)).complete).toBe(true);

    const changed = (change: (keys: { key: string; value: string | null; dump: string }[]) => void): string => {
      const file = JSON.parse(good) as { keys: { key: string; value: string | null; dump: string }[] };
      change(file.keys);
      return JSON.stringify(file);
    };
    for (const [what, text, check] of [
      ['one byte', good.replace('ü', 'u'), 'config.files.digest'],
      ['cut', good.slice(0, -20), 'config.file.readable'],
      ['empty', '', 'config.file.readable'],
      ['a key is gone', changed((keys) => void keys.pop()), 'config.keys.required'],
      ['dumps swapped', changed((keys) => ([keys[0]!.dump, keys[1]!.dump] = [keys[1]!.dump, keys[0]!.dump])), 'config.dump.value'],
      ['a dump damaged', changed((keys) => (keys[0]!.dump = Buffer.from('x').toString('base64'))), 'config.restore.loads'],
      ['a key twice', changed((keys) => void keys.push(keys[0]!)), 'config.file.readable'],
    ] as const) {
      writeFileSync(path, text);
      const drilled = await drill(backups);
      expect([drilled.code, checksOf(drilled).get(check)?.status], what).toEqual([1, 'failed']);
      expect((await runHere(['backup', 'verify', backups])).code, what).toBe(1);
    }
  });

  it('fails when a document is that of another key, or none', async () => {
    for (const [policy, detail] of [
      [document('default'), 'it is the document of system:default'],
      ['not json', 'it is not JSON'],
      [document('policy', { data: { bundles: [1] } }), 'its bundles cannot be read'],
      [document('policy', { revision: -1 }), 'revision is wrong'],
    ] as const) {
      const backups = await folder('config-wrong');
      const redis = await startRedis();
      await redis.cli('SET', 'cfg:system:default', document('default'));
      await redis.cli('SET', 'cfg:system:policy', policy);
      await take(redis.url, backups);
      const drilled = await drill(backups);
      expect([drilled.code, checksOf(drilled).get('config.documents.valid')]).toEqual([1, { name: 'config.documents.valid', status: 'failed', detail: expect.stringContaining(detail) }]);
    }
  });
});
