import { describe, expect, test } from 'vitest';
import { loadConfig } from '#config/load.ts';

const TARGETS = `targets:
  - { name: standalone, match: { a: b }, redis: { url: "redis://r:6379" }, nats: { url: "nats://n:4222" } }
  - { name: sentinel, match: { a: c }, redis: { sentinel: { master: m, addresses: ["s:26379"] } } }
  - { name: bare }
`;

function load(drills: string) {
  return loadConfig({ configPath: '/etc/bot/bot.yaml', env: {}, cwd: '/', readFile: () => ({ ok: true, text: `${TARGETS}drills:\n${drills}`, worldReadable: false }) });
}

function problem(drill: string): string {
  const loaded = load(`  - ${drill}\n`);
  return loaded.ok ? 'accepted' : loaded.problems.join('\n');
}

describe('drills', () => {
  test('take paths from the file, and all stores as one', () => {
    const loaded = load('  - { name: all-of-it, target: standalone, store: all, backups: backups, choice: random, window: 3d, maxAge: 26h, tolerance: 0.1, bundles: /evidence, temp: scratch }\n');
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    expect(loaded.config.drills).toEqual([
      {
        name: 'all-of-it',
        target: 'standalone',
        stores: ['all'],
        backups: '/etc/bot/backups',
        sandbox: 'local',
        choice: { kind: 'random', windowMs: 259_200_000 },
        limits: { maxAgeMs: 93_600_000, rpoMs: 3_600_000, rpoSet: false, rtoMs: 900_000, tolerance: 0.1 },
        bundles: '/evidence',
        key: '/evidence/signing-key.pem',
        temp: '/etc/bot/scratch',
      },
    ]);
  });

  test('are refused with a sentence where they cannot work', () => {
    const wrong: [string, string][] = [
      ['{ name: Redis, store: redis, backups: b }', 'expected a name of lower case letters'],
      ['{ name: a, store: mysql, backups: b }', 'expected one of redis, nats, config, all'],
      ['{ name: a, store: redis, backups: b, sandbox: kubernetes }', 'expected one of local'],
      ['{ name: a, store: redis, backups: b, maxAge: soon }', 'expected a duration'],
      ['{ name: a, store: redis, backups: b, tolerance: 2 }', 'expected a share from 0 to 1'],
      ['{ name: a, store: redis, backups: b, target: nowhere }', 'expected one of the targets: standalone, sentinel, bare'],
      ['{ name: a, store: redis, backups: b, target: sentinel }', 'a drill cannot ask a Sentinel yet'],
      ['{ name: a, store: nats, backups: b, target: bare }', 'expected a target with nats'],
      ['{ name: a, store: redis }', 'drills[0].backups: missing'],
    ];
    for (const [drill, because] of wrong) expect(problem(drill), drill).toContain(because);
    expect(problem('{ name: a, store: redis, backups: b }\n  - { name: a, store: nats, backups: b }')).toContain('expected a name of its own: this one is that of drills[0]');
  });
});
