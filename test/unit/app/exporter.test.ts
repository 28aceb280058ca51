import { describe, expect, it } from 'vitest';
import { createFeed } from '#app/exporter.ts';
import { endpointsOf } from '#app/certificate-endpoints.ts';
import type { TargetConfig } from '#config/config.ts';
import type { Reread } from '#exporter/rounds.ts';
import type { AlertFeed } from '#incidents/ports.ts';
import { Secret } from '#kernel/secret.ts';
import type { Exporter, Reading } from '#systems/cordum/exporter.ts';

type Alert = Parameters<AlertFeed['feeds']>[1];
const alertOf = (expression: string, labels: Record<string, string> = {}): Alert => ({ labels, generatorURL: `http://p.example/graph?g0.expr=${encodeURIComponent(expression)}` }) as unknown as Alert;

function feedOf(parts: { dlq?: Reading; source?: Reread; known?: string[] }): { feed: AlertFeed; asked: string[] } {
  const asked: string[] = [];
  const dlq = { reread: (_target: string, metric: string) => (asked.push(metric), Promise.resolve(parts.dlq ?? { seen: false, because: 'no answer' })) } as unknown as Exporter;
  const rounds = { reread: (_target: string, source: string) => (asked.push(source), Promise.resolve(parts.source ?? { seen: false as const, because: 'no answer' })) };
  return { feed: createFeed(dlq, rounds, new Set(parts.known ?? ['jobs prod', 'status prod', 'backups prod'])), asked };
}

describe('an alert that the bot feeds', () => {
  it('is looked at again by the source of its series, with the labels of the alert', async () => {
    const samples = [{ series: 'cordum_stale_jobs', labels: { state: 'running' }, value: 73 }, { series: 'cordum_stale_jobs', labels: { state: 'pending' }, value: 0 }] as const;
    const { feed, asked } = feedOf({ source: { seen: true, samples, at: 0 } });
    expect(await feed.reread('prod', alertOf('cordum_stale_jobs > 50', { state: 'running' }))).toEqual({ seen: true, stillHolds: true, say: 'cordum_stale_jobs for state=running is 73' });
    expect(await feed.reread('prod', alertOf('cordum_stale_jobs > 50', { state: 'pending' }))).toMatchObject({ seen: true, stillHolds: false });
    expect(asked).toEqual(['jobs', 'jobs']);
  });

  it('about the queue is looked at again as before', async () => {
    const { feed } = feedOf({ dlq: { seen: true, target: 'prod', entries: 240, truncated: true, at: 0 } });
    expect(await feed.reread('prod', alertOf('cordum_dlq_entries > 100'))).toEqual({ seen: true, stillHolds: true, say: 'the DLQ holds at least 240 entries' });
    expect(await feed.reread('prod', alertOf('cordum_dlq_entries > 500'))).toMatchObject({ seen: true, stillHolds: undefined });
  });

  it('cannot be seen to be over while its source cannot be seen', async () => {
    const { feed } = feedOf({});
    expect(await feed.reread('prod', alertOf('cordum_stale_jobs > 50'))).toEqual({ seen: false, because: 'no answer' });
    expect(await feed.reread('prod', alertOf('cordum_exporter_source_up == 0', { source: 'backups' }))).toEqual({ seen: false, because: 'no answer' });
  });

  it('about a source is over when the source sees again', async () => {
    const { feed, asked } = feedOf({ source: { seen: true, samples: [], at: 0 } });
    expect(await feed.reread('prod', alertOf('cordum_exporter_source_up == 0', { source: 'backups' }))).toMatchObject({ seen: true, stillHolds: false });
    expect(asked).toEqual(['backups']);
  });

  it('is not ours when the target has no such source: somebody else exports that series', async () => {
    const { feed } = feedOf({ known: [] });
    const alert = alertOf('cordum_stale_jobs > 50');
    expect(feed.feeds('prod', alert)).toBe(false);
    expect(await feed.reread('prod', alert)).toBe('not-ours');
    expect(feed.feeds('prod', alertOf('cordum_exporter_source_up == 0', { source: 'constructor' }))).toBe(false);
  });
});

describe('the endpoints with a certificate', () => {
  const target = (parts: Partial<TargetConfig>): TargetConfig => ({ name: 'prod', match: {}, ...parts });
  const tls = { ca: 'CA', cert: 'CERT', key: new Secret('KEY'), serverName: 'cordum.internal' };

  it('are those of the configuration that speak TLS, and only those', () => {
    const key = new Secret('k');
    expect(endpointsOf(target({ cordum: { url: 'http://c:8081', apiKey: key, tenant: 't' }, redis: { url: new Secret('redis://:pw@r:6379') }, nats: { url: new Secret('nats://n:4222'), monitorUrls: [] }, grpc: [{ name: 'k', address: 'k:1' }] }))).toEqual([]);
    const found = endpointsOf(
      target({
        cordum: { url: 'https://c.example:8081', apiKey: key, tenant: 't', tls },
        grpc: [{ name: 'safety-kernel', address: '[::1]:50051', tls: {} }],
        redis: { url: new Secret('rediss://:pw@r.example') },
        nats: { url: new Secret('tls://n1:4222, tls://n2'), monitorUrls: [] },
      }),
    );
    expect(found.map(({ name, host, port, greeting }) => [name, host, port, greeting])).toEqual([
      ['cordum', 'c.example', 8_081, 'none'],
      ['grpc/safety-kernel', '::1', 50_051, 'none'],
      ['redis', 'r.example', 6_379, 'none'],
      ['nats/n1:4222', 'n1', 4_222, 'nats'],
      ['nats/n2:4222', 'n2', 4_222, 'nats'],
    ]);
    expect(found[0]).toMatchObject({ serverName: 'cordum.internal', identity: { cert: 'CERT' } });
    expect(JSON.stringify(found)).not.toContain('pw');
  });
});
