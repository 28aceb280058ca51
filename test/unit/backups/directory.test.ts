import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeDirectory } from '#backups/directory.ts';

function scratch(): string {
  const made = mkdtempSync(join(tmpdir(), 'directory-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

it('a directory is made with those above it, and once more does no harm', async () => {
  const deep = join(scratch(), 'a', 'b', 'c');
  await Promise.all([makeDirectory(deep), makeDirectory(join(deep, 'd'))]);
  await makeDirectory(deep);
  expect(statSync(join(deep, 'd')).isDirectory()).toBe(true);
});

it('many may make the same directories at once', async () => {
  const top = scratch();
  const paths = Array.from({ length: 200 }, (_, at) => join(top, ...'abcdefgh'.slice(0, 1 + (at % 8))));
  await Promise.all(paths.map(makeDirectory));
  expect(statSync(join(top, ...'abcdefgh')).isDirectory()).toBe(true);
});

it('what cannot be made ends with the reason, below a file and where the system lets nobody', async () => {
  const file = join(scratch(), 'file');
  writeFileSync(file, '');
  await expect(makeDirectory(file)).rejects.toThrow('EEXIST');
  await expect(makeDirectory(join(file, 'below'))).rejects.toThrow('ENOTDIR');
  await expect(makeDirectory('/proc/nope/below')).rejects.toThrow('ENOENT');
});
