import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackupSet } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import { compareJobs } from '#drills/consistency/compare.ts';
import { measureConsistency } from '#drills/consistency/consistency.ts';
import { jobOfMessage, type BusMessage } from '#drills/consistency/job-of-message.ts';
import { createJobTable } from '#drills/consistency/job-table.ts';
import type { RedisJob } from '#drills/consistency/redis-jobs.ts';
import { packet } from '../../kit/drills/bus.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const DAY = 86_400_000;
const none = new Uint8Array(0);

describe('the job of a message', () => {
  it('is named by its message id, else by its payload; heartbeats and events are about none', () => {
    for (const [subject, msgId, payload, about] of [
      ['sys.job.submit', 'jobreq:4f0c1c2e', none, 'request 4f0c1c2e'],
      ['sys.job.submit', 'jobreq:run-1:step@2', none, 'request run-1:step@2'],
      ['job.default', 'jobreq:job.default:approval:4f0c', packet(10, '4f0c'), 'dispatch 4f0c'],
      ['sys.job.result', 'sys.job.result:4f0c1c2e', none, 'end 4f0c1c2e'],
      ['sys.job.dlq', '', packet(11, 'j-dlq'), 'end j-dlq'],
      ['worker.w-1.jobs', '', packet(10, 'j-worker'), 'dispatch j-worker'],
      ['sys.job.progress', '', packet(15, 'j-progress'), 'other j-progress'],
      ['sys.job.cancel', '', packet(16, 'j-cancel'), 'other j-cancel'],
      ['sys.heartbeat', '', packet(12, 'worker-1'), undefined],
      ['sys.audit.export', 'jobreq:x', none, undefined],
      ['worker.w-1.state', '', packet(10, 'x'), undefined],
      ['sys.job.dlq', '', packet(12, 'no job'), 'end null'],
      ['sys.job.dlq', '', none, 'end null'],
      ['sys.job.dlq', '', packet(11, 'cut').subarray(0, 20), 'end null'],
    ] as const) {
      const read = jobOfMessage({ subject, msgId, payload, storedMs: NOW });
      expect(read === undefined ? undefined : `${read.kind} ${read.job}`, `${subject} ${msgId}`).toBe(about);
    }
  });

  it('is read from any bytes without an error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => jobOfMessage({ subject: 'job.x', msgId: '', payload, storedMs: NOW })?.kind === 'dispatch'));
  });
});

describe('the table of jobs', () => {
  it('keeps the bits of every job, as a map would, and says when it is full', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 6 }), fc.integer({ min: 1, max: 0xffff })), { maxLength: 400 }), (writes) => {
        const table = createJobTable();
        const map = new Map<string, number>();
        for (const [id, bit] of writes) {
          table.set(id, (bits) => bits | bit);
          map.set(id, (map.get(id) ?? 0) | bit);
        }
        expect(table.size).toBe(map.size);
        for (const [id, bits] of map) expect(table.get(id)).toBe(bits);
        expect([...table.all()].toSorted((a, b) => a - b)).toEqual([...map.values()].toSorted((a, b) => a - b));
      }),
    );
    const small = createJobTable(2);
    expect(['a', 'b', 'c', 'a'].map((id) => small.set(id, () => 1))).toEqual([true, true, false, true]);
    expect(small.get('c')).toBe(0);
  });

  it('tells three hundred thousand ids from each other that differ in a digit', () => {
    const table = createJobTable();
    for (let i = 0; i < 300_000; i += 1) table.set(`4f0c1c2e-0000-4000-8000-${String(i).padStart(12, '0')}`, () => 1);
    expect(table.size).toBe(300_000);
  });
});

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

const job = (id: string, state: string, more: Partial<RedisJob> = {}): RedisJob => ({ id, state, updatedMs: NOW - 60_000, from: 'record', ...more });
const message = (subject: string, id: string, storedMs = NOW - 60_000): BusMessage => ({ subject, msgId: subject === 'sys.job.result' ? `${subject}:${id}` : `jobreq:${id}`, payload: none, storedMs });
const request = (id: string, storedMs?: number) => message('sys.job.submit', id, storedMs);
const dispatch = (id: string, storedMs?: number) => message('job.default', id, storedMs);
const compare = (jobs: readonly RedisJob[], messages: readonly BusMessage[]) => compareJobs({ nowMs: NOW, jobs: () => each(jobs), messages: () => each(messages) });

describe('jobs of two stores', () => {
  it('are at one when each that is under way has its message, and each message its job', async () => {
    expect(await compare([job('a', 'pending'), job('b', 'running'), job('c', 'succeeded')], [request('a'), request('b'), dispatch('b'), message('sys.job.result', 'c')])).toEqual({
      inRedis: 3, inNats: 3, messages: 4, unreadable: 0, truncated: false, tooOld: { jobs: 0, messages: 0 },
      open: [{ name: 'pending', jobs: 1 }, { name: 'running', jobs: 1 }], withoutMessage: [], withoutMessageIds: [], withoutRecord: [], withoutRecordIds: [],
    });
  });

  it('are counted by state where the message is missing: a running one wants to have been handed to a worker', async () => {
    expect(await compare([job('a', 'pending'), job('b', 'running'), job('c', 'dispatched'), job('d', 'scheduled')], [request('b'), request('d')])).toMatchObject({
      withoutMessage: [{ name: 'pending', jobs: 1 }, { name: 'dispatched', jobs: 1 }, { name: 'running', jobs: 1 }],
      withoutMessageIds: ['a', 'b', 'c'],
    });
  });

  it('want no message where they wait for an approval: the gateway keeps these in Redis alone', async () => {
    expect(await compare([job('a', 'approval_required'), job('b', 'approval_required', { updatedMs: NOW - 8 * DAY })], [])).toMatchObject({
      open: [{ name: 'approval_required', jobs: 2 }], withoutMessage: [], withoutMessageIds: [], tooOld: { jobs: 0, messages: 0 },
    });
  });

  it('are counted by the furthest of their messages where Redis does not know them', async () => {
    const messages = [request('known'), request('new'), request('sent'), dispatch('sent'), request('over'), message('sys.job.result', 'over'), message('sys.job.progress', 'odd')];
    expect(await compare([job('known', 'pending')], messages)).toMatchObject({
      messages: 7, inNats: 5,
      withoutRecord: [{ name: 'request', jobs: 1 }, { name: 'dispatch', jobs: 1 }, { name: 'end', jobs: 1 }, { name: 'other', jobs: 1 }],
      withoutRecordIds: ['new', 'sent', 'over', 'odd'],
    });
  });

  it('go by the record, not by what an index or the old copy of the state still lists', async () => {
    const seen = await compare([job('a', 'running', { from: 'copy' }), job('a', 'succeeded'), job('a', 'running', { from: 'index' }), job('b', 'running', { from: 'index' }), job('c', '', { from: 'trace' })], [dispatch('c')]);
    expect(seen).toMatchObject({ inRedis: 3, open: [{ name: 'running', jobs: 1 }], withoutMessageIds: ['b'], withoutRecord: [] });
  });

  it('are left out where they are so old that one side may have dropped them', async () => {
    const seen = await compare([job('waits', 'scheduled', { updatedMs: NOW - 8 * DAY }), job('slow', 'running', { updatedMs: NOW - 8 * DAY })], [request('gone', NOW - 8 * DAY), dispatch('slow', NOW - 8 * DAY)]);
    expect(seen).toMatchObject({ tooOld: { jobs: 1, messages: 2 }, withoutMessage: [], withoutRecord: [] });
  });

  it('name five at most, and are counted all', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => `j${i}`);
    const seen = await compare(ids.map((id) => job(id, 'pending')), ids.map((id) => request(`x${id}`)));
    expect([seen.withoutMessageIds.length, seen.withoutRecordIds.length, seen.withoutMessage, seen.withoutRecord]).toEqual([5, 5, [{ name: 'pending', jobs: 40 }], [{ name: 'request', jobs: 40 }]]);
  });

  it('say so when there are more than are compared', async () => {
    const jobs = ['a', 'b', 'c'].map((id) => job(id, 'succeeded'));
    expect(await compareJobs({ nowMs: NOW, jobs: () => each(jobs), messages: () => each([]) }, createJobTable(2))).toMatchObject({ inRedis: 2, truncated: true });
  });
});

function set(store: Store, takenMs: number): BackupSet {
  return { store, stamp: '20261121T110000Z', namedMs: takenMs, files: [], bytes: 0, manifest: 'none' };
}

async function statuses(skewMs: number, jobs: readonly RedisJob[], messages: readonly BusMessage[]) {
  const { checks, consistency } = await measureConsistency({ redis: set('redis', NOW), nats: set('nats', NOW + skewMs) }, { nowMs: NOW, jobs: () => each(jobs), messages: () => each(messages) });
  return { consistency, said: checks.map(({ name, status }) => `${name.replace('system.consistency.', '')} ${status}`), details: checks.map(({ detail }) => detail).join('\n') };
}

describe('the checks of consistency', () => {
  it('pass for a pair that belongs together, and are skipped where there is nothing to compare', async () => {
    expect((await statuses(90_000, [job('a', 'running')], [dispatch('a')])).said).toEqual(['skew passed', 'redis passed', 'nats passed']);
    expect((await statuses(0, [], [])).said).toEqual(['skew passed', 'redis skipped', 'nats skipped']);
  });

  it('warn with the numbers, and never fail', async () => {
    const seen = await statuses(-3_600_000, [job('only-redis', 'running')], [request('only-nats'), { ...dispatch(''), msgId: '' }]);
    expect(seen.said).toEqual(['skew warning', 'redis warning', 'nats warning']);
    expect(seen.consistency).toMatchObject({ skewSeconds: -3_600, redis: { set: 'redis-20261121T110000Z' }, jobs: { unreadable: 1 } });
    expect(seen.details).toContain('1h apart');
    expect(seen.details).toContain('1 of 1 job(s) under way in Redis have no message that carries them (1 running): only-redis.');
    expect(seen.details).toContain('1 of 1 job(s) with messages in NATS are not known to Redis (1 request): only-nats. From 1 message(s) about jobs the job cannot be read.');
  });

  it('say why where the jobs could not be read', async () => {
    const { checks, consistency } = await measureConsistency({ redis: set('redis', NOW), nats: set('nats', NOW) }, { nowMs: NOW, jobs: () => each([]), messages: () => { throw new Error('a work queue.'); } });
    expect([consistency.jobs, checks[1]]).toEqual([null, { name: 'system.consistency.jobs', status: 'warning', detail: 'The jobs of both sides could not be compared: a work queue.' }]);
  });
});
