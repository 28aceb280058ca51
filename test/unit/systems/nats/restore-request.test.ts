import type { NatsConnection } from 'nats';
import { describe, expect, it } from 'vitest';
import { restoreStream, snapshotStream } from '#systems/nats/snapshot.ts';

/** A server that answers so, and notes what it was asked. */
function answering(answer: object, version = '2.10.27') {
  const asked: unknown[] = [];
  const nc = {
    info: { version },
    subscribe: () => ({ unsubscribe: () => undefined, [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) }),
    flush: () => Promise.resolve(),
    request: (_subject: string, body: string) => {
      asked.push(JSON.parse(body));
      return Promise.resolve({ data: Buffer.from('x'), json: () => answer });
    },
  };
  return { nc: nc as unknown as NatsConnection, asked };
}

const NO = { error: { code: 500, err_code: 10_042, description: 'no' } };
async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

describe('the request to restore', () => {
  it.for([
    ['is left out when it has been reached', { first_seq: 5_000 }, { last_seq: 5_019 }, false],
    ['is kept while nothing has been stored', { first_seq: 5_000 }, { last_seq: 4_999 }, true],
    ['is kept where nothing says how far it has come', { first_seq: 5_000 }, {}, true],
  ] as const)('names the sequence to begin with: it %s', async ([, more, state, kept]) => {
    const { nc, asked } = answering(NO);
    await restoreStream(nc, { config: { name: 'S', ...more }, state, source: nothing() });
    expect(asked).toEqual([{ config: kept ? { name: 'S', ...more } : { name: 'S' }, state }]);
  });
});

describe('the request for a snapshot', () => {
  it('of a stream in memory says which server would give it', async () => {
    // As 2.10.27 answers.
    const { nc } = answering({ error: { code: 500, err_code: 10_064, description: 'snapshot failed: no impl' } });
    expect(await snapshotStream(nc, { stream: 'S', check: true, write: () => Promise.resolve() })).toMatchObject({ ok: false, failure: { message: 'S is kept in memory only, and nats-server 2.10.27 gives no snapshot of such a stream: 2.15 or later does.' } });
  });
});
