import { describe, expect, it } from 'vitest';
import { startChild } from '#drills/sandbox/child.ts';
import { testFolder } from '../../kit/drills/backups.ts';

describe('a server of a sandbox', () => {
  it('that writes much is still known by what it wrote first, and by what it wrote last', async () => {
    // A node of a cluster that has loaded keys of 5,461 slots names each of them between these two lines.
    const child = startChild('/bin/sh', ['-c', 'echo "keys loaded: 1349, keys expired: 7"; i=0; while [ $i -lt 6000 ]; do echo "I have keys for unassigned slot $i. Taking responsibility for it."; i=$((i+1)); done; echo "Ready to accept connections"'], await testFolder('child'));
    await child.ended;
    await expect.poll(() => child.output()).toMatch(/Ready to accept connections\n$/);
    expect(child.output()).toMatch(/^keys loaded: 1349, keys expired: 7\n/);
    expect(child.output().length).toBe(64_000);
  });
});
