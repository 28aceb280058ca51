import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { osUser } from '#app/os-user.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NAMELESS_UID = 54_321;

test('the local user is known by name', () => {
  expect(osUser()).toBe(userInfo().username);
});

test.runIf(process.getuid?.() === 0)('a user that has no name is known by number: a container under such a user starts as well', () => {
  // The child changes its user only after loading: that user may not read this folder.
  const script = `const { osUser } = await import('#app/os-user.ts'); process.setuid(${NAMELESS_UID}); console.log(osUser());`;
  expect(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT, encoding: 'utf8' }).trim()).toBe(`uid-${NAMELESS_UID}`);
});
