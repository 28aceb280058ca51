import { describe, expect, it } from 'vitest';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { lookAtRecords } from '#backups/redis/cordum-records.ts';

const AT_MS = Date.parse('2026-11-21T06:00:00Z');
const MICROS = 1_000;

interface World {
  readonly strings?: Readonly<Record<string, string>>;
  /** The highest score of each sorted set. */
  readonly indexes?: Readonly<Record<string, number>>;
  readonly jobs?: Readonly<Record<string, string>>;
}

function redis({ strings = {}, indexes = {}, jobs = {} }: World): RedisConnection {
  const answers: Readonly<Record<string, (key: string) => unknown>> = {
    TYPE: (key) => (key in strings ? 'string' : 'none'),
    GET: (key) => strings[key] ?? null,
    HGET: (key) => jobs[key] ?? null,
    ZREVRANGE: (key) => (indexes[key] === undefined ? [] : ['some-id', String(indexes[key])]),
  };
  return {
    call(command, ...args) {
      if (command !== 'SCAN') return Promise.resolve(answers[command]?.(String(args[0])));
      const beginning = String(args[2]).slice(0, -1);
      return Promise.resolve(['0', Object.keys({ ...strings, ...jobs }).filter((key) => key.startsWith(beginning))]);
    },
    callBuffer: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  };
}

describe('the newest record of a Redis', () => {
  it.each<readonly [string, World, readonly string[]]>([
    ['the newest jobs, in microseconds', { indexes: { 'job:recent': AT_MS * MICROS, 'dlq:index': 1 } }, ['job:recent']],
    ['the jobs of one state, where the newest ones are not listed', { indexes: { 'job:index:running': AT_MS * MICROS, 'job:index:failed': 1_000 } }, ['job:index']],
    ['dead letters, in seconds', { indexes: { 'dlq:index': AT_MS / 1_000 } }, ['dlq:index']],
    ['the jobs themselves, where no index is left', { jobs: { 'job:meta:a': String((AT_MS - 9_000) * MICROS), 'job:meta:b': String(AT_MS * MICROS), 'job:meta:c': 'soon' } }, ['job:meta']],
    ['the last snapshot of the workers', { strings: { 'sys:workers:snapshot': '{"captured_at":"2026-11-21T06:00:00Z"}' } }, ['sys']],
    ['a document', { strings: { 'cfg:system:default': '{"scope":"system","scope_id":"default","data":{},"updated_at":"2026-11-21T06:00:00Z"}' } }, ['cfg:system']],
  ])('is known by %s', async (_by, world, prefixes) => {
    expect((await lookAtRecords(redis(world), new Set(prefixes))).newestMs).toBe(AT_MS);
  });

  it('is not known where no record says when it was written', async () => {
    expect((await lookAtRecords(redis({ jobs: { 'job:meta:a': '' } }), new Set(['job:meta', 'session']))).newestMs).toBeUndefined();
  });
});
