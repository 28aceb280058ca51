import { TestRunner } from 'vitest';
import { SERVERS, findServer } from './binaries.ts';
import type { ServerName } from './binaries.ts';

/**
 * The path of a real server's program. Without it the test that asks is skipped with the reason, and under `CI=true` it
 * fails: there a missing server must never pass for a green test. Call it inside a test or its beforeEach.
 */
export function requireServer(name: ServerName): string {
  const found = findServer(name);
  if (found !== undefined) return found;
  const because = `${SERVERS[name].binaries.join(' or ')} is not on PATH (Debian package ${SERVERS[name].debianPackage}; npm test installs it when it may)`;
  const test = TestRunner.getCurrentTest();
  if (process.env['CI'] === 'true' || test === undefined) throw new Error(because);
  return test.context.skip(because);
}
