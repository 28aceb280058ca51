import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { doctor } from '#app/doctor.ts';
import { loadConfigOfProcess } from '#config/load.ts';
import { startFakeKubernetes } from '../kit/kubernetes/fake.ts';
import { startNats } from '../kit/servers/nats.ts';
import { freePort } from '../kit/servers/port.ts';
import { startPrometheus } from '../kit/servers/prometheus.ts';
import { startRedis } from '../kit/servers/redis.ts';

interface Seen {
  readonly code: number;
  /** `state what: say`, of the target's systems. */
  readonly lines: readonly string[];
  readonly notes: readonly string[];
}

/** What doctor says of one target. */
async function examine(target: Readonly<Record<string, unknown>>): Promise<Seen> {
  const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'bot.yaml'), JSON.stringify({ targets: [{ name: 'prod', match: {}, ...target }] }));
  const loaded = loadConfigOfProcess(join(folder, 'bot.yaml'));
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const [lines, notes]: [string[], string[]] = [[], []];
  const code = await doctor(loaded.config, { config: undefined, json: false, out: (line) => lines.push(line), note: (line) => notes.push(line) });
  return { code, lines: lines.filter((line) => line.includes(' prod')).map((line) => line.replace(/ {2,}/, ' ')), notes };
}

describe('doctor', () => {
  it('tries each system of a target, and says at what it looks', async () => {
    const [redis, nats, prometheus, kube] = await Promise.all([startRedis({ password: 'pa55word' }), startNats(), startPrometheus({ config: 'scrape_configs: []' }), startFakeKubernetes()]);
    onTestFinished(() => kube.close());
    const folder = await mkdtemp(join(tmpdir(), 'doctor-kube-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { lines, notes } = await examine({
      redis: { url: redis.url },
      nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl },
      prometheus: { url: prometheus.url },
      kubernetes: { namespace: kube.namespace, kubeconfig: await kube.kubeconfig(join(folder, 'config')) },
    });
    expect(lines).toEqual([
      'warn prod: prometheus: answers queries; 0 of 0 scrape targets are up: it scrapes nothing, so every query will be empty',
      `ok prod: redis: Redis at ${redis.address} answers and takes writes.`,
      expect.stringMatching(/^ok prod: nats: The server is healthy, and we can log in \(\d+ ms\)\.$/),
      expect.stringMatching(/^ok prod: kubernetes: Kubernetes v1\.\d+\.\d+, namespace cordum: its role may all that steps do$/),
      expect.stringMatching(/^warn prod: has no alertmanager, backups, cordum, grpc, http configured: what only they can tell stays unknown; without an Alertmanager a resolve that is lost leaves its incident open$/),
    ]);
    expect(notes).toEqual(expect.arrayContaining(['looking at the journal …', 'looking at Slack …', 'looking at prod: redis …', 'looking at prod: kubernetes …']));
    expect(JSON.stringify([lines, notes])).not.toContain('pa55word');
  });

  it('has one clear line for each system that cannot be used, and fails', async () => {
    const port = await freePort();
    const gone = `127.0.0.1:${port}`;
    const { code, lines } = await examine({
      cordum: { url: `http://${gone}`, apiKey: 'ck_1' },
      prometheus: { url: `http://${gone}` },
      alertmanager: { url: `http://${gone}` },
      redis: { url: `redis://:pa55word@${gone}` },
      nats: { url: `nats://bot:pa55word@${gone}` },
      kubernetes: { namespace: 'cordum', kubeconfig: '/nowhere/config' },
      grpc: [{ name: 'safety-kernel', address: gone }],
    });
    expect(code).toBe(1);
    const systems = lines.filter((line) => /prod: \w+:/.test(line));
    expect(systems.map((line) => /^(\w+) prod: (\w+):/.exec(line)?.slice(1))).toEqual(['cordum', 'prometheus', 'alertmanager', 'redis', 'nats', 'kubernetes', 'grpc'].map((system) => ['failed', system]));
    for (const line of systems.slice(1).filter((one) => !one.includes('kubernetes'))) expect(line).toContain(gone);
    expect(systems[0]).toContain('nothing listens there: check cordum.url');
    expect(systems.find((line) => line.includes('kubernetes'))).toContain('/nowhere/config');
    expect(systems.join('\n')).not.toMatch(/pa55word|ck_1/);
  });

  it('says what the role in Kubernetes lacks: what is only for writes is a warning', async () => {
    const kube = await startFakeKubernetes();
    onTestFinished(() => kube.close());
    const folder = await mkdtemp(join(tmpdir(), 'doctor-kube-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const target = { kubernetes: { namespace: kube.namespace, kubeconfig: await kube.kubeconfig(join(folder, 'config')) } };
    kube.deny({ verb: 'patch', resource: 'deployments/scale' });
    expect((await examine(target)).lines[0]).toMatch(/^warn prod: kubernetes: .*its role may look and not patch deployments\/scale; steps that need it are refused$/);
    kube.deny({ verb: 'list', resource: 'events' });
    expect((await examine(target)).lines[0]).toMatch(/^failed prod: kubernetes: .*its role may not list events, patch deployments\/scale; deploy\/kubernetes.yaml has a role that may$/);
  });
});
