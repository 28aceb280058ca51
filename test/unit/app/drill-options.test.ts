import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDrillCommand, readNamedDrill } from '#app/drill-options.ts';
import { Misuse } from '#app/live-options.ts';
import { parseCommandLine } from '#cli/parse.ts';
import { loadConfig } from '#config/load.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'options-'));
  writeFileSync(join(directory, 'pw'), 's3cret\n');
  writeFileSync(join(directory, 'ca.pem'), 'CA');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(...args: readonly string[]) {
  const parsed = parseCommandLine(['drill', 'run', ...args]);
  if (parsed.kind !== 'command') throw new Error(JSON.stringify(parsed));
  return readDrillCommand(parsed.given);
}

function misuse(...args: readonly string[]): string {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof Misuse) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('what drill run is told', () => {
  it('needs no more than a store and a directory', () => {
    const { toDo, outWasGiven } = read('redis', '--backups', '/backups');
    expect(toDo).toMatchObject({ store: 'redis', directory: '/backups', choice: { kind: 'latest' }, limits: { maxAgeMs: 7_200_000, rpoMs: 3_600_000, rtoMs: 900_000, tolerance: 0.5 } });
    expect(outWasGiven).toBe(false);
  });

  it('may name a backup, or draw one, and the drawing records a seed', () => {
    expect(read('nats', '--backups', 'b', '--set', 'nats-20261121T060000Z').toDo.choice).toEqual({ kind: 'named', stamp: '20261121T060000Z' });
    expect(read('nats', '--backups', 'b', '--random', '--window', '3d', '--seed', 's').toDo.choice).toEqual({ kind: 'random', windowMs: 259_200_000, seed: 's' });
    const { choice } = read('nats', '--backups', 'b', '--random').toDo;
    expect(choice).toMatchObject({ kind: 'random', seed: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
  });

  it('keeps passwords out of what could be printed', () => {
    const { toDo } = read('redis', '--backups', 'b', '--live', 'rediss://:inurl@redis:6379', '--password-file', join(directory, 'pw'), '--ca', join(directory, 'ca.pem'));
    expect(toDo.live?.redis?.password?.reveal()).toBe('s3cret');
    expect(toDo.live?.redis?.tls).toEqual({ ca: 'CA' });
    expect(JSON.stringify(toDo)).not.toMatch(/s3cret|inurl/);
  });

  it('is refused with one sentence where it is wrong, without repeating a password', () => {
    const wrong: [readonly string[], string][] = [
      [['--sandbox', 'kubernetes'], '--sandbox must be local'],
      [['--set', '20261341T000000Z'], '--set must be the time'],
      [['--set', '20261121T060000Z', '--random'], 'say one of them'],
      [['--seed', 'x'], 'go with --random'],
      [['--max-age', 'soon'], '--max-age must be a duration, such as 2h'],
      [['--rto', '0s'], '--rto must be a duration'],
      [['--tolerance', '1.5'], '--tolerance must be a share'],
      [['--tolerance', 'half'], '--tolerance'],
      [['--live', 'nats://:pw@nats:4222'], '--live must be redis://host:port or rediss://host:port for redis.'],
      [['--live', 'redis://:pw@:x'], '--live must be'],
      [['--password-file', 'x'], 'say which with --live'],
      [['--live', 'redis://r', '--password-file', '/nowhere/pw'], '--password-file: /nowhere/pw cannot be read (ENOENT).'],
      [['--live', 'redis://r', '--ca', 'DIR/ca.pem'], 'go with rediss://'],
      [['--live', 'rediss://r', '--cert', 'DIR/ca.pem'], '--cert and --cert-key go together.'],
      [['--canary', 'novalue'], '--canary must be KEY=VALUE'],
      [['--canary-later', 'k'], '--canary must be KEY=VALUE'],
    ];
    for (const [args, message] of wrong) {
      const said = misuse('redis', '--backups', 'b', ...args.map((arg) => arg.replace(/^DIR/, directory)));
      expect(said, args.join(' ')).toContain(message);
      expect(said).not.toContain('pw@');
    }
    expect(misuse('nats', '--backups', 'b', '--canary', 'a=b')).toContain('are for redis');
    expect(misuse('postgres', '--backups', 'b')).toContain('"postgres" is no store: with --backups, say redis, nats, config, all.');
  });

  it('knows whether somebody has set the objective for the loss', () => {
    expect(read('redis', '--backups', 'b').toDo.limits.rpoSet).toBe(false);
    expect(read('redis', '--backups', 'b', '--rpo', '1h').toDo.limits).toMatchObject({ rpoMs: 3_600_000, rpoSet: true });
  });

  it('takes two live systems for all stores, each with its login, and the certificates for what speaks TLS', () => {
    const { toDo } = read('all', '--backups', 'b', '--live-redis', 'rediss://redis:6379', '--redis-password-file', join(directory, 'pw'), '--ca', join(directory, 'ca.pem'), '--live-nats', 'nats://nats:4222', '--nats-username', 'bot', '--canary', 'a=b');
    expect(toDo).toMatchObject({ store: 'all', canary: { before: { key: 'a', value: 'b' } }, live: { redis: { tls: { ca: 'CA' } }, nats: { username: 'bot' } } });
    expect([toDo.live?.redis?.password?.reveal(), toDo.live?.nats?.tls]).toEqual(['s3cret', undefined]);
    expect(read('all', '--backups', 'b').toDo.live).toEqual({});
    const wrong: [readonly string[], string][] = [
      [['all', '--live', 'redis://r'], '--live is about one live system: a drill of all stores takes --live-redis and --live-nats'],
      [['all', '--password-file', 'x'], '--password-file is about one live system'],
      [['all', '--ca', 'x'], '--ca is about a live system: say which with --live-redis or --live-nats.'],
      [['all', '--live-redis', 'redis://r', '--nats-username', 'x'], '--nats-username is about a live system: say which with --live-nats.'],
      [['all', '--live-nats', 'redis://r'], '--live-nats must be nats://host:port or tls://host:port for nats.'],
      [['redis', '--live-redis', 'redis://r'], '--live-redis goes with all stores'],
    ];
    for (const [args, message] of wrong) expect(misuse(...args, '--backups', 'b'), args.join(' ')).toContain(message);
  });
});

describe('a drill that the configuration names', () => {
  const named = (...args: readonly string[]) => {
    const loaded = loadConfig({ configPath: '/etc/bot/bot.yaml', env: {}, cwd: '/', readFile: () => ({ ok: true, worldReadable: false, text: 'targets: [{ name: prod, match: {}, redis: { url: "redis://:pw@redis:6379" }, nats: { url: "nats://nats:4222" } }]\ndrills: [{ name: everything, target: prod, store: all, backups: /backups, bundles: /evidence, rpo: 30m, choice: random }]\n' }) });
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    const parsed = parseCommandLine(['drill', 'run', ...args]);
    if (parsed.kind !== 'command') throw new Error(JSON.stringify(parsed));
    return readNamedDrill(parsed.given, loaded.config);
  };

  it('is what stands there: its stores, live systems, limits and evidence', () => {
    const { toDo, out, outWasGiven, key } = named('everything', '--json');
    expect({ out, outWasGiven, key }).toEqual({ out: '/evidence', outWasGiven: true, key: '/evidence/signing-key.pem' });
    expect(toDo).toMatchObject({ store: 'all', directory: '/backups', choice: { kind: 'random', seed: expect.stringMatching(/^[0-9a-f]{16}$/) as string }, limits: { rpoMs: 1_800_000, rpoSet: true } });
    expect(Object.keys(toDo.live ?? {})).toEqual(['redis', 'nats']);
  });

  it('takes no option that would make another drill of it, and must be there', () => {
    expect(() => named('everything', '--rto', '1m')).toThrow('--rto goes with --backups: all that the drill "everything" does stands in the configuration.');
    expect(() => named('everything', '--random')).toThrow('--random goes with --backups');
    expect(() => named('weekly')).toThrow('No drill "weekly" is configured; there are: everything. To drill a store without a configuration, say it with --backups.');
    expect(() => named('redis')).toThrow('--backups is missing.');
  });
});
