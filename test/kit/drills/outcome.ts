/** What a drill might have answered, for the tests of evidence. */
import type { DrillOutcome } from '#drills/run.ts';

export function drillOutcome(more: Partial<DrillOutcome> = {}): DrillOutcome {
  const startedAt = '2026-11-21T06:00:05.000Z';
  return {
    id: '20261121T060005Z-redis-aaaaaa',
    store: 'redis',
    status: 'passed',
    startedAt,
    endedAt: '2026-11-21T06:00:09.000Z',
    checks: [
      { name: 'redis.backup.found', status: 'passed', detail: 'redis-20261121T060000Z, the newest, 1 file(s).' },
      { name: 'redis.restore.loads', status: 'passed', detail: 'Redis 7.0.15 loaded 62 keys and left out 0 whose time was over.' },
      { name: 'redis.canary.present', status: 'skipped', detail: 'No canary was planted before the backup.' },
      { name: 'redis.objective.rto', status: 'passed', detail: '2.5 s to find, fetch, restore and verify; the objective is 900 s.' },
      { name: 'redis.sandbox.gone', status: 'passed', detail: '1 process(es) ended, the folder is removed.' },
    ],
    backup: { set: 'redis-20261121T060000Z', takenAt: '2026-11-21T06:00:00.000Z', ageSeconds: 5, bytes: 4_096, files: [{ path: 'redis-20261121T060000Z.rdb', bytes: 4_096, sha256: 'ab'.repeat(32) }], sets: [{ store: 'redis', set: 'redis-20261121T060000Z', takenAt: '2026-11-21T06:00:00.000Z', ageSeconds: 5, bytes: 4_096, sampleSeed: '0a1b' }] },
    rpoSeconds: 12,
    rtoSeconds: 2.5,
    phases: { live: 100, detect: 100, fetch: 400, restore: 1_000, verify: 900, ready: 100, teardown: 50 },
    steps: [
      { phase: 'live', doing: 'reading facts of the live system (read only)', startedAt, ms: 100 },
      { phase: 'fetch', doing: 'copying 1 file(s)', startedAt: '2026-11-21T06:00:05.200Z', ms: 400 },
    ],
    live: { identity: ['live-run-id'], addresses: ['redis:6379', '10.0.0.7:6379'], connections: { opened: 2, closed: 2 } },
    servers: [{ program: 'redis-server', id: 'sandbox-run-id', version: '7.0.15', address: '127.0.0.1:34567' }],
    teardown: { processes: 1, directoryGone: true, left: [] },
    reaped: [],
    choice: { kind: 'latest' },
    directory: '/backups',
    limits: { maxAgeMs: 7_200_000, tolerance: 0.5, rpoMs: 3_600_000, rtoMs: 900_000 },
    sandbox: { kind: 'local', id: 'abc123', addresses: ['127.0.0.1:34567'] },
    newestRecordAt: '2026-11-21T05:59:53.000Z',
    consistency: null,
    ...more,
  };
}
