/** All stores of one Cordum restored together, and compared with each other: through the command line. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LocalOptions } from '#app/commands.ts';
import { drillRun } from '#app/drills.ts';
import { parseCommandLine } from '#cli/parse.ts';
import { verifyBundle } from '#drills/evidence/verify.ts';
import { keepJobs, startBus, tellJob } from '../../kit/drills/bus.ts';
import { backUpNats, backUpRedis, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';

interface Answer {
  readonly status: string;
  readonly checks: readonly { readonly name: string; readonly status: string; readonly detail: string }[];
  readonly backup: { readonly set: string; readonly sets: readonly { readonly set: string; readonly ageSeconds: number }[] };
  readonly rpoSeconds: number;
  readonly bundle: string;
  readonly consistency: Record<string, unknown> | null;
  readonly teardown: { readonly processes: number };
}

/** Three jobs that both sides know. */
async function cordum() {
  const [redis, nats] = await Promise.all([startRedis(), startNats()]);
  await fillRedis(redis);
  await startBus(nats);
  await keepJobs(redis, { waits: 'PENDING', runs: 'RUNNING', 'run-1:step@2': 'SUCCEEDED' });
  await tellJob(nats, 'waits', 'sys.job.submit');
  await tellJob(nats, 'runs', 'sys.job.submit', 'worker.w-1.jobs');
  await tellJob(nats, 'run-1:step@2', 'sys.job.submit', 'job.default', 'sys.job.result');
  return { redis, nats, backups: await testFolder('backups'), evidence: await testFolder('evidence') };
}

async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly note: string }> {
  const parsed = parseCommandLine(['drill', 'run', ...args, '--json']);
  if (parsed.kind !== 'command') throw new Error(JSON.stringify(parsed));
  const out: string[] = [];
  const note: string[] = [];
  const options: LocalOptions = { config: parsed.given.options['config'], json: true, out: (text) => out.push(text), note: (text) => note.push(text) };
  return { code: await drillRun(parsed.given, options, new Promise(() => undefined)), out: out.join('\n'), note: note.join('\n') };
}

async function drill(...args: readonly string[]) {
  const { code, note, out } = await run(...args);
  const answer = JSON.parse(out) as Answer;
  return { code, note, answer, statusOf: (name: string) => answer.checks.filter((check) => check.name === name).map(({ status, detail }) => `${status}: ${detail}`).join('\n') };
}

describe('a drill of all stores', () => {
  it('restores a pair that belongs together in one sandbox, compares it with both live systems and with each other, and keeps one bundle', async () => {
    const { redis, nats, backups, evidence } = await cordum();
    const now = Date.now();
    await backUpRedis(redis, backups, now);
    await backUpNats(nats, backups, now + 1_000);
    const { code, note, answer, statusOf } = await drill('all', '--backups', backups, '--live-redis', redis.url, '--live-nats', `nats://${nats.address}`, '--out', evidence);
    expect([code, answer.status], note + JSON.stringify(answer.checks)).toEqual([0, 'passed']);
    expect(answer.backup.sets).toHaveLength(2);
    expect(answer.backup.set).toMatch(/^redis-\d{8}T\d{6}Z, nats-\d{8}T\d{6}Z$/);
    expect(answer.teardown).toMatchObject({ processes: 2, directoryGone: true });
    expect(statusOf('redis.keys.live')).toMatch(/^passed/);
    expect(statusOf('nats.streams.live')).toMatch(/^passed/);
    expect(statusOf('config.backup.found')).toMatch(/^skipped/);
    expect(statusOf('system.consistency.skew')).toMatch(/^passed: .*1s apart/);
    expect(statusOf('system.consistency.redis')).toBe('passed: Each of 2 job(s) under way in Redis (1 pending, 1 running) has its message.');
    expect(statusOf('system.consistency.nats')).toBe('passed: Redis knows each of 3 job(s) that 6 message(s) in NATS are about.');
    expect(statusOf('system.sandbox.gone')).toMatch(/^passed/);
    expect(answer.rpoSeconds).toBeLessThan(60);
    const bundle = JSON.parse(readFileSync(answer.bundle, 'utf8')) as Record<string, unknown>;
    expect(bundle).toMatchObject({ drill: { store: 'all', status: 'passed' }, consistency: { skewSeconds: 1, jobs: { inRedis: 63, inNats: 3, withoutMessage: [], withoutRecord: [] } } });
    for (const kind of ['md', 'html']) expect(readFileSync(answer.bundle.replace(/json$/, kind), 'utf8')).toContain('Whether the stores fit together');
    expect(await verifyBundle(answer.bundle, [])).toMatchObject({ status: 'valid', drill: 'all passed' });
  });

  it('counts a job that only Redis knows, and one that only NATS knows, of backups that were taken apart: warnings, and the drill has passed', async () => {
    const { redis, nats, backups, evidence } = await cordum();
    const now = Date.now();
    await keepJobs(redis, { 'only-redis': 'RUNNING' });
    await tellJob(nats, 'only-redis', 'sys.job.submit');
    await backUpRedis(redis, backups, now - 25 * 60_000);
    await tellJob(nats, 'only-nats', 'sys.job.submit', 'job.default');
    await backUpNats(nats, backups, now);
    const { code, answer, statusOf } = await drill('all', '--backups', backups, '--out', evidence);
    expect([code, answer.status], JSON.stringify(answer.checks)).toEqual([0, 'passed']);
    expect(statusOf('system.consistency.skew')).toMatch(/^warning: .*25m apart.* That of NATS is the later one\.$/);
    expect(statusOf('system.consistency.redis')).toMatch(/^warning: 1 of 3 job\(s\) under way in Redis have no message that carries them \(1 running\): only-redis\./);
    expect(statusOf('system.consistency.nats')).toBe('warning: 1 of 5 job(s) with messages in NATS are not known to Redis (1 dispatch): only-nats.');
    expect(answer.consistency).toMatchObject({ skewSeconds: 1_500, jobs: { withoutMessageIds: ['only-redis'], withoutRecordIds: ['only-nats'], withoutRecord: [{ name: 'dispatch', jobs: 1 }] } });
    expect(readFileSync(answer.bundle.replace(/json$/, 'md'), 'utf8')).toContain('| With a message, not known to Redis | 1 (1 dispatch): only-nats |');
  });

  it('is run by its name in the configuration, without a bot, and fails where a store has no backup', async () => {
    const { redis, nats, backups, evidence } = await cordum();
    const config = join(evidence, 'bot.yaml');
    writeFileSync(config, `targets:\n  - { name: prod, match: {}, redis: { url: "${redis.url}" }, nats: { url: "nats://${nats.address}" } }\ndrills:\n  - { name: everything, target: prod, store: all, backups: ${backups}, bundles: ${evidence} }\n`);
    await backUpRedis(redis, backups, Date.now());
    const stamp = await backUpNats(nats, backups, Date.now());
    const good = await drill('everything', '--config', config);
    expect([good.code, good.answer.bundle.startsWith(evidence)], JSON.stringify(good.answer.checks)).toEqual([0, true]);
    expect(good.statusOf('redis.keys.live')).toMatch(/^passed/);
    rmSync(join(backups, `nats-${stamp}`), { recursive: true });
    const bad = await drill('everything', '--config', config);
    expect([bad.code, bad.answer.status, bad.statusOf('nats.backup.found').slice(0, 6), bad.statusOf('redis.restore.loads').slice(0, 6)]).toEqual([1, 'failed', 'failed', 'passed']);
    expect(bad.statusOf('system.consistency.jobs')).toBe('failed: Not measured: NATS could not be restored.');
    for (const [args, said] of [[['everything', '--config', config, '--rpo', '5m'], '--rpo goes with --backups'], [['weekly', '--config', config], 'No drill "weekly" is configured; there are: everything.'], [['redis', '--config', config], '--backups is missing.']] as const) {
      expect(await run(...args)).toMatchObject({ code: 2, out: '', note: expect.stringContaining(said) as string });
    }
  });
});
