/** What lives against what was backed up, with the times and numbers chosen by hand. */
import { describe, expect, it } from 'vitest';
import type { StreamArchive } from '#backups/archive/archive.ts';
import { checkDocuments, readDocument } from '#drills/documents-live.ts';
import { checkLive } from '#drills/nats/against-live.ts';
import type { NatsLive } from '#drills/nats/facts.ts';

const TAKEN_MS = Date.parse('2026-11-21T06:00:00Z');
const at = (minutes: number): string => new Date(TAKEN_MS + minutes * 60_000).toISOString();
const document = (revision: number | undefined, jobs: number, minutes?: number) => readDocument('cfg:system:default', JSON.stringify({ data: { jobs }, ...(revision === undefined ? {} : { revision }), ...(minutes === undefined ? {} : { updated_at: at(minutes) }) }));
const verdict = (is: ReturnType<typeof document>, lives: ReturnType<typeof document>, ofLive = false) => checkDocuments('redis', [is], { documents: [lives], unread: [] }, { takenMs: TAKEN_MS, ofLive }).status;

describe('a document', () => {
  it('that was changed since is told, whatever its revision', () => {
    expect(verdict(document(3, 5, -60), document(4, 6, 10))).toBe('warning');
    expect(verdict(document(3, 5, -60), document(3, 6, 10))).toBe('warning');
    expect(verdict(document(undefined, 5), document(undefined, 6))).toBe('warning');
  });

  it('that was restored under a higher revision is the same', () => {
    expect(verdict(document(3, 5, -60), document(9, 5, -60))).toBe('passed');
  });

  it('that is not there any more is told apart from one that nobody let be read', () => {
    const against = (unread: readonly string[]) => checkDocuments('redis', [document(3, 5, -60)], { documents: [], unread }, { takenMs: TAKEN_MS, ofLive: true });
    expect(against([])).toMatchObject({ status: 'warning', detail: expect.stringContaining('does not live any more') });
    expect(against(['cfg:system:default'])).toMatchObject({ status: 'warning', detail: expect.stringContaining('could not be read') });
  });

  it('that contradicts the live one fails, unless the manifest names the live system', () => {
    const pairs = [[document(3, 5, -60), document(3, 6, -60)], [document(7, 5, -60), document(4, 6, -900)], [document(3, 5, -60), document(8, 6, -30)]] as const;
    for (const [is, lives] of pairs) {
      expect(verdict(is, lives)).toBe('failed');
      expect(verdict(is, lives, true)).toBe('warning');
    }
  });
});

describe('a stream', () => {
  const seen = (made: number | undefined): StreamArchive => ({ format: 'v1', stream: 'CORDUM_JOBS', messages: 10, firstSeq: 1, lastSeq: 10, newestMs: 1, consumers: [], problems: [], config: made === undefined ? {} : { Created: at(made) } });
  const judge = (made: number | undefined, lives: { readonly made: number; readonly lastSeq?: number }, cluster = '') => {
    const live: NatsLive = { identity: [], addresses: [], cluster, streams: [{ name: 'CORDUM_JOBS', messages: 3, firstSeq: 20, lastSeq: lives.lastSeq ?? 22, createdMs: Date.parse(at(lives.made)), consumers: [] }] };
    return checkLive([{ stream: 'CORDUM_JOBS', archive: undefined, config: undefined, state: undefined, because: '', seen: seen(made), noted: undefined }], live, TAKEN_MS).status;
  };

  it('whose messages were all worked off passes, and one that was made anew is told', () => {
    expect(judge(-900, { made: -900 })).toBe('passed');
    expect(judge(-900, { made: 30 })).toBe('warning');
    expect(judge(undefined, { made: 30 })).toBe('warning');
    expect(judge(-900, { made: -900, lastSeq: 4 })).toBe('warning');
  });

  it('that lived before the backup, and was made at another time, is that of another server; servers of a cluster differ in that', () => {
    expect(judge(-900, { made: -500 })).toBe('failed');
    expect(judge(-900, { made: -500 }, 'cordum')).toBe('warning');
    expect(judge(undefined, { made: -500 })).toBe('passed');
  });

  // nats-server 2.9.10, started again at -300: its archives say -300, the stream of -900 lives on.
  it('whose archive says a later time, that of a start of the server, is told by its first message, else a person must look', () => {
    const started = (first: { readonly archived?: number; readonly lives?: number }) => {
      const live: NatsLive = { identity: [], addresses: [], cluster: '', streams: [{ name: 'CORDUM_JOBS', messages: 10, firstSeq: 1, lastSeq: 10, createdMs: Date.parse(at(-900)), consumers: [], ...(first.lives === undefined ? {} : { firstMs: Date.parse(at(first.lives)) }) }] };
      const state = { messages: 10, bytes: 1, first_seq: 1, last_seq: 10, consumer_count: 0, num_deleted: 0, ...(first.archived === undefined ? {} : { first_ts: at(first.archived) }) };
      return checkLive([{ stream: 'CORDUM_JOBS', archive: undefined, config: undefined, state, because: '', seen: seen(-300), noted: undefined }], live, TAKEN_MS).status;
    };
    expect(started({ archived: -890, lives: -890 })).toBe('passed');
    expect(started({ archived: -880, lives: -890 })).toBe('failed');
    expect(started({ lives: -890 })).toBe('warning');
    expect(started({ archived: -890 })).toBe('warning');
  });
});
