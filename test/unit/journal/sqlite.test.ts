import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteJournal } from '#journal/sqlite.ts';
import { verifyChain } from '#journal/sqlite/chain.ts';
import type { Journal } from '#engine/ports.ts';
import { describeJournal, eventsOf, runEntry, stored } from '../../contract/journal.contract.ts';
import { createVirtualClock } from '../../kit/clock.ts';

describeJournal('sqlite', async (clock) => {
  const directory = mkdtempSync(join(tmpdir(), 'journal-'));
  const path = join(directory, 'journal.db');
  let journal = openSqliteJournal({ path, clock });
  return {
    journal,
    async reopen() {
      await journal.close();
      journal = openSqliteJournal({ path, clock });
      return journal;
    },
    async cleanUp() {
      await journal.close();
      rmSync(directory, { recursive: true });
    },
  };
});

describe('the SQLite file', () => {
  const clock = createVirtualClock(1_000);
  let directory: string;
  let path: string;
  const opened: Journal[] = [];

  const open = (file = path): Journal => {
    const journal = openSqliteJournal({ path: file, clock });
    opened.push(journal);
    return journal;
  };
  const write = async (journal: Journal, stream: string, expectedVersion: number, ...types: string[]): Promise<number[]> =>
    stored(await journal.append({ stream, expectedVersion, events: eventsOf(...types), index: [runEntry(stream)] })).map(({ version }) => version);
  const raw = <T>(work: (db: DatabaseSync) => T, file = path): T => {
    using db = new DatabaseSync(file, { timeout: 1_000 });
    return work(db);
  };

  const messageOf = (work: () => unknown): string => {
    try {
      work();
      return 'it worked';
    } catch (error) {
      return String(error);
    }
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'journal-'));
    path = join(directory, 'journal.db');
  });
  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.close();
    rmSync(directory, { recursive: true });
  });

  test('belongs to its user alone, with all its side files', async () => {
    await write(open(), 'run_a', 0, 'One');
    for (const suffix of ['', '-wal', '-shm', '.lock']) expect(statSync(`${path}${suffix}`).mode & 0o777, suffix).toBe(0o600);
  });

  test('shares one commit between the appends of a turn', async () => {
    const journal = open();
    let commits = 0;
    journal.onAppended(() => (commits += 1));
    await Promise.all(Array.from({ length: 50 }, (_, i) => write(journal, `run_${i}`, 0, 'One')));
    expect(commits).toBe(1);
  });

  test('rejects all appends of a batch that fails, stores none of it, and works again when the disk does', async () => {
    const journal = open();
    await write(journal, 'run_a', 0, 'One');
    raw((db) => db.exec("CREATE TRIGGER full BEFORE INSERT ON events WHEN new.type = 'Two' BEGIN SELECT raise(ABORT, 'database or disk is full'); END"));
    const heard: string[] = [];
    journal.onAppended((events) => heard.push(...events.map(({ type }) => type)));
    const outcomes = await Promise.allSettled([write(journal, 'run_b', 0, 'Beside'), write(journal, 'run_a', 1, 'Two'), write(journal, 'run_c', 0, 'After')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(heard).toEqual([]);
    expect((await journal.readAll(0, 10)).map(({ type }) => type)).toEqual(['One']);
    expect(await journal.find('run', 'run_b')).toBeUndefined();
    raw((db) => db.exec('DROP TRIGGER full'));
    expect(await write(journal, 'run_a', 1, 'Two')).toEqual([2]);
    expect(verifyChain(path)).toMatchObject({ ok: true, events: 2 });
  });

  test('a foreign lock on the file is a refusal that says so, not a wait without end', async () => {
    const journal = open();
    using other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(write(journal, 'run_a', 0, 'One')).rejects.toThrow(/could not store: another process holds the file locked/);
    expect(await journal.probe()).toMatchObject({ writable: false });
    other.exec('ROLLBACK');
    await clock.advance(1_000);
    expect(await journal.probe()).toEqual({ writable: true });
    expect(await write(journal, 'run_a', 0, 'One')).toEqual([1]);
  });

  test('refuses a second writer, under another name of the file as well, and takes it when the first has gone', async () => {
    const first = open();
    await write(first, 'run_a', 0, 'One');
    expect(() => open()).toThrow(/another runbook-bot process is using it/);
    symlinkSync(path, join(directory, 'alias.db'));
    expect(() => open(join(directory, 'alias.db'))).toThrow(/another runbook-bot process is using it/);
    expect(await write(first, 'run_a', 1, 'Two')).toEqual([2]);
    await first.close();
    expect(await open().read('run_a')).toHaveLength(2);
  });

  test.each([
    ['its directory is missing', () => join(directory, 'none', 'journal.db'), /directory .*none does not exist/],
    ['it is a directory', () => directory, /this is a directory/],
    ['it is no database', () => path, /not an SQLite database/],
    ['it belongs to another program', () => path, /not a journal of this program/],
    ['it was written by a newer version', () => path, /newer version \(schema 99/],
    ['its pages are damaged', () => path, /the file is damaged/],
  ])('says what to do when %s', async (what, file, message) => {
    if (what === 'it is no database') writeFileSync(path, 'plain text, and long enough to have a header of an hundred bytes'.repeat(50));
    if (what === 'it belongs to another program') raw((db) => db.exec('CREATE TABLE theirs (a)'));
    if (what === 'it was written by a newer version' || what === 'its pages are damaged') await open().close();
    if (what === 'it was written by a newer version') raw((db) => db.exec('PRAGMA user_version = 99'));
    if (what === 'its pages are damaged') writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 100), Buffer.alloc(8_000, 7)]));
    expect(() => openSqliteJournal({ path: file(), clock })).toThrow(expect.objectContaining({ name: 'JournalUnusable', message: expect.stringMatching(message) as string }) as Error);
  });

  test('leaves a file that it refuses as it was', () => {
    raw((db) => db.exec('CREATE TABLE theirs (a)'));
    const before = readFileSync(path);
    expect(() => open()).toThrow(/not a journal of this program/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a failed opening leaves the file free for the next', async () => {
    writeFileSync(path, 'plain text, and long enough to have a header of an hundred bytes'.repeat(50));
    expect(() => open()).toThrow(/not an SQLite database/);
    rmSync(path);
    expect(await write(open(), 'run_a', 0, 'One')).toEqual([1]);
  });

  test('a write-ahead log that was cut off anywhere in its last commit opens without that commit, and with all before it', async () => {
    const journal = open();
    await write(journal, 'run_a', 0, 'One');
    await write(journal, 'run_a', 1, 'Two');
    const complete = statSync(`${path}-wal`).size;
    await write(journal, 'run_a', 2, 'Three', 'Four');
    const end = statSync(`${path}-wal`).size;
    expect(end).toBeGreaterThan(complete);
    expect((await journal.read('run_a')).map(({ type }) => type)).toEqual(['One', 'Two', 'Three', 'Four']);
    const cuts = [complete, complete + 1, complete + 23, complete + 24, complete + 2_000, Math.floor((complete + end) / 2), end - 4_096, end - 1, end];
    for (const cut of cuts) {
      const torn = join(directory, `torn-${cut}`);
      mkdirSync(torn);
      for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, join(torn, `journal.db${suffix}`));
      truncateSync(join(torn, 'journal.db-wal'), cut);
      const again = open(join(torn, 'journal.db'));
      const expected = cut === end ? ['One', 'Two', 'Three', 'Four'] : ['One', 'Two'];
      expect((await again.read('run_a')).map(({ type }) => type), `cut at ${cut} of ${end}`).toEqual(expected);
      expect(await write(again, 'run_a', expected.length, 'Onwards')).toEqual([expected.length + 1]);
      await again.close();
      expect(verifyChain(join(torn, 'journal.db'))).toMatchObject({ ok: true, events: expected.length + 1 });
    }
  });

  test('a writer that is killed at once loses nothing that it had acknowledged, and its lock goes with it', { timeout: 30_000 }, async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../kit/journal-writer.ts'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => child.once('close', resolve));
    let printed = '';
    let beside = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      if (printed.length > 4_000 && child.exitCode === null && !child.killed) {
        beside = messageOf(() => open());
        child.kill('SIGKILL');
      }
    }
    await gone;
    expect(beside).toMatch(/another runbook-bot process is using it/);
    const acknowledged = new Map<string, number>();
    for (const [, writer, version] of printed.matchAll(/^(\d) (\d+)$/gm)) acknowledged.set(`run_${writer}`, Number(version));
    expect(acknowledged.size).toBe(4);
    const journal = open();
    for (const [stream, version] of acknowledged) {
      const events = await journal.read(stream);
      expect(events.length).toBeGreaterThanOrEqual(version);
      expect(events.map(({ data }) => data['version'])).toEqual(events.map((_, i) => i + 1));
    }
    expect(verifyChain(path)).toMatchObject({ ok: true });
  });

  describe('the audit chain', () => {
    test('is verified while the journal is in use, and its head moves with each event', async () => {
      const journal = open();
      expect(verifyChain(path)).toEqual({ ok: true, events: 0, head: '' });
      await write(journal, 'run_a', 0, 'One', 'Two');
      const first = verifyChain(path);
      expect(first).toMatchObject({ ok: true, events: 2, head: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
      await write(journal, 'run_a', 2, 'Three');
      expect(verifyChain(path)).toMatchObject({ ok: true, events: 3, head: expect.not.stringMatching(first.ok ? first.head : '') as string });
    });

    test('is right over names and data of any kind', async () => {
      const journal = open();
      const hostile = 'a\u0000"\\\u2028\ud83d𝄞\u007f';
      stored(await journal.append({ stream: hostile, expectedVersion: 0, events: [{ type: hostile, actor: hostile, data: { [hostile]: hostile } }] }));
      expect(verifyChain(path)).toMatchObject({ ok: true, events: 1 });
    });

    test.each([
      ['a changed actor', "UPDATE events SET actor = 'mallory' WHERE position = 2", 2],
      ['changed data', `UPDATE events SET data = '{"of":"Tvo"}' WHERE position = 2`, 2],
      ['a changed time', 'UPDATE events SET at = at + 1 WHERE position = 3', 3],
      ['a removed event', 'DELETE FROM events WHERE position = 2', 3],
      ['a removed first event', 'DELETE FROM events WHERE position = 1', 2],
      ['a slipped-in event', "INSERT INTO events SELECT 9, stream, 9, at, actor, type, data, hash FROM events WHERE position = 3", 9],
      ['two swapped streams', "UPDATE events SET stream = 'run_z' WHERE position = 1", 1],
    ])('finds %s', async (_what, sql, position) => {
      const journal = open();
      await write(journal, 'run_a', 0, 'One', 'Two', 'Three');
      await journal.close();
      raw((db) => db.exec(sql));
      expect(verifyChain(path)).toMatchObject({ ok: false, position });
    });

    test('a file that cannot be read is no good chain', () => {
      expect(verifyChain(path)).toMatchObject({ ok: false, position: 0, because: expect.stringContaining('does not exist') as string });
      writeFileSync(path, 'no database'.repeat(500));
      expect(verifyChain(path)).toMatchObject({ ok: false, position: 0, because: expect.stringContaining('not an SQLite database') as string });
    });
  });
});
