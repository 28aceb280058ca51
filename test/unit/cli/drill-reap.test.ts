import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runHere } from '../../kit/drills/command.ts';

it('the reaper tells a directory in which nothing was left from one that it cannot look into', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'reap-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  expect(await runHere(['drill', 'reap', '--temp', parent])).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was left behind.') });
  expect(await runHere(['drill', 'reap', '--temp', join(parent, 'gone')])).toMatchObject({ code: 1, out: '', note: expect.stringContaining('(ENOENT)') });
});
