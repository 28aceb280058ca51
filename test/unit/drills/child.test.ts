import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startChild } from '#drills/sandbox/child.ts';
import { clusterPortOf, startRedisNode } from '#drills/sandbox/local-redis.ts';
import { systemClock } from '#kernel/clock.ts';
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

  it('is told nothing as a node of a cluster that Redis 6.2 does not know, which then would not start', async () => {
    const folder = await testFolder('node');
    const command = join(folder, 'redis-server');
    // What 6.2.16 does with a line that it does not know (measured): it says so, and ends.
    await writeFile(command, '#!/bin/sh\nif grep -q "^cluster-port" "$1"; then echo "Bad directive or wrong number of arguments"; exit 1; fi\necho "Done loading RDB, keys loaded: 3, keys expired: 0."\necho "Ready to accept connections"\nexec sleep 60\n');
    await chmod(command, 0o700);
    const node = await startRedisNode({ command, folder: join(folder, 'node'), port: 40_000, password: 'x', shard: { file: '/nowhere', slots: ['0-16383'] }, clock: systemClock, signal: new AbortController().signal });
    expect(node).toMatchObject({ ok: true, value: { loaded: { keys: 3, expired: 0 } } });
    if (node.ok) await node.value.child.kill();
    expect(await readFile(join(folder, 'node', 'redis.conf'), 'utf8')).toContain('cluster-enabled yes');
    // So its second port is always the one that it takes by itself.
    expect([clusterPortOf(40_000), clusterPortOf(55_536)]).toEqual([50_000, undefined]);
  });
});
