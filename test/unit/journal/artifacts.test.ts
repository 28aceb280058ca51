import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileArtifacts, type ArtifactLimits } from '#journal/artifacts.ts';
import { describeArtifacts } from '../../contract/artifacts.contract.ts';
import { createMemoryArtifacts } from '../../kit/artifacts.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';

const LIMITS: ArtifactLimits = { ageMs: 60_000, bytes: 100, files: 3 };

describeArtifacts('memory', async () => ({ artifacts: createMemoryArtifacts(), cleanUp: async () => undefined }));

describeArtifacts('files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'artifacts-'));
  return { artifacts: createFileArtifacts({ dir: join(root, 'kept'), clock: createVirtualClock() }), cleanUp: () => rm(root, { recursive: true }) };
});

describe('artifacts in files', () => {
  let root: string;
  let dir: string;
  let clock: VirtualClock;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'artifacts-'));
    dir = join(root, 'kept');
    clock = createVirtualClock(1_700_000_000_000);
  });
  afterEach(() => rm(root, { recursive: true }));
  const open = () => createFileArtifacts({ dir, clock, limits: LIMITS });
  const text = (name: string, length = 10): string => JSON.stringify(name.padEnd(length - 2, name));

  test('are for this user alone', async () => {
    const id = await open().keep(text('a'));
    expect([(await stat(dir)).mode & 0o777, (await stat(join(dir, `${id}.json`))).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test('are removed when they are too old, counted from when the same text last came', async () => {
    const artifacts = open();
    const [a, b] = [await artifacts.keep(text('a')), await artifacts.keep(text('b'))];
    await clock.advance(50_000);
    await artifacts.keep(text('b'));
    await clock.advance(20_000);
    await artifacts.sweep();
    expect([await artifacts.read(a), await artifacts.read(b)]).toEqual([undefined, text('b')]);
  });

  test('make room for newer ones, the oldest first, by size and by number', async () => {
    const artifacts = open();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(await artifacts.keep(text(name, 40)));
      await clock.advance(1_000);
    }
    await artifacts.sweep();
    expect(await Promise.all(ids.map(async (id) => (await artifacts.read(id)) !== undefined))).toEqual([false, true, true]);
    for (const name of ['d', 'e', 'f', 'g']) {
      await artifacts.keep(text(name));
      await clock.advance(1_000);
    }
    await artifacts.sweep();
    expect(await readdir(dir)).toHaveLength(3);
  });

  test('that were changed on the disk are none any more', async () => {
    const artifacts = open();
    const id = await artifacts.keep(text('a'));
    await writeFile(join(dir, `${id}.json`), text('b'));
    expect(await artifacts.read(id)).toBeUndefined();
  });

  test('that a killed process did not finish are removed, and files of others are left alone', async () => {
    const artifacts = open();
    const id = await artifacts.keep(text('a'));
    await writeFile(join(dir, `${id}.json.part7`), 'half');
    await writeFile(join(dir, 'notes.txt'), 'mine');
    await artifacts.sweep();
    expect((await readdir(dir)).toSorted()).toEqual([`${id}.json`, 'notes.txt']);
  });

  test('that cannot be stored are an error for the one who keeps them, and a sweep without a directory is none', async () => {
    await open().sweep();
    await writeFile(dir, 'in the way');
    await expect(open().keep(text('a'))).rejects.toThrow(/EEXIST|ENOTDIR/);
  });
});
