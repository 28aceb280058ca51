import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConsistency, compareStores } from '#drills/consistency.ts';
import { jobOfMessage, type BusMessage } from '#drills/job-of-message.ts';

const none = new Uint8Array(0);

/** A field with a length, as protobuf writes it. */
function field(number: number, bytes: Uint8Array): Buffer {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]);
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
}

/** trace_id, sender_id, protocol_version (a number), then what it carries (cordum.md §5.5). */
function packet(carries: number, id: string): Buffer {
  return Buffer.concat([field(1, Buffer.from('trace')), field(2, Buffer.from('scheduler')), Buffer.from([4 * 8, 1]), field(carries, Buffer.concat([field(1, Buffer.from(id)), field(2, Buffer.from('job.default'))])), field(18, Buffer.alloc(200))]);
}

describe('the job of a message', () => {
  it('is named by its message id, else by its payload; heartbeats and events are about none', () => {
    for (const [subject, msgId, payload, job] of [
      ['sys.job.submit', 'jobreq:4f0c1c2e', none, '4f0c1c2e'],
      ['sys.job.submit', 'jobreq:run-1:step@2', none, 'run-1:step@2'],
      ['job.default', 'jobreq:job.default:approval:4f0c', packet(10, '4f0c'), '4f0c'],
      ['sys.job.result', 'sys.job.result:4f0c1c2e', none, '4f0c1c2e'],
      ['sys.job.dlq', '', packet(11, 'j-dlq'), 'j-dlq'],
      ['worker.w-1.jobs', '', packet(10, 'j-worker'), 'j-worker'],
      ['sys.job.progress', '', packet(15, 'j-progress'), 'j-progress'],
      ['sys.job.cancel', '', packet(16, 'j-cancel'), 'j-cancel'],
      ['sys.heartbeat', '', packet(12, 'worker-1'), undefined],
      ['sys.audit.export', 'jobreq:x', none, undefined],
      ['sys.job.dlq', '', packet(12, 'no job'), 'unreadable'],
      ['sys.job.dlq', '', none, 'unreadable'],
      ['sys.job.dlq', '', packet(11, 'cut').subarray(0, 20), 'unreadable'],
    ] as const) {
      expect(jobOfMessage({ subject, msgId, payload }), `${subject} ${msgId}`).toBe(job);
    }
  });

  it('is never guessed: any bytes give a text, or are unreadable', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => typeof jobOfMessage({ subject: 'job.x', msgId: '', payload }) === 'string'));
  });
});

async function* stream(messages: readonly BusMessage[]): AsyncGenerator<BusMessage> {
  for (const message of messages) yield await Promise.resolve(message);
}

const request = (id: string): BusMessage => ({ subject: 'sys.job.submit', msgId: `jobreq:${id}`, payload: none });

describe('two stores that were backed up apart', () => {
  it('are compared both ways: open jobs without a message, and messages of jobs that Redis has never seen', async () => {
    const seen = await compareStores(
      { takenMs: 1_000_000, open: ['a', 'b', 'lost'], knows: async (id) => Promise.resolve(['a', 'b', 'lost', 'done'].includes(id)) },
      { takenMs: 1_090_000, messages: stream([request('a'), request('a'), request('b'), request('done'), request('later'), { subject: 'sys.heartbeat', msgId: '', payload: none }]) },
    );
    expect(seen).toEqual({ skewSeconds: 90, openInRedis: 3, inNats: 4, withoutMessage: ['lost'], withoutRecord: ['later'], unreadable: 0, truncated: false });
    expect(checkConsistency(seen)).toEqual([
      { name: 'stores.backup.skew', status: 'passed', detail: 'The backups of Redis and NATS are 1m30s apart.' },
      { name: 'stores.jobs.both', status: 'warning', detail: '1 of 3 open job(s) in Redis have no message: lost; 1 of 4 job(s) with messages are unknown to Redis: later.' },
    ]);
  });

  it('warn when they are an hour apart, pass when every job is on both sides, and skip when there is none', async () => {
    const known = { knows: async () => Promise.resolve(true) };
    const good = checkConsistency(await compareStores({ takenMs: 0, open: ['a'], ...known }, { takenMs: 3_600_000, messages: stream([request('a')]) }));
    expect(good.map(({ status }) => status)).toEqual(['warning', 'passed']);
    const nothing = checkConsistency(await compareStores({ takenMs: 0, open: [], ...known }, { takenMs: 0, messages: stream([]) }));
    expect(nothing.map(({ status }) => status)).toEqual(['passed', 'skipped']);
  });
});
