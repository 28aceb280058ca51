import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { Append, Appended, IndexEntry, Journal, Recorded } from '#engine/ports.ts';
import { createVirtualClock, settle, type VirtualClock } from '../kit/clock.ts';

export interface JournalHarness {
  readonly journal: Journal;
  /** Closes the journal and opens what it stored again; absent where nothing outlives it. */
  reopen?(): Promise<Journal>;
  cleanUp(): Promise<void>;
}

export function eventsOf(...types: string[]): Append['events'] {
  return types.map((type) => ({ type, actor: 'bot', data: { of: type } }));
}

export function stored(answer: Appended): readonly Recorded[] {
  if (!answer.ok) throw new Error(`conflict at version ${answer.actualVersion}`);
  return answer.events;
}

export function runEntry(id: string, more: Partial<IndexEntry> = {}): IndexEntry {
  return { kind: 'run', id, stream: id, open: true, summary: { title: `of ${id}` }, ...more };
}

/** What the engine may rely on, whichever journal it is given. */
export function describeJournal(name: string, makeHarness: (clock: VirtualClock) => Promise<JournalHarness>): void {
  describe(`${name} as a journal`, () => {
    let clock: VirtualClock;
    let harness: JournalHarness;
    let journal: Journal;

    beforeEach(async () => {
      clock = createVirtualClock(1_000_000);
      harness = await makeHarness(clock);
      journal = harness.journal;
    });
    afterEach(() => harness.cleanUp());

    const put = async (stream: string, expectedVersion: number, ...types: string[]): Promise<readonly Recorded[]> =>
      stored(await journal.append({ stream, expectedVersion, events: eventsOf(...types) }));
    const index = async (...entries: IndexEntry[]): Promise<void> => {
      const version = (await journal.read('ix')).length;
      stored(await journal.append({ stream: 'ix', expectedVersion: version, events: eventsOf('Indexed'), index: entries }));
    };
    const idsOf = async (query: Parameters<Journal['query']>[0]): Promise<string[]> => (await journal.query(query)).map(({ id }) => id);

    test('gives the events of a stream versions from 1 without gaps, and reads them back in order', async () => {
      await put('run_a', 0, 'One', 'Two');
      await put('run_b', 0, 'Other');
      await put('run_a', 2, 'Three');
      const events = await journal.read('run_a');
      expect(events.map(({ type, version }) => [type, version])).toEqual([['One', 1], ['Two', 2], ['Three', 3]]);
      expect(events[0]).toEqual({ stream: 'run_a', version: 1, position: expect.any(Number), at: 1_000_000, actor: 'bot', type: 'One', data: { of: 'One' } });
      expect((await journal.read('run_a', 3)).map(({ type }) => type)).toEqual(['Three']);
      expect(await journal.read('run_a', 4)).toEqual([]);
      expect(await journal.read('run_none')).toEqual([]);
    });

    test('answers an append with just what a reader will read', async () => {
      const events = await put('run_a', 0, 'One', 'Two');
      expect(await journal.read('run_a')).toEqual(events);
    });

    test('stamps events with the moment of the commit, or with the time that the writer gives', async () => {
      await clock.advance(5_000);
      const [now] = await put('run_a', 0, 'One');
      const [then] = stored(await journal.append({ stream: 'run_a', expectedVersion: 1, events: eventsOf('Two'), at: 777 }));
      expect([now?.at, then?.at]).toEqual([1_005_000, 777]);
    });

    test('answers a stale writer with the version that stands, and stores nothing of it', async () => {
      await put('run_a', 0, 'One');
      const stale: Append = { stream: 'run_a', expectedVersion: 0, events: eventsOf('Late'), index: [runEntry('run_late')] };
      expect(await journal.append(stale)).toEqual({ ok: false, conflict: true, actualVersion: 1 });
      expect(await journal.append({ ...stale, expectedVersion: 7 })).toEqual({ ok: false, conflict: true, actualVersion: 1 });
      expect(await journal.read('run_a')).toHaveLength(1);
      expect(await journal.find('run', 'run_late')).toBeUndefined();
    });

    test('lets exactly one of many writers at the same version win', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => journal.append({ stream: 'run_a', expectedVersion: 0, events: eventsOf(`By${i}`) })));
      expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
      expect((await journal.read('run_a')).map(({ type }) => type)).toEqual(['By0']);
    });

    test('takes several appends to one stream in one turn, in order, and others beside them', async () => {
      const answers = await Promise.all([
        journal.append({ stream: 'run_a', expectedVersion: 0, events: eventsOf('One') }),
        journal.append({ stream: 'run_b', expectedVersion: 3, events: eventsOf('Stale') }),
        journal.append({ stream: 'run_a', expectedVersion: 1, events: eventsOf('Two', 'Three') }),
        journal.append({ stream: 'run_b', expectedVersion: 0, events: eventsOf('Fresh') }),
        journal.append({ stream: 'run_a', expectedVersion: 3, events: eventsOf('Four') }),
      ]);
      expect(answers.map(({ ok }) => ok)).toEqual([true, false, true, true, true]);
      expect((await journal.readAll(0, 10)).map(({ type }) => type)).toEqual(['One', 'Two', 'Three', 'Fresh', 'Four']);
    });

    test('positions grow over all streams; readers page through them', async () => {
      for (let i = 0; i < 7; i += 1) await put(`run_${i % 3}`, Math.floor(i / 3), `E${i}`);
      const seen: string[] = [];
      let after = 0;
      for (;;) {
        const page = await journal.readAll(after, 3);
        if (page.length === 0) break;
        for (const { position, type } of page) {
          expect(position).toBeGreaterThan(after);
          after = position;
          seen.push(type);
        }
      }
      expect(seen).toEqual(['E0', 'E1', 'E2', 'E3', 'E4', 'E5', 'E6']);
    });

    test('finds the last position before a time, and 0 when everything is younger', async () => {
      expect(await journal.positionBefore(5)).toBe(0);
      const [old] = await put('run_a', 0, 'One');
      await clock.advance(1_000);
      await put('run_a', 1, 'Two');
      expect(await journal.positionBefore(1_000_000)).toBe(0);
      expect(await journal.positionBefore(1_000_001)).toBe(old?.position);
      expect(await journal.positionBefore(1_000_000 + 60_000)).toBe((await journal.readAll(0, 10)).at(-1)?.position);
    });

    test('an index entry comes with its events and replaces the one before', async () => {
      await index(runEntry('run_a', { key: 'k', dueAt: 50, summary: { n: 1 } }));
      await index(runEntry('run_a', { open: false, summary: { n: 2 } }));
      expect(await journal.find('run', 'run_a')).toEqual({ kind: 'run', id: 'run_a', stream: 'run_a', open: false, summary: { n: 2 } });
      expect(await journal.find('incident', 'run_a')).toBeUndefined();
      expect(await idsOf({ kind: 'run', key: 'k', limit: 5 })).toEqual([]);
    });

    test('an append may carry index entries alone', async () => {
      stored(await journal.append({ stream: 'run_a', expectedVersion: 0, events: [], index: [runEntry('run_a')] }));
      expect(await idsOf({ kind: 'run', limit: 5 })).toEqual(['run_a']);
      expect(await journal.read('run_a')).toEqual([]);
    });

    test('lists the newest id first, by pages, open ones alone, by key and by kind', async () => {
      await index(runEntry('run_1', { key: 'x' }), runEntry('run_2', { open: false, key: 'x' }), runEntry('run_3', { key: 'y' }), runEntry('run_4'), { ...runEntry('inc_1'), kind: 'incident' });
      expect(await idsOf({ kind: 'run', limit: 10 })).toEqual(['run_4', 'run_3', 'run_2', 'run_1']);
      expect(await idsOf({ kind: 'run', limit: 2 })).toEqual(['run_4', 'run_3']);
      expect(await idsOf({ kind: 'run', before: 'run_3', limit: 2 })).toEqual(['run_2', 'run_1']);
      expect(await idsOf({ kind: 'run', open: true, limit: 10 })).toEqual(['run_4', 'run_3', 'run_1']);
      expect(await idsOf({ kind: 'run', open: false, limit: 10 })).toEqual(['run_2']);
      expect(await idsOf({ kind: 'run', key: 'x', limit: 10 })).toEqual(['run_2', 'run_1']);
      expect(await idsOf({ kind: 'run', key: 'x', open: true, limit: 10 })).toEqual(['run_1']);
      expect(await idsOf({ kind: 'incident', limit: 10 })).toEqual(['inc_1']);
      expect(await idsOf({ kind: 'run', limit: 0 })).toEqual([]);
    });

    test('gives what is due, the earliest first, and knows what is due next', async () => {
      expect(await journal.nextDueAt('run')).toBeUndefined();
      await index(runEntry('run_1', { dueAt: 300 }), runEntry('run_2', { dueAt: 100 }), runEntry('run_3'), runEntry('run_4', { dueAt: 50, open: false }), runEntry('run_5', { dueAt: 200 }), { ...runEntry('apr_1', { dueAt: 7 }), kind: 'approval' });
      expect(await journal.nextDueAt('run')).toBe(100);
      expect(await idsOf({ kind: 'run', open: true, dueBefore: 99, limit: 10 })).toEqual([]);
      expect(await idsOf({ kind: 'run', open: true, dueBefore: 200, limit: 10 })).toEqual(['run_2', 'run_5']);
      expect(await idsOf({ kind: 'run', open: true, dueBefore: 1_000, limit: 1 })).toEqual(['run_2']);
      expect(await idsOf({ kind: 'run', dueBefore: 1_000, limit: 10 })).toEqual(['run_4', 'run_2', 'run_5', 'run_1']);
      await index(runEntry('run_2', { dueAt: 400 }), runEntry('run_5', { open: false, dueAt: 200 }));
      expect(await journal.nextDueAt('run')).toBe(300);
    });

    test('tells listeners of each commit after it, in order, until they leave; never of a conflict', async () => {
      const heard: string[] = [];
      const leave = journal.onAppended((events) => heard.push(...events.map(({ type }) => type)));
      const first = put('run_a', 0, 'One', 'Two');
      expect(heard).toEqual([]);
      await first;
      expect(heard).toEqual(['One', 'Two']);
      await Promise.all([put('run_b', 0, 'Three'), journal.append({ stream: 'run_a', expectedVersion: 0, events: eventsOf('Stale') }), put('run_a', 2, 'Four')]);
      expect(heard).toEqual(['One', 'Two', 'Three', 'Four']);
      leave();
      await put('run_a', 3, 'Five');
      expect(heard).toHaveLength(4);
    });

    test('a listener may append, and what it appends is stored', async () => {
      const leave = journal.onAppended((events) => {
        if (events[0]?.type === 'One') void journal.append({ stream: 'run_b', expectedVersion: 0, events: eventsOf('Echo') });
      });
      await put('run_a', 0, 'One');
      await settle();
      leave();
      expect((await journal.read('run_b')).map(({ type }) => type)).toEqual(['Echo']);
    });

    test('what a reader does to an event that it read does not change the journal', async () => {
      await put('run_a', 0, 'One');
      const [read] = await journal.read('run_a');
      if (read !== undefined) (read.data as Record<string, unknown>)['of'] = 'changed';
      expect((await journal.read('run_a'))[0]?.data).toEqual({ of: 'One' });
    });

    test('keeps hostile JSON as it is: prototype names, NUL, half surrogates, long strings, large and small numbers', async () => {
      const data = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1},"nul":"a\\u0000b","half":"\\ud800x\\udfff","":"empty key","n":[1e308,-0.1,9007199254740991]}') as JsonObject;
      const long = { text: '𝄞<!channel>\'"\\'.repeat(5_000) };
      stored(await journal.append({ stream: 'run_a', expectedVersion: 0, events: [{ type: 'Hostile', actor: 'bot', data }, { type: 'Long', actor: 'bot', data: long }], index: [runEntry('run_a', { summary: data })] }));
      const [hostile, second] = await journal.read('run_a');
      expect(JSON.stringify(hostile?.data)).toBe(JSON.stringify(data));
      expect(second?.data).toEqual(long);
      expect(JSON.stringify((await journal.find('run', 'run_a'))?.summary)).toBe(JSON.stringify(data));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    test('keeps hostile names of streams, actors, ids and keys, and they find their own and no other', async () => {
      const hostile = ['a\u0000b', 'a', "'; DROP TABLE events; --", '__proto__', '', 'é', 'e\u0301', '%', 'run_*'];
      for (const stream of hostile) {
        stored(await journal.append({ stream, expectedVersion: 0, events: [{ type: 'T', actor: stream, data: { stream } }], index: [{ kind: 'alert', id: stream, stream, open: true, key: stream, summary: { stream } }] }));
      }
      for (const stream of hostile) {
        expect((await journal.read(stream)).map(({ actor }) => actor)).toEqual([stream]);
        expect((await journal.find('alert', stream))?.summary).toEqual({ stream });
        expect(await idsOf({ kind: 'alert', key: stream, limit: 10 })).toEqual([stream]);
      }
    });

    test('a name with half a surrogate pair is stored in its well-formed spelling, and found by either', async () => {
      const answer = await put('run_\ud800', 0, 'One');
      expect(answer[0]?.stream).toBe('run_\ufffd');
      expect(await journal.read('run_\ud800')).toEqual(answer);
      expect(await journal.read('run_\ufffd')).toEqual(answer);
    });

    test('refuses what has no place in it, alone: the appends beside it are stored', async () => {
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      const bad = (append: Partial<Append>): Promise<string> => journal.append({ stream: 'run_bad', expectedVersion: 0, events: eventsOf('Bad'), ...append }).then(() => 'stored', () => 'refused');
      const answers = await Promise.all([
        bad({ events: [{ type: 'Bad', actor: 'bot', data: cyclic as JsonObject }] }),
        bad({ events: [{ type: 'Bad', actor: 'bot', data: { big: 1n } as unknown as JsonObject }] }),
        bad({ events: [{ type: 'Bad', actor: 'bot', data: { text: 'x'.repeat(9 * 1024 * 1024) } }] }),
        bad({ index: [runEntry('run_bad', { dueAt: Number.NaN })] }),
        bad({ expectedVersion: -1 }),
        bad({ at: 0.5 }),
        put('run_good', 0, 'Good').then(() => 'stored'),
      ]);
      expect(answers).toEqual(['refused', 'refused', 'refused', 'refused', 'refused', 'refused', 'stored']);
      expect(await journal.read('run_bad')).toEqual([]);
      expect(await journal.read('run_good')).toHaveLength(1);
    });

    test('says that it can write, and after closing that it cannot', async () => {
      expect(await journal.probe()).toEqual({ writable: true });
      await journal.close();
      expect(await journal.probe()).toEqual({ writable: false, because: 'the journal is closed' });
      await expect(put('run_a', 0, 'One')).rejects.toThrow('closed');
      await expect(journal.read('run_a')).rejects.toThrow('closed');
      await expect(journal.close()).resolves.toBeUndefined();
    });

    test('closing stores what was handed in before it', async () => {
      const pending = put('run_a', 0, 'One');
      await journal.close();
      expect((await pending).map(({ version }) => version)).toEqual([1]);
    });

    test('opened again it holds the same, and goes on where it stood', async ({ skip }) => {
      if (harness.reopen === undefined) return skip('nothing outlives this journal');
      await put('run_a', 0, 'One', 'Two');
      await index(runEntry('run_a', { key: 'k', dueAt: 9 }));
      const before = await journal.readAll(0, 100);
      journal = await harness.reopen();
      expect(await journal.readAll(0, 100)).toEqual(before);
      expect(await journal.find('run', 'run_a')).toEqual(runEntry('run_a', { key: 'k', dueAt: 9 }));
      expect(await journal.append({ stream: 'run_a', expectedVersion: 0, events: eventsOf('Late') })).toEqual({ ok: false, conflict: true, actualVersion: 2 });
      const [next] = await put('run_a', 2, 'Three');
      expect(next?.position).toBeGreaterThan(before.at(-1)?.position ?? Number.POSITIVE_INFINITY);
    });
  });
}
