import { describe, expect, it } from 'vitest';
import { fail, succeed } from '#kernel/failure.ts';
import type { BackupClient, Listed, SetFacts, StoreName } from '#systems/backup/client.ts';
import { setsList } from '#systems/backup/steps/sets-list.ts';
import { setsVerify } from '#systems/backup/steps/sets-verify.ts';
import { backupClient, NOW, setOf } from '../../../kit/backups/client.ts';
import { read, tryRead } from '../../../kit/step-context.ts';

const AT = { now: () => NOW };
const listed = (sets: readonly SetFacts[], more: Partial<Listed> = {}): Listed => ({
  stores: (['redis', 'nats', 'config'] as const).map((store) => ({ store, sets: sets.filter((one) => one.store === store).length, oldestAt: sets.findLast((one) => one.store === store)?.takenAt ?? null })),
  sets,
  skewSeconds: 0,
  unfinished: [],
  strangers: [],
  ...more,
});
const onList = (list: Listed, more: Partial<BackupClient> = {}): BackupClient => backupClient({ list: async () => succeed(list), ...more });
type Row = { store: string; problem: string; fresh: boolean; say: string };
const rows = (answer: Record<string, unknown>): Row[] => answer['stores'] as Row[];
const problemOf = async (client: BackupClient, store: StoreName): Promise<string | undefined> => rows(await read(setsList, {}, client, AT)).find((row) => row.store === store)?.problem;

describe('backup.sets.list', () => {
  it('has a row for each store, and finds fresh and whole sets in order, by their manifests', async () => {
    const answer = await read(setsList, {}, onList(listed([setOf('redis', 600), setOf('nats', 900), setOf('config', 9_000_000)])), AT);
    expect(answer).toMatchObject({ readable: true, inOrder: true, proven: true, directory: '/backups', room: { seen: true, usedPercent: 75, tooLittle: false } });
    expect(rows(answer).map(({ store, problem }) => `${store} ${problem}`)).toEqual(['redis none', 'nats none', 'config none']);
  });

  it('calls nothing complete that no manifest does', async () => {
    const answer = await read(setsList, {}, onList(listed([setOf('redis', 600, { complete: 'unknown', manifest: 'none' }), setOf('nats', 600)])), AT);
    expect(answer).toMatchObject({ inOrder: true, proven: false });
    expect(rows(answer)[0]?.say).toContain('Whether it is complete no manifest tells.');
  });

  it.each([
    ['missing', [setOf('nats', 60)]],
    ['stale', [setOf('redis', 7_201)]],
    ['incomplete', [setOf('redis', 60, { complete: 'no' })]],
    ['small', [setOf('redis', 60, { size: 'small' })]],
    ['large', [setOf('redis', 60, { size: 'large' })]],
    ['kept', [setOf('redis', 60), setOf('redis', 10 * 86_400)]],
    ['none', [setOf('redis', 7_200), setOf('redis', 8 * 86_400)]],
  ] as const)('says what is wrong with the newest set: %s', async (problem, sets) => {
    expect(await problemOf(onList(listed(sets)), 'redis')).toBe(problem);
  });

  it('does not want a new backup of the configuration every hour', async () => {
    expect(await problemOf(onList(listed([setOf('config', 90 * 86_400)])), 'config')).toBe('none');
  });

  it('answers for a directory that cannot be read, and calls nothing missing there', async () => {
    const answer = await read(setsList, {}, backupClient({ list: async () => fail('notFound', 'The directory of backups /backups cannot be read: ENOENT.') }), AT);
    expect(answer).toMatchObject({ readable: false, why: expect.stringContaining('ENOENT') as string, inOrder: false, proven: false, items: [], say: expect.stringContaining('ENOENT') as string });
    expect(rows(answer).map(({ problem }) => problem)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  it('says when there is no room for as much again, and nothing where the file system does not tell', async () => {
    const sets = listed([setOf('redis', 60, { bytes: 5_001 }), setOf('nats', 60, { bytes: 5_000 })]);
    expect(await read(setsList, {}, onList(sets, { room: async () => ({ freeBytes: 10_000, totalBytes: 20_000 }) }), AT)).toMatchObject({ room: { tooLittle: true, usedPercent: 50 } });
    expect(await read(setsList, {}, onList(sets, { room: async () => undefined }), AT)).toMatchObject({ room: { seen: false, tooLittle: false } });
  });
});

describe('backup.sets.verify', () => {
  const set = 'redis-20261121T060000Z';

  it('reads one set, and names what is damaged', async () => {
    const client = onList(listed([setOf('redis', 60, { set })]), { verify: async () => succeed({ problems: [{ file: 'a.rdb', problem: 'its digest is not the one in the manifest' }, { file: '', problem: 'It has no files.' }], notes: [] }) });
    expect(await read(setsVerify, { set }, client)).toMatchObject({ looked: true, sound: false, say: `${set} is damaged: a.rdb: its digest is not the one in the manifest (and 1 more).` });
  });

  it('does not call damaged what the programs here cannot read, nor sound', async () => {
    const client = onList(listed([setOf('redis', 60, { set })]), { verify: async () => succeed({ problems: [{ file: 'a.rdb', problem: 'it was written by Redis 7.4.1 (RDB version 12), and the redis-check-rdb of this machine is too old', unread: true }], notes: [] }) });
    expect(await read(setsVerify, { set }, client)).toMatchObject({ looked: true, sound: false, say: expect.stringContaining(`${set} cannot be looked at: a.rdb: it was written by Redis 7.4.1`) as string });
  });

  it('does not call a set what was backed up when no manifest says what that was', async () => {
    const client = onList(listed([setOf('redis', 60, { set, manifest: 'none' })]));
    expect(await read(setsVerify, { set }, client)).toMatchObject({ sound: true, manifest: false, say: expect.stringContaining('cannot be told without a manifest') as string });
  });

  it('leaves a set alone that is larger than it may read, and does not call it sound', async () => {
    let asked = 0;
    const client = onList(listed([setOf('redis', 60, { set, bytes: 2_000 })]), { verify: async () => ((asked += 1), succeed({ problems: [], notes: [] })) });
    expect(await read(setsVerify, { set, maxBytes: 1_999 }, client)).toMatchObject({ looked: false, sound: false });
    expect(asked).toBe(0);
  });

  it('fails for a set that is not there, and takes no path for a name', async () => {
    expect(await tryRead(setsVerify, { set }, onList(listed([])))).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(setsVerify.input.safeParse({ set: 'redis-../../etc/passwd' }).success).toBe(false);
  });
});
