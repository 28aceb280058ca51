import { describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { clusterGet } from '#systems/nats/steps/cluster-get.ts';
import { connectionsList } from '#systems/nats/steps/connections-list.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { deadLettersWatch } from '#systems/nats/steps/dead-letters-watch.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { serverHealth } from '#systems/nats/steps/server-health.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { CORDUM_CONSUMERS, deadLetterPacket, durableOf, jetstreamApi, makeCordumConsumer, makeCordumStreams, natsClient, REAL_TIME } from '../../kit/nats.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { read, tryRead } from '../../kit/step-context.ts';

/** Nothing of ours listens on port 1 of loopback. */
const NOBODY = '127.0.0.1:1';

describe('a single nats-server', () => {
  it('is healthy by its monitor, and without one by its greeting', async () => {
    const server = await startNats();
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    expect(await read(serverHealth, {}, ours)).toMatchObject({
      healthy: true,
      reachable: true,
      source: 'monitor',
      jetstream: true,
      say: expect.stringMatching(/^The server is healthy, and we can log in/),
      servers: [{ name: 'nats-0', reachable: true, healthy: true, why: '', version: expect.stringMatching(/^2\./), storageLimitBytes: 268_435_456 }],
      client: { connected: true, reason: '' },
    });
    expect(await read(serverHealth, {}, natsClient({ url: `nats://${server.address}` }))).toMatchObject({ healthy: true, source: 'client', servers: [{ name: 'nats-0', jetstream: true }] });
    expect(await read(clusterGet, {}, ours)).toMatchObject({ healthy: true, clustered: false, expected: 1, quorum: 'yes', partitioned: false, say: 'It is one server alone. It is one server alone, which needs no others.' });
    expect(await read(clusterGet, {}, natsClient({ url: `nats://${server.address}` }))).toMatchObject({ healthy: false, reachable: true, quorum: 'yes', say: expect.stringMatching(/nats\.monitorUrl/) });
  });

  it('that is gone is not reachable in health and cluster, and a failure in the other reads', async () => {
    const ours = natsClient({ url: `nats://${NOBODY}`, monitorUrls: [`http://${NOBODY}`] });
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: false, reachable: false, say: expect.stringMatching(/1 of 1 servers do not answer/), client: { connected: false, reason: 'unreachable' } });
    expect(await read(clusterGet, {}, ours)).toMatchObject({ healthy: false, reachable: false, quorum: 'unknown', partitioned: false });
    for (const step of [streamsList, consumersList, jetstreamFacts, connectionsList]) {
      expect(await tryRead(step, {}, ours), step.name).toMatchObject({ ok: false, failure: { reason: 'unreachable', message: expect.stringMatching(/nothing listens there/) } });
    }
  });

  it('that hangs (SIGSTOP) ends at our timeout, and answers again when it goes on', async () => {
    const server = await startNats();
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl], timeoutMs: 1_000 });
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: true });
    server.freeze();
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: false, servers: [{ reachable: false, why: expect.stringMatching(/within 1000 ms/) }], client: { connected: false, reason: 'timeout' } });
    // The broken connection is not used again, and a new one does not come about.
    expect(await tryRead(streamsList, {}, ours)).toMatchObject({ ok: false, failure: { reason: 'timeout' } });
    server.thaw();
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: true });
  });

  it('that hangs does not hold up a run that was cancelled', async () => {
    const server = await startNats();
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    await ours.bus.roundTrip();
    server.freeze();
    for (const step of [streamsList, connectionsList, deadLettersWatch]) {
      const cancel = new AbortController();
      const answer = tryRead(step, {}, ours, { signal: cancel.signal, sleep: () => Promise.resolve() });
      cancel.abort();
      expect(await answer, step.name).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
    }
  });

  it('that is started again is used again, over a new connection', async () => {
    const first = await startNats();
    const ours = natsClient({ url: `nats://${first.address}` });
    expect(await read(streamsList, {}, ours)).toMatchObject({ total: 0, healthy: false });
    await first.stop();
    expect(await tryRead(streamsList, {}, ours)).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
    await startNats({ port: first.clientPort });
    expect(await read(streamsList, {}, ours)).toMatchObject({ total: 0 });
  });

  it('without JetStream says so, and is healthy all the same', async () => {
    const server = await startNats({ jetstream: false });
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: true, jetstream: false });
    expect(await read(clusterGet, {}, ours)).toMatchObject({ healthy: true, jetstream: false, quorum: 'unknown', say: expect.stringMatching(/JetStream is off/) });
    expect(await tryRead(streamsList, {}, ours)).toMatchObject({ ok: false, failure: { reason: 'unavailable', message: expect.stringMatching(/JetStream is off/) } });
    expect(await read(jetstreamFacts, {}, ours)).toMatchObject({ asExpected: false, jetstream: false });
  });
});

describe('credentials and TLS', () => {
  it('that are wrong say so and print nothing of them; the server still counts as alive', async () => {
    const server = await startNats({ auth: { username: 'bot', password: '1234567' } });
    const right = natsClient({ url: `nats://bot:1234567@${server.address}`, monitorUrls: [server.monitorUrl] });
    expect(await read(serverHealth, {}, right)).toMatchObject({ healthy: true });
    for (const wrong of [{ url: `nats://bot:7654321@${server.address}` }, { url: `nats://${server.address}`, username: 'bot', password: new Secret('7654321') }, { url: `nats://${server.address}` }]) {
      const answer = await read(serverHealth, {}, natsClient({ ...wrong, monitorUrls: [server.monitorUrl] }));
      expect(answer).toMatchObject({ healthy: false, reachable: true, healthyServers: 1, client: { connected: false, reason: 'unauthorised' } });
      expect(JSON.stringify(answer)).not.toContain('7654321');
    }
    const token = await startNats({ auth: { token: 's3cr3t' } });
    expect(await read(serverHealth, {}, natsClient({ url: `nats://${token.address}`, token: new Secret('s3cr3t') }))).toMatchObject({ healthy: true });
    expect(await read(serverHealth, {}, natsClient({ url: `nats://s3cr3t@${token.address}` }))).toMatchObject({ healthy: true });
  });

  it('that may not use JetStream are forbidden, not unhealthy', async () => {
    const config = 'authorization { users: [ { user: bot, password: pw, permissions: { publish: ["nothing"], subscribe: ["_INBOX.>"] } } ] }';
    const server = await startNats({ config });
    const ours = natsClient({ url: `nats://bot:pw@${server.address}` });
    expect(await tryRead(streamsList, {}, ours)).toMatchObject({ ok: false, failure: { reason: 'forbidden' } });
    expect(await tryRead(deadLettersWatch, { seconds: 1 }, ours, REAL_TIME)).toMatchObject({ ok: false, failure: { reason: 'forbidden', message: expect.stringMatching(/sys\.job\.dlq/) } });
  });

  it('over TLS are checked against the name of the address, and the authority that is given', async () => {
    const certificates = await makeCertificates({ names: ['127.0.0.1', 'nats.test'] });
    const stranger = await makeCertificates({ names: ['127.0.0.1'] });
    const misnamed = await makeCertificates({ names: ['localhost'] });
    const server = await startNats({ tls: certificates });
    const url = `tls://${server.address}`;
    const why = async (client: ReturnType<typeof natsClient>): Promise<unknown> => ((await read(serverHealth, {}, client))['client'] as { why: string }).why;
    expect(await why(natsClient({ url, tls: { ca: certificates.ca } }))).toBe('');
    expect(await why(natsClient({ url, tls: { ca: certificates.ca, serverName: 'nats.test' } }))).toBe('');
    expect(await why(natsClient({ url, tls: { ca: certificates.ca, serverName: 'other.test' } }))).toMatch(/for another name/);
    expect(await why(natsClient({ url, tls: { ca: stranger.ca } }))).toMatch(/unknown authority|not signed by/);
    expect(await why(natsClient({ url }))).toMatch(/unknown authority/);
    // Good for localhost only, and addressed as 127.0.0.1: the library alone would accept it.
    const other = await startNats({ tls: misnamed });
    expect(await why(natsClient({ url: `tls://${other.address}`, tls: { ca: misnamed.ca } }))).toMatch(/for another name/);
    // By name: the library looks the name up itself.
    expect(await why(natsClient({ url: `tls://localhost:${other.clientPort}`, tls: { ca: misnamed.ca } }))).toBe('');
    const plain = await startNats();
    expect(await why(natsClient({ url: `tls://${plain.address}`, tls: { ca: certificates.ca } }))).toMatch(/offers no TLS/);
  });

  it('by client certificate (mTLS) are asked for where the server wants them', async () => {
    const certificates = await makeCertificates({ names: ['127.0.0.1'] });
    const expired = await makeCertificates({ names: ['127.0.0.1'], expiresInDays: -1 });
    const server = await startNats({ tls: { ...certificates, verify: true } });
    const url = `tls://${server.address}`;
    const mine = { ca: certificates.ca, cert: certificates.clientCert, key: new Secret(certificates.clientKey) };
    expect(await read(serverHealth, {}, natsClient({ url, tls: mine }))).toMatchObject({ healthy: true });
    expect(await read(serverHealth, {}, natsClient({ url, tls: { ca: certificates.ca } }))).toMatchObject({ healthy: false, reachable: true, client: { connected: false } });
    const old = await startNats({ tls: expired });
    expect(await read(serverHealth, {}, natsClient({ url: `tls://${old.address}`, tls: { ca: expired.ca } }))).toMatchObject({ client: { reason: 'unreachable', why: expect.stringMatching(/has expired/) } });
  });
});

describe('streams, consumers and what Cordum expects of them', () => {
  it('shows a Cordum that is well: its streams, bound consumers and no difference', async () => {
    const server = await startNats();
    const nc = await server.client();
    await makeCordumStreams(nc);
    for (const [queue, subject] of CORDUM_CONSUMERS) {
      const deliver = await makeCordumConsumer(nc, queue, subject);
      nc.subscribe(deliver, { queue, callback: (_error, message) => message.respond('+ACK') });
    }
    await nc.flush();
    nc.publish('sys.job.submit', 'one');
    await nc.flush();
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    expect(await waitFor(async () => ((await read(jetstreamFacts, {}, ours))['asExpected'] === true ? read(jetstreamFacts, {}, ours) : undefined), { until: 'everything is bound' })).toMatchObject({ critical: 0, items: [], replicasExpected: 1, source: 'api' });
    expect(await read(streamsList, { stream: 'CORDUM_SYS' }, ours)).toMatchObject({ healthy: true, total: 1, items: [{ name: 'CORDUM_SYS', messages: 1, consumers: 4, subjects: [{ subject: 'sys.>' }], replicas: 1, replicasOnline: 1, maxAgeSeconds: 604_800, leader: 'this server' }] });
    expect(await read(consumersList, {}, ours)).toMatchObject({ stalled: 0, total: 4, say: 'None of the 4 consumers is stalled.' });
    expect(await read(connectionsList, {}, ours)).toMatchObject({ slow: 0, thrownOut: [], items: expect.arrayContaining([expect.objectContaining({ name: 'cordum-runbook-bot' })]) });
  });

  it('names a deleted durable, a service that stopped listening, and a stream that was set up otherwise', async () => {
    const server = await startNats();
    const nc = await server.client();
    const workflow = await server.client();
    await makeCordumStreams(nc);
    for (const [queue, subject] of CORDUM_CONSUMERS) {
      const deliver = await makeCordumConsumer(nc, queue, subject);
      (queue === 'cordum-workflow-engine' ? workflow : nc).subscribe(deliver, { queue, callback: (_error, message) => message.respond('+ACK') });
    }
    await Promise.all([nc.flush(), workflow.flush()]);
    await workflow.close();
    await jetstreamApi(nc, `CONSUMER.DELETE.CORDUM_SYS.${durableOf('cordum-gateway', 'sys.job.dlq')}`);
    await jetstreamApi(nc, 'STREAM.DELETE.CORDUM_JOBS');
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    const facts = await read(jetstreamFacts, { replicas: 3, auditTransport: true }, ours);
    const rows = (facts['items'] as { name: string; code: string }[]).map(({ name, code }) => `${name} ${code}`);
    expect(rows.toSorted()).toEqual([
      'CORDUM_JOBS missing',
      'CORDUM_SYS replicas',
      'dur_audit-exporters__sys_audit_export missing',
      'dur_cordum-gateway__sys_job_dlq missing',
      'dur_cordum-workflow-engine__sys_job_result noSubscriber',
    ]);
    expect(facts).toMatchObject({ asExpected: false, critical: 4 });
  });

  it('tells why a consumer is stalled: nobody listens, nothing is acknowledged, or its limit is reached', async () => {
    const server = await startNats();
    const nc = await server.client();
    await makeCordumStreams(nc);
    await makeCordumConsumer(nc, 'cordum-scheduler', 'sys.job.submit');
    const result = await makeCordumConsumer(nc, 'cordum-scheduler', 'sys.job.result', { ackWaitMs: 300 });
    const dlq = await makeCordumConsumer(nc, 'cordum-gateway', 'sys.job.dlq', { maxAckPending: 2 });
    await makeCordumConsumer(nc, 'pullers', 'sys.audit.export', { pull: true });
    nc.subscribe(result, { queue: 'cordum-scheduler', callback: () => undefined });
    nc.subscribe(dlq, { queue: 'cordum-gateway', callback: () => undefined });
    await nc.flush();
    for (const subject of ['sys.job.submit', 'sys.job.result', 'sys.job.dlq', 'sys.audit.export']) for (let n = 0; n < 5; n += 1) nc.publish(subject, `${n}`);
    await nc.flush();
    const ours = natsClient({ url: `nats://${server.address}`, monitorUrls: [server.monitorUrl] });
    const states = async (): Promise<Record<string, unknown>> => {
      const { items } = (await read(consumersList, { stream: 'CORDUM_SYS', stalledAfterSeconds: 1 }, ours, REAL_TIME)) as { items: { name: string; state: string; stalled: boolean; pending: number; redelivered: number }[] };
      return Object.fromEntries(items.map((item) => [item.name, item]));
    };
    const seen = await waitFor(
      async () => {
        const now = await states();
        return JSON.stringify(now).includes('notAcknowledging') && JSON.stringify(now).includes('notDelivering') ? now : undefined;
      },
      { until: 'redeliveries and the silence of the pull consumer are seen' },
    );
    expect(seen).toMatchObject({
      'dur_cordum-scheduler__sys_job_submit': { state: 'noSubscriber', stalled: true, pending: 5, bound: false, cordumQueue: 'cordum-scheduler', cordumSubject: 'sys.job.submit' },
      'dur_cordum-scheduler__sys_job_result': { state: 'notAcknowledging', stalled: true, ackPending: 5, bound: true, redelivered: 5 },
      'dur_cordum-gateway__sys_job_dlq': { state: 'full', stalled: true, pending: 3, ackPending: 2 },
      dur_pullers__sys_audit_export: { state: 'notDelivering', stalled: true, kind: 'pull', pending: 5 },
    });
  });
});

describe('listening for dead letters', () => {
  it('hears what is sent meanwhile, counts reasons, makes no consumer and takes nothing from anybody', async () => {
    const server = await startNats();
    const nc = await server.client();
    await makeCordumStreams(nc);
    const deliver = await makeCordumConsumer(nc, 'cordum-gateway', 'sys.job.dlq');
    let gateway = 0;
    let sent = 0;
    nc.subscribe(deliver, { queue: 'cordum-gateway', callback: (_error, message) => { gateway += 1; message.respond('+ACK'); } });
    await nc.flush();
    const ours = natsClient({ url: `nats://${server.address}` });
    const sends = async (): Promise<void> => {
      nc.publish('sys.job.dlq', deadLetterPacket({ jobId: 'job-1', code: 'no_workers', reason: 'nobody' }));
      nc.publish('sys.job.dlq', deadLetterPacket({ jobId: 'job-2', code: 'no_workers', reason: 'nobody' }));
      nc.publish('sys.job.dlq', deadLetterPacket({ jobId: 'job-3', code: 'timeout', reason: 'slow', status: 9 }));
      nc.publish('sys.job.dlq', 'no protobuf');
      sent += 4;
      await nc.flush();
      await waitFor(() => (gateway === sent ? true : undefined), { until: 'the gateway has them all' });
      expect(await jetstreamApi(nc, 'CONSUMER.LIST.CORDUM_SYS')).toMatchObject({ total: 1 });
      await ours.bus.roundTrip();
    };
    expect(await read(deadLettersWatch, { seconds: 5, limit: 3 }, ours, { sleep: sends })).toMatchObject({
      total: 4,
      truncated: true,
      byReason: [{ code: 'no_workers', count: 2 }, { code: 'timeout', count: 1 }],
      items: [{ jobId: 'job-1', status: 'JOB_STATUS_FAILED', createdAt: '2026-11-20T00:00:00.000Z', senderId: 'cordum-scheduler' }, { jobId: 'job-2' }, { jobId: 'job-3', status: 'JOB_STATUS_TIMEOUT' }],
    });
    expect(await read(deadLettersWatch, { seconds: 1 }, ours, { sleep: sends })).toMatchObject({ unreadable: 1, say: expect.stringMatching(/^4 jobs were dead-lettered/) });
    expect(gateway).toBe(8);
  });

  it('says that the connection ended before the time was up', async () => {
    const server = await startNats();
    const ours = natsClient({ url: `nats://${server.address}` });
    const dies = async (): Promise<void> => {
      await server.stop('SIGKILL');
      await waitFor(async () => ((await ours.bus.roundTrip()).ok ? undefined : true), { until: 'the end is noticed' });
    };
    expect(await read(deadLettersWatch, { seconds: 5 }, ours, { sleep: dies })).toMatchObject({ total: 0, truncated: true, note: 'The connection ended before the time was up.' });
  });
});
