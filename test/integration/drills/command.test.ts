import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backUpRedis, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { startRedis } from '../../kit/servers/redis.ts';

async function run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string; readonly note: string }> {
  const { code, out, note } = await runHere(args);
  return { code, out: out.trimEnd(), note: note.trimEnd() };
}

async function backups(): Promise<{ readonly directory: string; readonly rdb: string }> {
  const redis = await startRedis();
  await fillRedis(redis);
  const directory = await testFolder('backups');
  const stamp = await backUpRedis(redis, directory, Date.now());
  return { directory, rdb: join(directory, `redis-${stamp}.rdb`) };
}

describe('drill run', () => {
  it('answers with status, checks, backup, objectives and bundle, and the bundle verifies until a byte of it is changed', async () => {
    const { directory } = await backups();
    const evidence = await testFolder('evidence');
    const { code, out, note } = await run('drill', 'run', 'redis', '--backups', directory, '--sandbox', 'local', '--out', evidence, '--json');
    const answer = JSON.parse(out) as Record<string, unknown>;
    expect([code, answer['status']]).toEqual([0, 'passed']);
    expect(Object.keys(answer).slice(0, 6)).toEqual(['status', 'checks', 'backup', 'rpoSeconds', 'rtoSeconds', 'bundle']);
    for (const check of answer['checks'] as object[]) expect(Object.keys(check)).toEqual(['name', 'status', 'detail']);
    expect(note).toMatch(/^detect: .*\nfetch: /);

    const bundle = String(answer['bundle']);
    expect(await run('drill', 'verify', bundle, '--public-key', join(evidence, 'signing-key.pub.pem'))).toMatchObject({ code: 0 });
    const text = readFileSync(bundle, 'utf8');
    writeFileSync(bundle, text.replace('"passed"', '"pAssed"'));
    expect(await run('drill', 'verify', bundle)).toMatchObject({ code: 1, out: expect.stringContaining('The evidence is NOT whole.') as string });
    writeFileSync(bundle, text);
    expect(JSON.parse((await run('drill', 'verify', bundle, '--json')).out)).toMatchObject({ status: 'valid', drill: 'redis passed' });
  });

  it('exits with 1 when the backup is cut off, says so in words, and keeps evidence of that as well', async () => {
    const { directory, rdb } = await backups();
    truncateSync(rdb, 200);
    const evidence = await testFolder('evidence');
    const { code, out } = await run('drill', 'run', 'redis', '--backups', directory, '--out', evidence);
    expect(code).toBe(1);
    expect(out).toMatch(/^Drill of redis: FAILED\n/);
    expect(out).toMatch(/FAIL {2}redis\.rdb\./);
    expect(out).toContain(`Evidence  ${evidence}/drill-`);
  });

  it('has failed when the evidence cannot be kept where somebody wants it', async () => {
    const { directory, rdb } = await backups();
    const { code, out } = await run('drill', 'run', 'redis', '--backups', directory, '--out', join(rdb, 'below'), '--json');
    expect([code, (JSON.parse(out) as Record<string, unknown>)['bundle']]).toEqual([1, null]);
    expect(out).toContain('redis.evidence.written');
  });

  it('exits with 2 and one line for who misused it', async () => {
    expect(await run('drill', 'run', 'redis', '--backups', '/b', '--max-age', 'soon')).toEqual({ code: 2, out: '', note: '--max-age must be a duration, such as 2h.' });
    expect(await run('drill', 'verify', '/b', '--public-key', '/nowhere.pem')).toEqual({ code: 2, out: '', note: '/nowhere.pem cannot be read (ENOENT).' });
  });
});
