import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { clientsList } from '#systems/redis/steps/clients-list.ts';
import { clusterGet } from '#systems/redis/steps/cluster-get.ts';
import { latencyList } from '#systems/redis/steps/latency-list.ts';
import { memoryGet } from '#systems/redis/steps/memory-get.ts';
import { sentinelGet } from '#systems/redis/steps/sentinel-get.ts';
import { serverInfo } from '#systems/redis/steps/server-info.ts';
import { serverPing } from '#systems/redis/steps/server-ping.ts';
import { slowlogList } from '#systems/redis/steps/slowlog-list.ts';
import { redisClient } from '../../kit/redis.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { freePort } from '../../kit/servers/port.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';
import { read, tryRead } from '../../kit/step-context.ts';

const QUICK = { timeoutMs: 1_000, connectTimeoutMs: 1_000 };

describe('a single Redis', () => {
  it('that is well is said to be so by every read', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '100mb', '--latency-monitor-threshold', '1', '--slowlog-log-slower-than', '0'] });
    const client = redisClient({ url: redis.url });
    await redis.cli('SET', 'job:state:abc', 'RUNNING');
    await redis.cli('SET', 'session:topsecret', 'x');
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, healthy: true, acceptsWrites: true, why: 'ok', mode: 'standalone', nodesTotal: 1, nodesReachable: 1 });
    expect(await read(serverInfo, {}, client)).toMatchObject({ reachable: true, why: 'ok', masters: 1, memoryLimited: true, problems: [], nodes: [{ version: expect.stringMatching(/^\d/), role: 'master', keys: 2, persistence: { aofEnabled: false, rdbLastSaveOk: true } }] });
    expect(await read(memoryGet, {}, client)).toMatchObject({ limited: true, high: false, items: [{ maxBytes: 104_857_600, consumers: expect.arrayContaining([{ name: expect.any(String), bytes: expect.any(Number) }]) }] });
    expect(await read(clientsList, {}, client)).toMatchObject({ items: [{ name: 'cordum-runbook-bot', from: '127.0.0.1', count: 1 }] });
    expect(await read(latencyList, {}, client)).toMatchObject({ monitored: true });
    expect(await read(clusterGet, {}, client)).toMatchObject({ reachable: true, enabled: false });
    expect(await read(sentinelGet, {}, client)).toMatchObject({ enabled: false });
    const slow = await read(slowlogList, { limit: 128 }, client);
    expect(slow['groups']).toContainEqual(expect.objectContaining({ command: 'SET', keys: 'job:state:*' }));
    expect(JSON.stringify(slow)).not.toContain('topsecret');
  });

  it('that is not there is an answer for a ping, and a failure for a list', async () => {
    const client = redisClient({ url: `redis://127.0.0.1:${await freePort()}` });
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: false, healthy: false, why: 'refused' });
    expect(await read(serverInfo, {}, client)).toMatchObject({ reachable: false, why: 'refused', nodes: [], problems: [{ code: 'unreachable' }] });
    expect(await read(clusterGet, {}, client)).toMatchObject({ reachable: false, why: 'refused' });
    expect(await tryRead(slowlogList, {}, client)).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
  });

  it('whose name is not found is told apart', async () => {
    expect(await read(serverPing, {}, redisClient({ url: 'redis://no-such-host.invalid:6379' }))).toMatchObject({ reachable: false, why: 'dns' });
  });

  it('that hangs ends at the timeout, and is found again when it goes on', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url }, QUICK);
    expect(await read(serverPing, {}, client)).toMatchObject({ why: 'ok' });
    redis.freeze();
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: false, why: 'timeout' });
    redis.thaw();
    expect(await waitFor(async () => ((await read(serverPing, {}, client))['why'] === 'ok' ? 'ok' : undefined), { until: 'it answers again' })).toBe('ok');
  });

  it('that was restarted is found again', async () => {
    const first = await startRedis();
    const client = redisClient({ url: first.url });
    expect(await read(serverPing, {}, client)).toMatchObject({ why: 'ok' });
    await first.stop();
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: false, why: 'refused' });
    await startRedis({ port: first.port });
    expect(await read(serverPing, {}, client)).toMatchObject({ why: 'ok' });
  });

  it('with a password says that ours is wrong or missing, and never shows it', async () => {
    const redis = await startRedis({ password: 'right-one' });
    expect(await read(serverPing, {}, redisClient({ url: redis.url }))).toMatchObject({ why: 'ok', healthy: true });
    expect(await read(serverPing, {}, redisClient({ url: `redis://${redis.address}`, password: new Secret('right-one') }))).toMatchObject({ why: 'ok' });
    const wrong = await read(serverPing, {}, redisClient({ url: `redis://:wrong-one@${redis.address}` }));
    expect(wrong).toMatchObject({ reachable: false, why: 'auth' });
    expect(JSON.stringify(wrong)).not.toContain('wrong-one');
    expect(await read(serverPing, {}, redisClient({ url: `redis://${redis.address}` }))).toMatchObject({ why: 'auth' });
  });

  it('with as many clients as it may have says so, though it hangs up before it is asked', async () => {
    const redis = await startRedis({ args: ['--maxclients', '3'] });
    const others = Array.from({ length: 3 }, () => connect(redis.port, '127.0.0.1').on('error', () => undefined));
    onTestFinished(() => others.forEach((socket) => socket.destroy()));
    await waitFor(async () => redis.cli('PING').then(() => undefined, () => true), { until: 'it takes no more clients' });
    expect(await read(serverPing, {}, redisClient({ url: redis.url }))).toMatchObject({ reachable: false, why: 'maxClients' });
  });

  it('with an ACL serves a user that has few rights as far as they go', async () => {
    const redis = await startRedis();
    await redis.cli('ACL', 'SETUSER', 'bot', 'on', '>pw', '~*', '+ping', '+client|setname');
    const client = redisClient({ url: `redis://${redis.address}`, username: 'bot', password: new Secret('pw') });
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, healthy: false, acceptsWrites: false, why: 'noPermission' });
    expect(await tryRead(slowlogList, {}, client)).toMatchObject({ ok: false, failure: { reason: 'forbidden' } });
  });

  it('that is full refuses writes, and says so', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
    const chunk = 'x'.repeat(50_000);
    const filled = await waitFor(async () => redis.cli('APPEND', 'big', chunk).then(() => undefined, () => true), { until: 'it is full', everyMs: 1 });
    expect(filled).toBe(true);
    const client = redisClient({ url: redis.url });
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, healthy: false, acceptsWrites: false, why: 'oom' });
    expect(await read(serverInfo, {}, client)).toMatchObject({ why: 'oom', problems: [{ code: 'memoryFull', severity: 'critical' }] });
    expect(await read(memoryGet, {}, client)).toMatchObject({ high: true });
  });

  it('that cannot save to disk refuses writes, and says so', async () => {
    const redis = await startRedis({ args: ['--save', '3600 1'] });
    // A file cannot take the place of a folder that holds something: the save fails at its last step, for root as well.
    await mkdir(join(redis.directory, 'dump.rdb', 'in-the-way'), { recursive: true });
    await redis.cli('SET', 'a', 'b');
    await redis.cli('BGSAVE');
    await waitFor(async () => ((await redis.cli('INFO', 'persistence')).includes('rdb_last_bgsave_status:err') ? true : undefined), { until: 'the save has failed' });
    expect(await read(serverPing, {}, redisClient({ url: redis.url }))).toMatchObject({ reachable: true, acceptsWrites: false, why: 'misconf' });
  });

  it('that is a replica takes no writes, and one that was cut off says that its master is gone', async () => {
    const master = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await waitFor(async () => ((await replica.cli('INFO', 'replication')).includes('master_link_status:up') ? true : undefined), { until: 'the replica is in sync' });
    // The master calls it online a moment later, with its first acknowledgement.
    await waitFor(async () => ((await master.cli('INFO', 'replication')).includes('state=online') ? true : undefined), { until: 'the master knows its replica' });
    const client = redisClient({ url: replica.url });
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, acceptsWrites: false, why: 'readonly' });
    expect(await read(serverInfo, {}, redisClient({ url: master.url }))).toMatchObject({ nodes: [{ replication: { connectedReplicas: 1, replicas: [{ address: replica.address, online: true }] } }] });
    await master.stop('SIGKILL');
    await waitFor(async () => ((await replica.cli('INFO', 'replication')).includes('master_link_status:down') ? true : undefined), { until: 'the link is down' });
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, why: 'masterDown' });
    expect(await read(serverInfo, {}, client)).toMatchObject({ why: 'masterDown', problems: [{ code: 'masterLinkDown' }, { code: 'noMemoryLimit' }] });
  });

  it('that is cancelled while it hangs ends at once', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    redis.freeze();
    const cancel = new AbortController();
    const asked = tryRead(serverPing, {}, client, { signal: cancel.signal });
    cancel.abort();
    expect(await asked).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
  });
});

describe('Redis over TLS', () => {
  it('answers with the right authority and, where it wants one, our certificate', async () => {
    const certificates = await makeCertificates({ names: ['127.0.0.1'] });
    const redis = await startRedis({ tls: { certificates, mutual: true }, password: 'pw' });
    const tls = { ca: certificates.ca, cert: certificates.clientCert, key: new Secret(certificates.clientKey) };
    expect(await read(serverPing, {}, redisClient({ url: redis.url, tls }))).toMatchObject({ why: 'ok', healthy: true });
    expect(await read(serverPing, {}, redisClient({ url: redis.url, tls: { ca: certificates.ca } }))).toMatchObject({ reachable: false, why: 'tls' });
  });

  it('is refused with another authority, another name, or a certificate that has expired', async () => {
    const certificates = await makeCertificates({ names: ['redis.cordum.svc'] });
    const other = await makeCertificates({ names: ['127.0.0.1'] });
    const redis = await startRedis({ tls: { certificates } });
    expect(await read(serverPing, {}, redisClient({ url: redis.url, tls: { ca: other.ca } }))).toMatchObject({ reachable: false, why: 'tls' });
    expect(await read(serverPing, {}, redisClient({ url: redis.url, tls: { ca: certificates.ca } }))).toMatchObject({ reachable: false, why: 'tls' });
    expect(await read(serverPing, {}, redisClient({ url: redis.url, tls: { ca: certificates.ca, serverName: 'redis.cordum.svc' } }))).toMatchObject({ why: 'ok' });
    const expired = await makeCertificates({ names: ['127.0.0.1'], expiresInDays: -1 });
    const old = await startRedis({ tls: { certificates: expired } });
    expect(await read(serverPing, {}, redisClient({ url: old.url, tls: { ca: expired.ca } }))).toMatchObject({ reachable: false, why: 'tls', say: expect.stringContaining('expired') });
  });

  it('is told apart from a plain port, on either side', async () => {
    const certificates = await makeCertificates({ names: ['127.0.0.1'] });
    const secure = await startRedis({ tls: { certificates } });
    const plain = await startRedis();
    expect(await read(serverPing, {}, redisClient({ url: `rediss://${plain.address}`, tls: { ca: certificates.ca } }, QUICK))).toMatchObject({ reachable: false, say: expect.stringContaining('does not speak TLS') });
    expect(await read(serverPing, {}, redisClient({ url: `redis://${secure.address}` }))).toMatchObject({ reachable: false, why: 'closed', say: expect.stringContaining('rediss://') });
  });
});
