import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stepsByName } from '#app/catalogue.ts';
import { createRunbookLibrary, type RunbookLibrary } from '#app/runbook-library.ts';
import { silentLog } from '#kernel/log.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';

const GOOD = (name: string, limit = 10): string => `runbook: ${name}\ntitle: T\nowner: o\nsteps:\n  - id: entries\n    uses: cordum.dlq.list\n    with: { limit: ${limit} }\n`;

let dir: string;
let clock: VirtualClock;
let library: RunbookLibrary;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'runbooks-'));
  clock = createVirtualClock();
  library = createRunbookLibrary({ dir, steps: stepsByName(), clock, log: silentLog });
});
afterEach(async () => {
  library.stop();
  await rm(dir, { recursive: true, force: true });
});

const write = (name: string, text: string): Promise<void> => writeFile(join(dir, `${name}.yaml`), text);

describe('the runbooks of a folder', () => {
  test('are loaded next to one that cannot be, which is told with its place', async () => {
    await write('good', GOOD('good'));
    await write('bad', GOOD('bad').replace('cordum.dlq.list', 'cordum.dlq.lst'));
    await library.load();
    expect(library.list().map(({ name }) => name)).toEqual(['good']);
    expect(library.problems().get('bad')?.[0]).toMatch(/bad\.yaml:6:11 error unknown-step: .*\n\s+hint: .*cordum\.dlq\.list/s);
  });

  test('change when their file does; a bad change leaves the last good version in use', async () => {
    await write('a', GOOD('a'));
    await library.load();
    const first = library.get('a')?.revision;
    library.watch();
    await write('a', GOOD('a', 20));
    await expect.poll(async () => (await clock.advance(1_000), library.get('a')?.revision)).not.toBe(first);
    const second = library.get('a')?.revision;
    await write('a', 'runbook: a\nnonsense: [');
    await expect.poll(async () => (await clock.advance(1_000), library.problems().has('a'))).toBe(true);
    expect(library.get('a')?.revision).toBe(second);
    await write('a', GOOD('a', 30));
    await expect.poll(async () => (await clock.advance(1_000), library.problems().has('a'))).toBe(false);
    expect(library.get('a')?.revision).not.toBe(second);
  });

  test('come and go with their files, and a stored text can be compiled again', async () => {
    await library.load();
    library.watch();
    await write('late', GOOD('late'));
    await expect.poll(async () => (await clock.advance(1_000), library.get('late')?.name)).toBe('late');
    const kept = library.get('late');
    await rm(join(dir, 'late.yaml'));
    await expect.poll(async () => (await clock.advance(1_000), library.get('late'))).toBeUndefined();
    expect(library.compile(kept?.source ?? '', 'late.yaml')?.revision).toBe(kept?.revision);
  });
});
