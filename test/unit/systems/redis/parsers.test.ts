import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALL_SLOTS, parseClusterInfo, parseClusterNodes } from '#systems/redis/cluster-nodes.ts';
import { pictureOf } from '#systems/redis/cluster-view.ts';
import { factsOf } from '#systems/redis/facts.ts';
import { intOf, parseClients, parseInfo, replicasOf } from '#systems/redis/info.ts';
import { redirection } from '#systems/redis/keys.ts';
import { parseAddress, writeAddress } from '#systems/redis/target.ts';
import { nodeFacts } from '#systems/redis/records.ts';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '..', '..', '..', 'fixtures', 'redis', name), 'utf8');
const NOW = Date.parse('2026-11-21T06:45:00Z');
const observed = (text: string) => ({ address: 'redis:6379', role: 'unknown' as const, latencyMs: 1, failure: undefined, said: undefined, info: parseInfo(text), stopsWritesOnSaveError: false });

describe('INFO', () => {
  it('of a real master with a replica becomes facts', () => {
    const facts = factsOf(observed(fixture('info-master-7.0.15.txt')), NOW);
    expect(facts).toMatchObject({ role: 'master', version: '7.0.15', why: 'ok', memoryLimited: false, maxClients: 10_000, replication: { connectedReplicas: 1, replicas: [{ state: 'online', online: true }] }, problems: [{ code: 'noMemoryLimit', severity: 'info' }] });
  });

  it.each([
    { seen: 'maxmemory:1000\nused_memory:995\nmaxmemory_policy:noeviction', why: 'oom', code: 'memoryFull' },
    { seen: 'maxmemory:1000\nused_memory:1200\nmem_not_counted_for_evict:300\nmaxmemory_policy:noeviction', why: 'ok', code: 'memoryHigh' },
    { seen: 'maxmemory:1000\nused_memory:999\nmaxmemory_policy:allkeys-lru', why: 'ok', code: 'memoryHigh' },
    { seen: 'maxmemory:1000\nused_memory:999\nmaxmemory_policy:volatile-lru\nerrorstat_OOM:count=4', why: 'oom', code: 'memoryFull' },
    { seen: 'loading:1', why: 'loading', code: 'loading' },
    { seen: 'aof_enabled:1\naof_last_write_status:err', why: 'misconf', code: 'writesRefused' },
    { seen: 'evicted_keys:7\nmaxmemory:1000\nused_memory:10', why: 'ok', code: 'evicting' },
    { seen: 'maxmemory:1000\nrejected_connections:3', why: 'ok', code: 'connectionsRejected' },
    { seen: 'maxmemory:1000\nslave0:ip=10.0.0.2,port=6379,state=online,offset=0,lag=60', why: 'ok', code: 'replicaLagging' },
    { seen: 'maxmemory:1000\nslave0:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0', why: 'ok', code: 'replicaNotOnline' },
  ])('with $seen says $code', ({ seen, why, code }) => {
    const facts = factsOf(observed(`redis_version:7\nrole:master\nrdb_last_bgsave_status:ok\n${seen}`), NOW);
    expect(facts.why).toBe(why);
    expect(facts.problems.map((problem) => problem.code)).toContain(code);
  });

  it('that our user may not read is not healthy', () => {
    expect(factsOf(observed(''), NOW)).toMatchObject({ why: 'noPermission', problems: [{ code: 'notSeen' }] });
  });

  it('of any text never throws, and gives facts of the declared shape', () => {
    const line = fc.tuple(fc.constantFrom('role', 'maxmemory', 'used_memory', 'slave0', 'db0', 'rdb_last_save_time', 'redis_version', 'mem_fragmentation_ratio', 'maxmemory_policy', 'loading', '__proto__'), fc.string()).map(([name, value]) => `${name}:${value}`);
    fc.assert(fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => nodeFacts.parse(factsOf(observed(lines.join('\r\n')), NOW)) !== undefined));
  });

  it('numbers that are none become the neutral value', () => {
    expect(intOf(parseInfo('used_memory:NaN\nx:1e999'), 'used_memory')).toBe(0);
    expect(replicasOf(parseInfo('slave0:'))).toEqual([{ address: '?:?', state: '', online: false, lagSeconds: -1, behindBytes: 0 }]);
  });
});

describe('CLIENT LIST', () => {
  it('of a real server is read without what clients do', () => {
    const { clients } = parseClients(fixture('client-list-7.0.15.txt'));
    expect(clients.length).toBeGreaterThan(1);
    expect(clients).toContainEqual(expect.objectContaining({ host: '127.0.0.1', kind: 'replica' }));
  });

  it('of any text never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => parseClients(`id=1 addr=${text}\n${text}`).clients.length <= text.length + 2));
  });
});

describe('CLUSTER NODES', () => {
  const nodes = parseClusterNodes(fixture('cluster-nodes-7.0.15.txt'));

  it('of a real cluster covers all slots', () => {
    expect(nodes).toHaveLength(6);
    expect(nodes.reduce((sum, node) => sum + node.slots, 0)).toBe(ALL_SLOTS);
    expect(nodes.filter((node) => node.role === 'replica').every((node) => nodes.some((master) => master.id === node.masterId && master.role === 'master'))).toBe(true);
  });

  it.each([
    { where: '10.0.0.1:6379@16379', address: { host: '10.0.0.1', port: 6379 } },
    { where: '10.0.0.1:6379@16379,redis-0.redis', address: { host: '10.0.0.1', port: 6379 } },
    { where: '10.0.0.1:6379@16379,,tls-port=0,shard-id=abc', address: { host: '10.0.0.1', port: 6379 } },
    { where: ':6379@16379', address: undefined },
    { where: '::1:6379@16379', address: { host: '::1', port: 6379 } },
    { where: '10.0.0.1:6379', address: { host: '10.0.0.1', port: 6379 } },
  ])('reads the address $where', ({ where, address }) => {
    expect(parseClusterNodes(`${'a'.repeat(40)} ${where} myself,master - 0 0 1 connected 0-16383`)[0]).toMatchObject({ address, slots: ALL_SLOTS, myself: true });
  });

  it('reads slots on the move and the health of a node', () => {
    const [id, peer] = ['a'.repeat(40), 'b'.repeat(40)];
    expect(parseClusterNodes(`${id} :1@2 myself,master - 0 0 1 connected 0-1 7 [93-<-${peer}] [77->-${peer}]`)[0]).toMatchObject({ slots: 3, importing: [{ slot: 93, peerId: peer }], migrating: [{ slot: 77, peerId: peer }] });
    expect(parseClusterNodes(`${id} h:1@2 master,fail? - 0 0 1 disconnected`)[0]).toMatchObject({ health: 'pfail', linkUp: false });
    expect(parseClusterNodes(`${id} h:1@2 master,nofailover - 0 0 1 connected`)[0]).toMatchObject({ health: 'ok' });
    expect(parseClusterNodes(`${id} :0@0 slave,fail,noaddr ${peer} 0 0 1 disconnected`)[0]).toMatchObject({ health: 'fail', address: undefined, role: 'replica' });
  });

  it('of any text never throws, nor do the picture and its problems', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('a'.repeat(40), '-', '1.2.3.4:1@2', 'myself,master', 'slave,fail', '0-16383', '99999-3', 'connected'));
    const line = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const read = parseClusterNodes(lines.join('\n'));
        const picture = pictureOf(read, read.map((node) => ({ id: node.id, failure: undefined, state: undefined, nodes: read })), parseClusterInfo(new Map()));
        return picture.rows.length === read.length && picture.problems.length > 0;
      }),
    );
  });
});

describe('a redirection', () => {
  it.each([
    { said: 'MOVED 3999 10.0.0.3:6381', to: { address: { host: '10.0.0.3', port: 6381 }, asking: false } },
    { said: 'ASK 3999 10.0.0.3:6381', to: { address: { host: '10.0.0.3', port: 6381 }, asking: true } },
    { said: 'MOVED 3999 :6381', to: { address: { host: 'seed', port: 6381 }, asking: false } },
    { said: 'MOVED 3999 ?:6381', to: { address: { host: 'seed', port: 6381 }, asking: false } },
    { said: 'MOVED x 10.0.0.3:6381', to: undefined },
    { said: 'MOVED 1 nowhere', to: undefined },
    { said: undefined, to: undefined },
  ])('$said is followed', ({ said, to }) => {
    expect(redirection(said, 'seed:6379')).toEqual(to);
  });
});

describe('an address', () => {
  it('is read as it is written', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
      expect(parseAddress(writeAddress({ host: name, port }), 0)).toEqual({ host: name, port });
    }));
  });
});
