import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { manifestShape, type Manifest } from '#backups/manifest.ts';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runCommand, runHere, type CommandRan } from '../../kit/drills/command.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { freePort } from '../../kit/servers/port.ts';
import { startRedis, startRedisCluster } from '../../kit/servers/redis.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const PASSWORD = 'k7#p/w:q@1 x';

function manifestIn(directory: string, ran: CommandRan): Manifest {
  return manifestShape.parse(JSON.parse(readFileSync(`${directory}/${String(ran.json()['manifest'])}`, 'utf8')));
}

const take = (url: string, out: string, ...more: readonly string[]): Promise<CommandRan> => runHere(['backup', 'take', 'redis', '--url', url, '--out', out, '--json', ...more]);

describe('a backup of a single Redis', () => {
  it('is taken with the facts of what is in it, readable by nobody else, and passes its own verification', async () => {
    const out = await testFolder('take');
    const redis = await startRedis({ password: PASSWORD });
    await fillRedis(redis, 40);
    await redis.cli('SET', 'job:result:1', 'x', 'EX', '1000');
    await redis.cli('SET', 'cfg:org:broken', 'no json');
    const ran = await take(redis.url, out);
    expect([ran.code, ran.json()['status']]).toEqual([0, 'complete']);
    expect(ran.out + ran.note + readFileSync(`${out}/${String(ran.json()['manifest'])}`, 'utf8')).not.toMatch(/k7#p|k7%23p/);

    const manifest = manifestIn(out, ran);
    const [file] = manifest.files;
    expect(readdirSync(out)).toEqual([String(ran.json()['manifest']), file?.path]);
    for (const name of readdirSync(out)) expect(statSync(`${out}/${name}`).mode & 0o777, name).toBe(0o600);
    expect(manifest.redis?.shards).toMatchObject([{ file: file?.path, slots: [], keys: 44, expires: 1 }]);
    expect(manifest.redis?.keysByPrefix).toContainEqual({ prefix: 'job:state', count: 40, volatile: 0 });
    expect(manifest.redis?.keysByPrefix).toContainEqual({ prefix: 'job:result', count: 1, volatile: 1 });
    expect(manifest.redis?.required.map(({ key }) => key)).toEqual(['cfg:system:default', 'cfg:system:policy']);
    expect(manifest.redis?.unreadable).toEqual([{ key: 'cfg:org:broken', why: 'it is not JSON' }]);
    expect(manifest.redis?.sampleSeed).toMatch(/^[0-9a-f]{16}$/);
    expect(manifest.redis?.sample.find(({ key }) => key === 'job:result:1')?.expiresAt).toEqual(expect.any(String));
    expect(Date.parse(manifest.redis?.newestRecordAt ?? '')).toBeGreaterThan(0);
    expect((await runHere(['backup', 'verify', out])).code).toBe(0);
  });

  it('is taken over TLS with a certificate of ours, and the password from a file', async () => {
    const out = await testFolder('take-tls');
    const certificates = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    const redis = await startRedis({ password: PASSWORD, tls: { certificates, mutual: true } });
    await fillRedis(redis, 3);
    writeFileSync(`${certificates.directory}/pw`, `${PASSWORD}\n`);
    const url = `rediss://localhost:${redis.port}`;
    const access = ['--password-file', `${certificates.directory}/pw`, '--ca', certificates.caFile];
    const ran = await take(url, out, ...access, '--cert', certificates.clientCertFile, '--cert-key', certificates.clientKeyFile);
    expect([ran.code, ran.note.includes('cannot')]).toEqual([0, false]);
    expect(manifestIn(out, ran).redis?.shards[0]?.keys).toBe(5);
    const without = await take(url, `${out}/b`, ...access);
    expect([without.code, without.json()['status']]).toEqual([1, 'failed']);
  });

  it('taken twice in the same second makes two sets', async () => {
    const out = await testFolder('take-twice');
    const redis = await startRedis();
    await fillRedis(redis, 1);
    const both = await Promise.all([take(redis.url, out), take(redis.url, out)]);
    expect(both.map(({ code, note }) => (code === 0 ? '' : note))).toEqual(['', '']);
    expect(new Set(both.map((ran) => ran.json()['set'])).size).toBe(2);
    expect(readdirSync(out)).toHaveLength(4);
  });
});

describe('a backup that cannot be taken', () => {
  it('says why in one line, exits with 1, and leaves nothing behind', async () => {
    const out = await testFolder('take-not');
    const redis = await startRedis({ password: PASSWORD });
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(redis.port), '--masterauth', PASSWORD] });
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const mutePort = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const refusals = [
        [`redis://:wrong-9f3@127.0.0.1:${redis.port}`, `Redis at 127.0.0.1:${redis.port} refuses the password.`],
        [`redis://127.0.0.1:${redis.port}`, `Redis at 127.0.0.1:${redis.port} wants a password.`],
        [`redis://127.0.0.1:${await freePort()}`, /^Redis at 127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:\d+\.$/],
        [`redis://127.0.0.1:${mutePort}`, /^Redis at 127\.0\.0\.1:\d+ cannot be reached: /],
        [`redis://127.0.0.1:${replica.port}`, `Redis at 127.0.0.1:${replica.port} is a slave, not a primary: what it lacks would be lacking in the backup.`],
      ] as const;
      const rans = await Promise.all(refusals.map(async ([url, line]) => ({ url, line, ran: await take(url, out) })));
      for (const { url, line, ran } of rans) {
        expect([ran.code, ran.json()['status']], url).toEqual([1, 'failed']);
        if (typeof line === 'string') expect(ran.note.trimEnd()).toBe(line);
        else expect(ran.note.trimEnd()).toMatch(line);
        expect(ran.note + ran.out).not.toContain('wrong-9f3');
      }
      expect(readdirSync(out)).toEqual([]);
    } finally {
      mute.close();
    }
  });

  it('into what is no directory says so', async () => {
    const out = await testFolder('take-readonly');
    const redis = await startRedis();
    await fillRedis(redis, 1);
    writeFileSync(`${out}/file`, '');
    const onFile = await take(redis.url, `${out}/file`);
    expect([onFile.code, onFile.note.trimEnd()]).toEqual([1, `${out}/file cannot be written: it is no directory (EEXIST).`]);
  });

  it('since the disk is full says so, and leaves nothing behind', async (context) => {
    const out = await testFolder('take-full');
    // A disk of its own, which nobody else sees and which is gone with the command.
    const onSmallDisk = 'mount -t tmpfs -o size=100k tmpfs "$0" && "$@"; code=$?; echo "left: $(ls -A "$0")"; exit $code';
    const may = spawnSync('unshare', ['-rm', 'sh', '-c', onSmallDisk, out, 'true']);
    if (may.status !== 0) return context.skip('this user may not mount a small disk');
    const redis = await startRedis();
    await fillRedis(redis, 1);
    await redis.cli('SETRANGE', 'job:result:1', '600000', 'x');
    await redis.cli('CONFIG', 'SET', 'rdbcompression', 'no');
    const ran = spawnSync('unshare', ['-rm', 'sh', '-c', onSmallDisk, out, process.execPath, MAIN, 'backup', 'take', 'redis', '--url', redis.url, '--out', out], { encoding: 'utf8' });
    expect([ran.status, ran.stdout]).toEqual([1, 'left: \n']);
    expect(ran.stderr.trimEnd().split('\n').at(-1)).toBe(`There is no room left for the RDB of Redis at ${redis.address}.`);
  });

  it('is misuse where the words are wrong', async () => {
    for (const args of [
      ['backup', 'take', 'redis', '--out', '/x'],
      ['backup', 'take', 'redis', '--url', 'http://x', '--out', '/x'],
      ['backup', 'take', 'redis', '--url', 'redis://x', '--out', '/x', '--stream', 'A'],
      ['backup', 'take', 'redis', '--url', 'redis://x', '--out', '/x', '--password-file', '/nowhere/pw'],
      ['backup', 'take', 'redis', '--url', 'redis://x', '--out', '/x', '--ca', '/nowhere/ca'],
    ]) {
      const ran = await runCommand(args);
      expect([ran.code, ran.out], args.join(' ')).toEqual([2, '']);
    }
  });

  it('because it was stopped leaves nothing behind, wherever it stood', async () => {
    const out = await testFolder('take-stopped');
    const redis = await startRedis({ args: ['--enable-debug-command', 'local'] });
    await redis.cli('DEBUG', 'POPULATE', '200000', 'job:state', '200');
    for (const stage of ['copying', 'loading']) {
      const ran = await runCommand(['backup', 'take', 'redis', '--url', redis.url, '--out', out, '--temp', out], {
        onNote: (text, kill) => {
          if (text.includes(stage) && !text.includes('Stopping')) kill('SIGINT');
        },
      });
      expect([ran.code, ran.out], stage).toEqual([1, '']);
      expect(ran.note).toContain('The backup was cancelled; nothing of it was kept.');
      expect(readdirSync(out), stage).toEqual([]);
    }
  });
});

describe('a backup of a cluster', () => {
  it('holds every primary; without one of them it is not complete, and says which', async () => {
    const out = await testFolder('take-cluster');
    const { nodes, until } = await startRedisCluster({ replicas: 1, password: PASSWORD, args: ['--cluster-replica-no-failover', 'yes', '--cluster-require-full-coverage', 'no'] });
    const [first, second, , replica] = nodes;
    if (first === undefined || second === undefined || replica === undefined) throw new Error('a cluster of six');
    for (const key of ['cfg:system:default', 'cfg:system:policy']) await first.cli('-c', 'SET', key, JSON.stringify({ scope: 'system', scope_id: key.slice(11), data: {} }));
    for (let i = 0; i < 30; i += 1) await first.cli('-c', 'SET', `job:state:${i}`, 'PENDING');

    const whole = await take(replica.url, out);
    expect([whole.code, whole.json()['status']]).toEqual([0, 'complete']);
    const manifest = manifestIn(out, whole);
    expect(manifest.source.mode).toBe('cluster');
    expect(manifest.files.map(({ path }) => path.replace(/.*-/, ''))).toEqual(['node0.rdb', 'node1.rdb', 'node2.rdb']);
    expect(manifest.redis?.shards.reduce((sum, { keys }) => sum + keys, 0)).toBe(32);
    expect(manifest.redis?.keysByPrefix).toContainEqual({ prefix: 'job:state', count: 30, volatile: 0 });
    expect(manifest.redis?.required.map(({ key }) => key).toSorted()).toEqual(['cfg:system:default', 'cfg:system:policy']);
    expect(manifest.source.identity).toHaveLength(7);

    await second.stop('SIGKILL');
    await until('ok');
    const part = await take(first.url, out);
    expect([part.code, part.json()['status']]).toEqual([1, 'incomplete']);
    expect(part.json()['missing']).toEqual([expect.stringContaining(`127.0.0.1:${second.port}`)]);
    expect(manifestIn(out, part).files).toHaveLength(2);
    const verified = await runHere(['backup', 'verify', out, '--set', String(part.json()['set'])]);
    expect([verified.code, verified.out]).toEqual([1, expect.stringContaining('not complete')]);
  });
});
