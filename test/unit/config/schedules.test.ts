import { describe, expect, test } from 'vitest';
import { loadConfig } from '#config/load.ts';

const BEFORE = `targets: [{ name: prod, match: { a: b }, redis: { url: "redis://r:6379" } }, { name: bare }]
drills: [{ name: redis, target: prod, store: redis, backups: b }, { name: free, store: redis, backups: b }]
schedules:
`;

function load(schedule: string) {
  return loadConfig({ configPath: '/etc/bot/bot.yaml', env: {}, cwd: '/', readFile: () => ({ ok: true, text: `${BEFORE}  - ${schedule}\n`, worldReadable: false }) });
}

describe('schedules', () => {
  test('start a drill on its own target, or a runbook', () => {
    const loaded = load('{ name: q, drill: redis, cron: "0 6 1 */3 *", timeZone: Europe/Berlin, jitter: 30m, blackout: [{ from: "2026-12-24", to: "2027-01-02" }, { from: "2027-04-01" }] }\n  - { name: h, runbook: config-drift, target: bare, cron: "0 * * * *", catchUp: false }');
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    expect(loaded.config.schedules).toEqual([
      { name: 'q', runbook: 'restore-drill', drill: 'redis', target: 'prod', cron: '0 6 1 */3 *', timeZone: 'Europe/Berlin', jitterMs: 1_800_000, blackout: [{ from: '2026-12-24', to: '2027-01-02' }, { from: '2027-04-01', to: '2027-04-01' }], catchUp: true },
      { name: 'h', runbook: 'config-drift', drill: null, target: 'bare', cron: '0 * * * *', timeZone: 'UTC', jitterMs: 0, blackout: [], catchUp: false },
    ]);
  });

  test('are refused with a sentence where they cannot work', () => {
    const wrong: [string, string][] = [
      ['{ name: q, drill: redis, cron: "6 o\'clock" }', 'expected five fields of cron'],
      ['{ name: q, drill: redis, cron: "0 0 6 1 1 *" }', 'expected five fields of cron'],
      ['{ name: q, drill: redis, cron: "0 6 * * *", timeZone: Mars/Olympus }', 'expected a time zone'],
      ['{ name: q, drill: redis, cron: "0 6 * * *", jitter: 2d }', 'expected a duration of at most 24h'],
      ['{ name: q, drill: redis, cron: "0 6 * * *", blackout: [{ from: "2026-02-31" }] }', 'expected a day in quotes'],
      ['{ name: q, drill: redis, cron: "0 6 * * *", blackout: [{ from: "2026-02-03", to: "2026-02-01" }] }', 'expected a day that is not before from'],
      ['{ name: q, cron: "0 6 * * *" }', 'expected either drill or runbook'],
      ['{ name: q, drill: redis, runbook: x, cron: "0 6 * * *" }', 'expected either drill or runbook'],
      ['{ name: q, drill: nats, cron: "0 6 * * *" }', 'expected one of the drills: redis, free'],
      ['{ name: q, drill: redis, target: bare, cron: "0 6 * * *" }', 'expected prod: the drill compares with it'],
      ['{ name: q, drill: free, target: nowhere, cron: "0 6 * * *" }', 'expected one of the targets: prod, bare'],
    ];
    for (const [schedule, because] of wrong) {
      const loaded = load(schedule);
      expect(loaded.ok ? 'accepted' : loaded.problems.join('\n'), schedule).toContain(because);
    }
  });
});
