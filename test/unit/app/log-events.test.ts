import { describe, expect, test } from 'vitest';
import { createEventLog } from '#app/log-events.ts';
import { silentLog } from '#kernel/log.ts';
import type { Recorded } from '#engine/ports.ts';

const event = (type: string, data: Recorded['data'], at = 1_000): Recorded => ({ stream: 'incident:inc_1', version: 1, position: 1, at, actor: 'alertmanager', type, data });

describe('the log of events', () => {
  test('tells what an operator reads the log for, with few fields, and nothing else', () => {
    const lines: unknown[] = [];
    const tell = createEventLog({ ...silentLog, info: (fields, message) => lines.push([message, fields]) });
    tell([event('IncidentOpened', { title: 'DLQ', target: 'prod', labels: { a: 'b' } }), event('EffectSucceeded', { key: 'x' }), event('constructor', {})]);
    expect(lines).toEqual([['incident opened', { stream: 'incident:inc_1', actor: 'alertmanager', target: 'prod', title: 'DLQ' }]]);
  });

  test('does not write more than fifty lines a second, and says how many it left out', () => {
    let lines = 0;
    const warnings: unknown[] = [];
    const tell = createEventLog({ ...silentLog, info: () => (lines += 1), warn: (fields) => warnings.push(fields) });
    tell(Array.from({ length: 200 }, () => event('IncidentOpened', {})));
    expect(lines).toBe(50);
    tell([event('IncidentClosed', {}, 2_000)]);
    expect(lines).toBe(51);
    expect(warnings).toEqual([{ left: 150 }]);
  });
});
