import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '#surfaces/slack/command.ts';

const run = { kind: 'run', inputs: {}, target: null, dryRun: false } as const;

describe('/runbook', () => {
  it.each([
    ['', { kind: 'help' }],
    ['  help ', { kind: 'help' }],
    ['LIST', { kind: 'list' }],
    ['status', { kind: 'status' }],
    ['incidents', { kind: 'incidents' }],
    ['approvals', { kind: 'approvals' }],
    ['run dlq-overflow', { ...run, runbook: 'dlq-overflow' }],
    ['run x limit=5 --dry-run', { ...run, runbook: 'x', inputs: { limit: '5' }, dryRun: true }],
    ['run x --target eu note="two words"', { ...run, runbook: 'x', target: 'eu', inputs: { note: 'two words' } }],
    ['run x note=“from a phone”', { ...run, runbook: 'x', inputs: { note: 'from a phone' } }],
    ["run x a='b c' b=it's", { ...run, runbook: 'x', inputs: { a: 'b c', b: "it's" } }],
    ['run x q=&lt;a&gt;&amp;b', { ...run, runbook: 'x', inputs: { q: '<a>&b' } }],
    ['run x a=', { ...run, runbook: 'x', inputs: { a: '' } }],
    ['run x a=b=c', { ...run, runbook: 'x', inputs: { a: 'b=c' } }],
    ['drill', { kind: 'drills' }],
    ['drill redis-quarterly', { ...run, runbook: 'restore-drill', inputs: { drill: 'redis-quarterly' } }],
    ['drill all --target eu --dry-run', { ...run, runbook: 'restore-drill', inputs: { drill: 'all' }, target: 'eu', dryRun: true }],
    ['drill approve redis-quarterly', { kind: 'approveDrill', drill: 'redis-quarterly', from: null, to: null, reason: '' }],
    ['drill approve q from 2026-12-01T08:00Z to 2026-12-01T10:00Z we agreed', { kind: 'approveDrill', drill: 'q', from: '2026-12-01T08:00Z', to: '2026-12-01T10:00Z', reason: 'we agreed' }],
    ['drill approve q we agreed', { kind: 'approveDrill', drill: 'q', from: null, to: null, reason: 'we agreed' }],
    [`drill revoke q ahd_${'0'.repeat(26)} full disk`, { kind: 'revokeDrill', drill: 'q', id: `ahd_${'0'.repeat(26)}`, reason: 'full disk' }],
    ['kill on retries run wild', { kind: 'kill', on: true, reason: 'retries run wild' }],
    ['kill OFF all clear', { kind: 'kill', on: false, reason: 'all clear' }],
  ])('reads %j', (text, command) => {
    expect(parseCommand(text)).toEqual(command);
  });

  it.each<[string, string]>([
    ['There is no “explode”', 'explode'],
    ['Say which drill', 'drill --dry-run'],
    ['Say which drill', 'drill approve'],
    ['Name both ends', 'drill approve q from 2026-12-01T08:00Z'],
    ['Say which drill and which approval', 'drill revoke q'],
    ['A drill takes no inputs', 'drill redis-quarterly drill=other'],
    ['takes nothing after it', 'list all'],
    ['Say which runbook', 'run'],
    ['Say which runbook', 'run ../etc'],
    ['Expected key=value', 'run x limit'],
    ['“a” is given twice', 'run x a=1 a=2'],
    ['--target needs', 'run x --target'],
    ['A quote is open', 'run x a="open'],
    ['Say on or off', 'kill'],
    ['Say why', 'kill on'],
    ['Say on or off', 'kill maybe because'],
    ['more than 60 words', `run x ${'a '.repeat(100)}`],
    ['longer than', 'x'.repeat(3_001)],
  ])('says what is wrong: %s', (message, text) => {
    expect(parseCommand(text)).toMatchObject({ kind: 'mistake', message: expect.stringContaining(message) as string });
  });

  it('answers any text with a command or a mistake', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseCommand(text).kind).toMatch(/^[a-z]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes an input named __proto__ as an input', () => {
    const command = parseCommand('run x __proto__=1');
    expect(command.kind === 'run' && Object.keys(command.inputs)).toEqual(['__proto__']);
  });
});
