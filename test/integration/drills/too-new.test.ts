import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { redisFile, stampOf } from '#backups/names.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import { takeRedis } from '#backups/take-redis.ts';
import { createLocalSandbox } from '#drills/sandbox/local.ts';
import { systemClock } from '#kernel/clock.ts';
import { succeed } from '#kernel/failure.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import { drillOf } from '../../kit/backups/place.ts';
import { bodyOf, crc64, sealRdb, writeRdb } from '../../kit/backups/rdb.ts';
import { testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { findServer, onPath } from '../../kit/servers/binaries.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const DOCUMENT = '{"scope":"system","scope_id":"default","data":{}}';

/** A whole and good file, of a server that does not exist yet. */
function later(aux: Readonly<Record<string, string>>): Buffer {
  return writeRdb({ version: '0099', aux: { ...aux, ctime: String(Math.trunc(Date.now() / 1_000)) }, strings: [['cfg:system:default', DOCUMENT]] });
}

const FILES: readonly (readonly [string, Buffer, string])[] = [
  ['Redis', later({ 'redis-ver': '99.4.1' }), 'written by Redis 99.4.1 (RDB version 99)'],
  // What only Valkey reads begins so (measured on 9.1.2).
  ['Valkey', sealRdb(Buffer.concat([Buffer.from('VALKEY999'), bodyOf(later({ 'valkey-ver': '99.1.2' })).subarray(9)])), 'written by Valkey 99.1.2 (RDB version 999)'],
];

describe('a backup that a newer server has written than the one on this machine', () => {
  it.each(FILES)('is refused by the names of both, and not called damaged: %s', async (_, rdb, written) => {
    await startRedis();
    const directory = await testFolder('later');
    writeFileSync(`${directory}/${redisFile(stampOf(Date.now()), null)}`, rdb);

    const { status, checks } = await drillOf({ store: 'redis', directory });
    const detail = (name: string) => checks.find((check) => check.name === name);
    expect(status).toBe('failed');
    expect(detail('redis.rdb.header')?.status).toBe('passed');
    expect(detail('redis.rdb.records')).toMatchObject({ status: 'failed', detail: expect.stringContaining(`it was ${written}, and the redis-check-rdb of this machine cannot read that`) });
    const [before = '', after = ''] = (detail('redis.restore.loads')?.detail ?? '').split(`.rdb was ${written}, and the redis-server of this machine is `);
    expect(before).toMatch(/^redis-\S+$/);
    expect(after).toMatch(/^(?:Redis|Valkey) \d+\.\d+\.\d+, which cannot read it: install that of a (?:Redis|Valkey) that is as new\.$/);

    const verified = await runHere(['backup', 'verify', directory, '--json']);
    expect(verified.code).toBe(1);
    expect(verified.json()['sets']).toMatchObject([{ problems: [{ problem: expect.stringContaining(`it was ${written}`), unread: true }] }]);
  });

  it('is not taken, and the reason names both as well', async () => {
    const redis = await startRedis();
    const directory = await testFolder('later');
    const program = onPath('redis-check-rdb') ?? '';
    const taken = await takeRedis(
      { host: '127.0.0.1', port: redis.port, directory, tool: { name: 'test', version: '1' } },
      {
        clock: systemClock,
        signal: new AbortController().signal,
        connect: (at) => openDataConnection(at),
        dump: (_, file) => Promise.resolve((writeFileSync(file, FILES[0]?.[1] ?? ''), succeed(null))),
        checkRdb: (file) => checkRdb(program, file),
        readFacts: () => Promise.reject(new Error('not asked for')),
      },
    );
    expect(taken).toMatchObject({ ok: false, failure: { reason: 'unavailable', message: expect.stringMatching(/^The RDB of \S+ was not kept: it was written by Redis 99\.4\.1 \(RDB version 99\), and the redis-check-rdb of this machine cannot read that/) } });
  });

  it('as a dump of one key is told apart from a damaged dump', async () => {
    await startRedis();
    const directory = await testFolder('later');
    const body = Buffer.concat([Buffer.from([0, DOCUMENT.length]), Buffer.from(DOCUMENT), Buffer.from([99, 0])]);
    const seal = Buffer.alloc(8);
    seal.writeBigUInt64LE(crc64(body));
    writeFileSync(`${directory}/config-backup.json`, DOCUMENT);
    const said = async (dump: Buffer) => {
      writeFileSync(`${directory}/policies-backup.rdb`, dump);
      return (await drillOf({ store: 'config', directory })).checks.find(({ name }) => name === 'config.restore.loads');
    };
    expect(await said(Buffer.concat([body, seal]))).toMatchObject({ status: 'failed', detail: expect.stringContaining('cfg:system:policy: it was dumped by a newer Redis (RDB version 99), and the redis-server of this machine, ') });
    expect(await said(Buffer.concat([body, Buffer.alloc(8, 1)]))).toMatchObject({ status: 'failed', detail: expect.stringContaining('cfg:system:policy: its checksum is wrong') });
  });
});

describe('a file of a backup', () => {
  it('that has gone, or was never there, is not taken for an empty one', async () => {
    await startRedis();
    const parts = { parent: await testFolder('sandboxes'), redisServer: findServer('redis'), natsServer: undefined, clock: systemClock };
    const refuse = () => Promise.reject(new Error('not asked for'));
    const { sandbox } = await createLocalSandbox({ ...parts, identifyRedis: refuse, identifyNats: refuse });
    const loaded = await sandbox.loadRedis([{ file: '/nowhere/redis.rdb' }], new AbortController().signal);
    expect(await sandbox.teardown()).toMatchObject({ directoryGone: true, left: [] });
    expect(loaded).toMatchObject({ ok: false, failure: { reason: 'unavailable', message: 'Redis started, and does not say that it has loaded /nowhere/redis.rdb.' } });
  });
});
