import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAlertmanager } from '../kit/servers/alertmanager.ts';
import { startProcess, waitFor, waitUntilReady } from '../kit/servers/process.ts';
import { startPrometheus } from '../kit/servers/prometheus.ts';

const ALONE = 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n';

describe('real servers for tests', () => {
  it('Prometheus starts with the rules it is given, evaluates them and is gone after stop', async () => {
    const prometheus = await startPrometheus({
      config: 'global: { evaluation_interval: 1s }\nrule_files: [rules.yml]\n',
      files: { 'rules.yml': 'groups: [{ name: kit, rules: [{ alert: AlwaysFiring, expr: vector(1) }] }]\n' },
    });
    expect(await prometheus.query('vector(42)')).toEqual([{ labels: {}, value: 42 }]);
    await waitFor(async () => (await prometheus.alerts()).find((alert) => alert.name === 'AlwaysFiring' && alert.state === 'firing'), { until: 'the rule fires' });
    await prometheus.stop();
    expect(prometheus.running()).toBe(false);
    expect(existsSync(prometheus.directory)).toBe(false);
  });

  it('Alertmanager delivers a posted alert to a webhook', async () => {
    const bodies: string[] = [];
    const sink = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        bodies.push(body);
        response.end();
      });
    });
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void sink.close());
    const { port } = sink.address() as AddressInfo;
    const alertmanager = await startAlertmanager({
      config: `route: { receiver: sink, group_wait: 0s }\nreceivers: [{ name: sink, webhook_configs: [{ url: 'http://127.0.0.1:${port}/' }] }]\n`,
    });
    await alertmanager.post([{ labels: { alertname: 'KitSmoke' } }]);
    const body: unknown = JSON.parse(await waitFor(() => bodies[0], { until: 'the webhook is called' }));
    expect(body).toMatchObject({ version: '4', status: 'firing', alerts: [{ labels: { alertname: 'KitSmoke' } }] });
  });

  it('Alertmanager accepts the example that deploy/alertmanager.yaml gives to users', async () => {
    const example = readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'alertmanager.yaml'), 'utf8');
    const alertmanager = await startAlertmanager({ config: example });
    expect(alertmanager.running()).toBe(true);
  });

  it('two Alertmanagers join as peers', async () => {
    const first = await startAlertmanager({ config: ALONE, peers: [] });
    const second = await startAlertmanager({ config: ALONE, peers: [first.clusterAddress ?? ''] });
    const peers = await waitFor(
      async () => {
        const status = (await (await fetch(`${second.url}/api/v2/status`)).json()) as { cluster: { peers: unknown[] } };
        return status.cluster.peers.length === 2 ? status.cluster.peers : undefined;
      },
      { until: 'both see each other' },
    );
    expect(peers).toHaveLength(2);
  });

  it('a server that cannot start says so with what it wrote', async () => {
    await expect(startPrometheus({ config: 'no_such_key: 1\n' })).rejects.toThrow(/Prometheus ended before it was ready:[\s\S]*no_such_key/);
  });

  it('a server that never gets ready is killed at the deadline', async () => {
    const server = startProcess({ what: 'Sleeper', command: process.execPath, args: ['-e', 'console.log("asleep"); setInterval(() => {}, 1e6)'] });
    await waitFor(() => (server.output().includes('asleep') ? true : undefined), { until: 'it has spoken' });
    await expect(waitUntilReady(server, { what: 'Sleeper', url: 'http://127.0.0.1:1/', withinMs: 200 })).rejects.toThrow(/Sleeper was not ready at .* within 200 ms:[\s\S]*asleep/);
    expect(server.running()).toBe(false);
  });
});
