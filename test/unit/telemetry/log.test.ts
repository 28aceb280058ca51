import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { createLog } from '#telemetry/log.ts';
import type { LogLevel } from '#telemetry/log.ts';

function logTo(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { log: createLog({ level, destination }), lines, read: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the log', () => {
  it('writes one JSON line with level, time, fields and message', () => {
    const { log, read } = logTo();
    log.info({ runId: 'run_1', count: 2 }, 'started');
    expect(read()).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), runId: 'run_1', count: 2, msg: 'started' }]);
  });

  it('writes what its level lets through, and does not read the fields of what it does not', () => {
    const { log, read } = logTo('warn');
    const untouchable = new Proxy({}, { ownKeys: () => expect.unreachable('the fields of a debug line were read') });
    log.debug(untouchable, 'a');
    log.info(untouchable, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(read().map((line) => line['msg'])).toEqual(['c', 'd']);
  });

  it('hides secrets in messages, fields, errors, their causes and stacks', () => {
    const { log, lines } = logTo();
    const token = 'xoxb-1234567890-abcdefghijkl';
    const cause = Object.assign(new Error(`POST with ${token}`), { config: { headers: { Authorization: 'Bearer abcdef123456' } } });
    log.error({ err: new Error(`cannot reach redis://:hunter2@redis:6379`, { cause }), apiKey: 'plain-words', nested: [{ cookie: 'sid=4711' }], secret: new Secret('deep-down'), held: new Secret('deeper') }, `failed with ${token}`);
    for (const secret of [token, 'hunter2', 'abcdef123456', 'plain-words', '4711', 'deep-down', 'deeper']) expect(lines.join(''), secret).not.toContain(secret);
    expect(lines.join('')).toContain('redis://:[redacted]@redis:6379');
  });

  it('says of an error what it is, with its fields, stack and cause', () => {
    const { log, read } = logTo();
    log.error({ err: Object.assign(new TypeError('no'), { code: 'ECONNREFUSED', cause: 'because' }) }, 'failed');
    expect(read()[0]?.['err']).toMatchObject({ type: 'TypeError', message: 'no', code: 'ECONNREFUSED', cause: 'because', stack: expect.stringContaining('log.test.ts') });
  });

  it('survives circles, depths, lengths and values that JSON does not know', () => {
    const { log, read } = logTo();
    const circle: Record<string, unknown> = { big: 12n, not: Number.NaN, map: new Map([['a', 1]]), when: new Date(0), bytes: Buffer.from('secret'), run: () => 1 };
    circle['self'] = circle;
    log.info({ circle, long: 'x'.repeat(100_000), many: Array.from({ length: 10_000 }, (_, i) => i), missing: undefined, none: null }, 'odd');
    const [line] = read();
    expect(JSON.stringify(line).length).toBeLessThan(20_000);
    expect(line?.['circle']).toMatchObject({ big: '12', not: 'NaN', map: { a: 1 }, when: '1970-01-01T00:00:00.000Z', bytes: '[6 bytes]' });
    expect(line?.['long']).toMatch(/\[100000 characters\]$/);
  });

  it('does not save the head of a secret by cutting through its middle', () => {
    const { log, lines } = logTo();
    log.info({ text: `${'x'.repeat(7_990)} ck_${'ab'.repeat(32)}${'y'.repeat(9_000)}` }, 'cut');
    expect(lines.join('')).not.toContain('ck_abab');
  });
});
