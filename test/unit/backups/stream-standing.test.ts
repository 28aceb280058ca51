import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, isPart, isRestored } from '#backups/restore/nats.ts';
import type { StreamSide } from '#systems/restore/client.ts';

/** A stream with some messages in a row; an empty one begins after its last. */
const side = fc.record({ firstSeq: fc.integer({ min: 1, max: 50 }), messages: fc.integer({ min: 0, max: 50 }), consumers: fc.integer({ min: 0, max: 3 }) }).map(({ firstSeq, messages, consumers }): StreamSide => ({ present: true, messages, firstSeq, lastSeq: firstSeq + messages - 1, consumers }));
const aged = (whole: StreamSide, gone: number): StreamSide => ({ ...whole, messages: whole.messages - gone, firstSeq: whole.firstSeq + gone });
const ABSENT: StreamSide = { present: false, messages: 0, firstSeq: 0, lastSeq: 0, consumers: 0 };

describe('what a stream holds against a backup', () => {
  it('is held by it when messages have only gone, and not when one has come in', () => {
    fc.assert(
      fc.property(side, fc.nat({ max: 50 }), (saved, nat) => {
        const gone = Math.min(nat, saved.messages);
        expect(holds(saved, aged(saved, gone))).toBe(true);
        const more = { ...saved, messages: saved.messages + 1, lastSeq: saved.lastSeq + 1 };
        expect(holds(saved, more)).toBe(false);
        // As many as before, since an old one went when the new one came.
        expect(holds(saved, aged(more, 1))).toBe(false);
        expect(holds(saved, { ...saved, consumers: saved.consumers + 1 })).toBe(false);
      }),
    );
  });

  it('is restored when it is the same, or has lost what is older than it keeps; a stream that keeps all has to hold all', () => {
    fc.assert(
      fc.property(side, fc.nat({ max: 50 }), (next, nat) => {
        const gone = Math.min(nat, next.messages);
        const change = { stream: 'S', next };
        expect(isRestored(next, { ...change, maxAgeSeconds: 0 })).toBe(true);
        expect(isRestored(aged(next, gone), { ...change, maxAgeSeconds: 60 })).toBe(true);
        expect(isRestored(aged(next, gone), { ...change, maxAgeSeconds: 0 })).toBe(gone === 0);
        expect(isRestored(ABSENT, { ...change, maxAgeSeconds: 60 })).toBe(false);
      }),
    );
  });

  it('is a part of it when a transfer broke off anywhere, and never when it goes further than the backup', () => {
    fc.assert(
      fc.property(side, fc.nat({ max: 50 }), (next, nat) => {
        const lost = Math.min(nat, next.messages);
        expect(isPart({ ...next, messages: next.messages - lost, lastSeq: next.lastSeq - lost, consumers: 0 }, next)).toBe(true);
        expect(isPart({ ...next, lastSeq: next.lastSeq + 1 }, next)).toBe(false);
        expect(isPart({ ...next, messages: next.messages + 1 }, next)).toBe(false);
        expect(isPart(ABSENT, next)).toBe(false);
      }),
    );
  });
});
