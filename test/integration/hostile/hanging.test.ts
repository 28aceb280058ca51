import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';

type Manner = (socket: Socket) => void;

const CHUNK = Buffer.alloc(64 * 1024, 'x');
/** All answers that are under way at once, each up to its limit. Without limits it would be a gigabyte a second. */
const MOST_GROWTH_BYTES = 1.2 * 1024 * 1024 * 1024;
/** They use every system between them. */
const RUNBOOKS = ['service-down', 'redis-connection-lost', 'nats-partition', 'safety-kernel-unreachable', 'high-latency', 'dlq-overflow', 'bot-health'];
const SECRETS = /s3cr3t/i;

/** Takes connections and never says a word. */
const silent: Manner = () => {};

/** After the first word of the client: a beginning that fits, and then data without end. */
function endless(beginning: string): Manner {
  return (socket) => {
    const pump = (): void => {
      while (!socket.destroyed && socket.writable) if (!socket.write(CHUNK)) return;
    };
    socket.on('drain', pump);
    socket.once('data', () => {
      socket.write(beginning);
      pump();
    });
  };
}

/** A header, and then a byte every now and then. */
const drip: Manner = (socket) => {
  let timer: NodeJS.Timeout | undefined;
  socket.once('data', () => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{');
    timer = setInterval(() => socket.write(' '), 100);
  });
  socket.on('close', () => clearInterval(timer));
};

const HTTP = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"status":"success","data":"';

async function listen(manner: Manner): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    manner(socket);
  });
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function targetAt(port: number, redisPort: number): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const url = `http://127.0.0.1:${port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  const user = { name: 'u', user: { token: 'kube-s3cr3t' } };
  await writeFile(kubeconfig, JSON.stringify({ 'current-context': 'c', clusters: [{ name: 'c', cluster: { server: url } }], users: [user], contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }] }));
  return {
    cordum: { url, apiKey: 'cordum-s3cr3t', tenant: 'default' },
    prometheus: { url, bearerToken: 'prometheus-s3cr3t' },
    alertmanager: { url, basic: { username: 'bot', password: 'alertmanager-s3cr3t' } },
    redis: { url: `redis://:redis-s3cr3t@127.0.0.1:${redisPort}` },
    nats: { url: `nats://bot:nats-s3cr3t@127.0.0.1:${port}`, monitorUrl: url },
    kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' },
    grpc: [{ name: 'safety-kernel', address: `127.0.0.1:${port}` }],
    http: { allow: [`127.0.0.1:${port}`] },
  };
}

function expectHonest(view: RunView, manner: string): void {
  expect(['failed', 'succeeded'], `${view.runbook} where all ${manner}`).toContain(view.status);
  for (const { id, status, failure } of view.steps) {
    expect(['succeeded', 'failed', 'skipped'], `${view.runbook}/${id}, ${manner}`).toContain(status);
    expect(failure?.message ?? '', `${view.runbook}/${id}, ${manner}`).not.toMatch(/is a bug/);
  }
  expect(view.findings.filter(({ severity }) => severity === 'info'), `${view.runbook}, ${manner}: nothing is called well that was not seen`).toEqual([]);
}

/** What each system of a target does, and what Redis does, which speaks no HTTP. */
const MANNERS: Readonly<Record<string, { readonly all: Manner; readonly redis: Manner }>> = {
  'says nothing': { all: silent, redis: silent },
  'answers byte by byte': { all: drip, redis: silent },
  'never stops answering': { all: endless(HTTP), redis: endless('$999999999999\r\n') },
};

async function diagnoseAll({ all, redis }: { readonly all: Manner; readonly redis: Manner }): Promise<{ readonly views: readonly RunView[]; readonly journal: string }> {
  const rig = await startRunbookRig(await targetAt(await listen(all), await listen(redis)));
  const views = await Promise.all(RUNBOOKS.map((runbook) => rig.diagnose(runbook)));
  await rig.app.stop();
  return { views, journal: await readFile(join(rig.folder, 'journal.db'), 'latin1') };
}

describe('a target of which every system says nothing, answers byte by byte, or never stops answering', () => {
  // All at once: each of them waits for most of the time.
  it('each read ends, each run goes on to its end, nothing fills the memory and no secret is told', { timeout: 240_000 }, async () => {
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 50);
    onTestFinished(() => clearInterval(watch));
    const ended = await Promise.all(Object.entries(MANNERS).map(async ([manner, how]) => ({ manner, ...(await diagnoseAll(how)) })));
    expect(most - before).toBeLessThan(MOST_GROWTH_BYTES);
    for (const { manner, views, journal } of ended) {
      for (const view of views) expectHonest(view, manner);
      expect(JSON.stringify(views), manner).not.toMatch(SECRETS);
      expect(journal).toContain('redis-connection-lost');
      expect(journal, manner).not.toMatch(SECRETS);
    }
  });
});
