import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { againstCounts, readClients } from '#backups/restore/redis-live.ts';
import { whyNotTaken } from '#backups/restore/redis-survey.ts';
import { groupsOf, nameOf, owns } from '#backups/restore/redis-values.ts';

const LIST = `id=3 addr=10.0.0.7:5000 laddr=10.0.0.1:6379 fd=8 name= age=1 idle=0 flags=N db=0 cmd=get user=default lib-name= lib-ver=
id=4 addr=10.0.0.8:5000 fd=9 name=cordum-runbook-bot-drill age=1 idle=0 flags=N cmd=client|list user=default
id=5 addr=10.0.0.9:6379 fd=9 name= age=1 idle=0 flags=S cmd=replconf user=default
id=6 addr=10.0.0.5:5000 fd=9 name=sentinel-0a1b2c3d-cmd age=1 idle=0 flags=N cmd=ping user=default
id=7 addr=10.0.0.6:6379 fd=9 name= age=1 idle=0 flags=M cmd=null user=(superuser)
id=8 addr=10.0.0.4:5000 fd=9 name=gateway age=1 idle=0 flags=P cmd=subscribe user=default
`;

/** A server of this version, with one key that it dumps as that version of RDB; undefined: it is empty. */
function serverOf(redis: string, rdb: number | undefined, more = ''): RedisConnection {
  const payload = Buffer.concat([Buffer.from([0, 1, 65]), Buffer.from([rdb ?? 0, 0]), Buffer.alloc(8)]);
  const answers: Record<string, unknown> = { INFO: `redis_version:${redis}\r\n${more}`, RANDOMKEY: rdb === undefined ? null : Buffer.from('k'), MEMORY: 60, DUMP: payload };
  const call = (command: string): Promise<unknown> => Promise.resolve(answers[command]);
  return { call, callBuffer: call, close: () => Promise.resolve() };
}

const judge = (live: RedisConnection, loaded: RedisConnection): Promise<string> =>
  whyNotTaken({ primaries: [{ host: 'redis', port: 6379, id: 'a', slots: [], connection: live }] }, { stamp: '20261121T060000Z', shards: [{ connection: loaded, slots: [] }], close: () => Promise.resolve() });

describe('a restore of Redis', () => {
  it('counts as connected who could write: not the bot, not replicas, not Sentinels', () => {
    expect(readClients(LIST)).toEqual(['unnamed (10.0.0.7:5000, last command get)', 'gateway (10.0.0.4:5000, last command subscribe)']);
  });

  it('overlooks no client, whatever else the server says of it', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9@|:._-]{0,12}$/);
    fc.assert(
      fc.property(fc.array(fc.record({ addr: word, name: word.filter((name) => !/^(?:cordum-runbook-bot|sentinel-)/.test(name)), cmd: word, user: word }), { maxLength: 8 }), (clients) => {
        const text = clients.map(({ addr, name, cmd, user }, i) => `id=${i + 1} addr=${addr} name=${name} flags=N cmd=${cmd} user=${user}`).join('\n');
        expect(readClients(`${text}\n`)).toHaveLength(clients.length);
      }),
    );
  });

  it('is refused by name where the live server is older than the one here that has loaded the backup', async () => {
    expect(await judge(serverOf('6.2.14', 9), serverOf('7.0.15', 10))).toBe(
      'Redis 6.2.14 at redis:6379 does not take what Redis 7.0.15 of this machine, which has loaded redis-20261121T060000Z, dumps (RDB version 10, it takes 9 at most). Install a redis-server here that is as old as the live one.',
    );
    // Valkey 8.0.1 writes as Redis 7.2 does, and says that it were one (measured).
    expect(await judge(serverOf('7.2.4', 11, 'valkey_version:8.0.1\r\n'), serverOf('8.0.2', 12))).toContain('Redis 7.2.4 (Valkey 8.0.1) at redis:6379 does not take what Redis 8.0.2 of this machine');
    // An empty server dumps nothing: then its version counts.
    expect(await judge(serverOf('7.0.15', undefined), serverOf('7.2.4', 11))).toContain('it takes 10 at most');
    for (const [live, loaded] of [['7.0.15', 10], ['7.2.4', 11], ['8.0.2', 12]] as const) expect(await judge(serverOf(live, undefined), serverOf('7.0.15', loaded))).toBe('');
    expect(await judge(serverOf('7.2.4', 80), serverOf('7.2.4', 80))).toBe('');
    expect(await judge(serverOf('6.2.14', 9), serverOf('7.0.15', undefined))).toBe('');
  });

  it('counts keys that stay, prefix by prefix, and only their sum where not every prefix is named', () => {
    const count = (prefix: string, all: number, volatile = 0) => ({ prefix, count: all, volatile });
    expect(againstCounts([count('job', 60, 10), count('cfg', 2)], [count('job', 52, 2), count('cfg', 2)])).toEqual([]);
    expect(againstCounts([count('job', 60), count('cfg', 2)], [count('job', 59), count('junk', 1)])).toEqual(['job: 59 keys that stay, the backup has 60', 'cfg: 0 keys that stay, the backup has 2', 'junk: 1 keys that stay, the backup has 0']);
    expect(againstCounts([count('a', 1), count('(other)', 9)], [count('b', 4), count('(other)', 6)])).toEqual([]);
    expect(againstCounts([count('a', 1), count('(other)', 9)], [count('b', 4), count('(other)', 5)])).toEqual(['9 keys that stay, the backup has 10']);
  });

  it('holds no more values in memory at one time than it has room for, unless one alone is larger', async () => {
    const MIB = 1024 * 1024;
    const sizes = [3 * MIB, 4 * MIB, 3 * MIB, 40 * MIB, 1, 2];
    const server: RedisConnection = { call: () => Promise.reject(new Error('not asked for')), callBuffer: () => Promise.resolve(sizes), close: () => Promise.resolve() };
    const keys = sizes.map((_, i) => Buffer.from(String(i)));
    expect((await groupsOf(server, keys)).map((group) => group.map(String))).toEqual([['0', '1'], ['2'], ['3'], ['4', '5']]);
  });

  it('shows names of keys as text of one line, and knows their slots by their bytes', () => {
    expect(nameOf(Buffer.from('a\nb"'))).toBe('a\\nb\\"');
    expect(nameOf(Buffer.alloc(500, 120))).toHaveLength(121);
    // CLUSTER KEYSLOT of Redis 7.0.15: of the tag in the braces, and of bytes that are no text.
    expect(owns([{ from: 16_287, to: 16_287 }], Buffer.from('any{x}'))).toBe(true);
    expect(owns([{ from: 0, to: 100 }], Buffer.from('any{x}'))).toBe(false);
    expect(owns([{ from: 7_920, to: 7_920 }], Buffer.from([0, 255]))).toBe(true);
    expect(owns([], Buffer.from([0, 255]))).toBe(true);
  });
});
