import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { freePort } from '../../kit/servers/port.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const HOUR = 3_600;
const DAY_MS = 86_400_000;

async function startKubernetes(): Promise<{ kube: FakeKubernetes; target: Record<string, unknown> }> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  const folder = await mkdtemp(join(tmpdir(), 'backup-and-expiry-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { kube, target: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } };
}

/** As the production overlay has them. */
function addBackups(kube: FakeKubernetes, redisSucceededSecondsAgo = 25 * 60): void {
  kube.addStatefulSet({ name: 'cordum-redis', container: 'redis', labels: { app: 'redis' }, replicas: 1 });
  kube.addStatefulSet({ name: 'cordum-nats', container: 'nats', labels: { app: 'nats' }, replicas: 1 });
  kube.addPvc({ name: 'cordum-backups' });
  kube.addCronJob({ name: 'cordum-redis-backup', scheduledSecondsAgo: 25 * 60, succeededSecondsAgo: redisSucceededSecondsAgo });
  kube.addCronJob({ name: 'cordum-nats-backup', scheduledSecondsAgo: 25 * 60, succeededSecondsAgo: 24 * 60 });
}

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned' || status === 'pending').map(({ id }) => id);
const offerOf = (run: RunView, id: string): RunView['offers'][number] | undefined => run.offers.find((offer) => offer.id === id);

describe('backup-failed-or-stale', () => {
  it('finds fresh backups, then one that failed with a full disk, then one that may be made anew and is', async () => {
    const { kube, target } = await startKubernetes();
    addBackups(kube);
    const redis = await startRedis();
    const nats = await startNats();
    const rig = await startRunbookRig({ kubernetes: target, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] } });
    const well = await rig.diagnose('backup-failed-or-stale');
    expect(said(well)).toEqual([expect.stringMatching(/^info: Both backups are fresh: cordum-nats-backup 24 minutes ago, cordum-redis-backup 25 minutes ago\..*\(1\) with the same time/)]);
    expect(planned(well)).toEqual([]);

    kube.touch('cronjobs', 'cordum-redis-backup', { status: { lastSuccessfulTime: new Date(Date.now() - 5 * HOUR * 1_000).toISOString().replace(/\.\d+/, '') } });
    const job = kube.addJob({ cronJob: 'cordum-redis-backup', outcome: 'failed' });
    kube.log(`${job.metadata.name}-x7k2p`, 'redis-backup', { current: 'Checking node 0\nError writing: No space left on device "${{ x }}" <!channel>\n' });
    const full = await rig.diagnose('backup-failed-or-stale');
    expect(said(full)).toContainEqual(expect.stringMatching(/^critical: The volume of the backups is full: .*No space left on device "\$\{\{ x \}\}" <!channel>/));
    expect(said(full)).toContainEqual(expect.stringMatching(/^warning: cordum-redis-backup last succeeded at .* failed \(BackoffLimitExceeded\)\. That is 300 minutes ago/));
    expect(planned(full)).toEqual([]);

    kube.log(`${job.metadata.name}-x7k2p`, 'redis-backup', { current: 'Checking node 0\n' });
    const run = await rig.run('backup-failed-or-stale');
    expect(said(run)).toContainEqual(expect.stringContaining(`Why it failed cannot be told from here: ${job.metadata.name} (BackoffLimitExceeded)`));
    const done = await rig.approve(run.id, 'redis_now');
    expect(offerOf(done, 'redis_now')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(kube.all('jobs').filter(({ metadata }) => metadata.name.startsWith('cordum-redis-backup-bot-')).map((one) => at(one, 'status', 'succeeded'))).toEqual([1]);
    expect(said(await rig.diagnose('backup-failed-or-stale'))).toContainEqual(expect.stringMatching(/^info: Both backups are fresh/));
  });

  it('starts none while Redis is down, behind a policy that keeps Jobs out, or where there is no CronJob', async () => {
    const { kube, target } = await startKubernetes();
    addBackups(kube, 5 * HOUR);
    const redis = await startRedis();
    const rig = await startRunbookRig({ kubernetes: target, redis: { url: redis.url } });
    expect(planned(await rig.diagnose('backup-failed-or-stale'))).toEqual(['redis_now']);

    kube.put('networkpolicies', { metadata: { name: 'cordum-allow-redis' }, spec: { podSelector: { matchLabels: { app: 'redis' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchLabels: { app: 'cordum-scheduler' } } }], ports: [{ port: 6379 }] }] } });
    const kept = await rig.diagnose('backup-failed-or-stale');
    expect(said(kept)).toContainEqual(expect.stringMatching(/^critical: A network policy keeps the backup of Redis out: .*cordum-allow-redis/));
    expect(planned(kept)).toEqual([]);
    kube.remove('networkpolicies', 'cordum-allow-redis');

    await redis.stop('SIGKILL');
    const down = await rig.diagnose('backup-failed-or-stale');
    expect(said(down)).toContainEqual(expect.stringMatching(/^critical: Redis itself does not answer/));
    expect(planned(down)).toEqual([]);

    kube.remove('cronjobs', 'cordum-redis-backup');
    kube.touch('cronjobs', 'cordum-nats-backup', { spec: { suspend: true } });
    const gone = await rig.diagnose('backup-failed-or-stale');
    expect(said(gone)).toContainEqual(expect.stringContaining('Nobody backs up Redis (no CronJob cordum-redis-backup)'));
    expect(said(gone)).toContainEqual(expect.stringContaining('cordum-nats-backup is switched off (suspended)'));
    expect(planned(gone)).toEqual(['nats_now']);
  });
});

describe('licence-expiry', () => {
  const license = (days: number, status: string): Record<string, never> => ({ plan: 'team', expiry_status: status, entitlements: {}, rights: null, license: { mode: 'team', status, plan: 'Team', license_id: 'lic-7', expires_at: new Date(Date.now() + days * DAY_MS).toISOString() } }) as never;

  it('says where the licence stands, and has the gateway read the new one', async () => {
    const { sandbox, url } = await startCordum(0);
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    expect(said(await rig.diagnose('licence-expiry'))).toContainEqual(expect.stringMatching(/^info: Cordum runs on the community plan/));

    sandbox.world.installation.license = license(-5, 'grace');
    expect(said(await rig.diagnose('licence-expiry'))).toContainEqual(expect.stringMatching(/^critical: The licence \(team\) ended on .*, [56] days ago, and Cordum is in the days of grace/));

    sandbox.world.installation.license = license(10.5, 'warning');
    const run = await rig.run('licence-expiry');
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: The licence \(team, lic-7\) ends in 10 days/));
    sandbox.world.installation.nextLicense = license(365.5, 'active');
    const done = await rig.approve(run.id, 'reload');
    expect(offerOf(done, 'reload')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(said(await rig.diagnose('licence-expiry'))).toContainEqual(expect.stringMatching(/^info: The licence \(team\) is in order, and ends in 365 days/));
  });

  it('offers nothing where a fallen-back gateway cannot be told from one that is down', async () => {
    const { sandbox, url } = await startCordum(0);
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    sandbox.world.installation.license = { plan: 'community', expiry_status: 'fallback', license: { mode: 'community', status: 'fallback', plan: 'Community' } };
    expect(said(await rig.diagnose('licence-expiry'))).toContainEqual(expect.stringMatching(/^critical: The gateway could not take its licence and has fallen back/));
    await sandbox.down('gateway');
    const down = await rig.diagnose('licence-expiry');
    expect(said(down)).toEqual([expect.stringMatching(/^warning: Whether the licence holds cannot be known, because Cordum could not be asked for it/)]);
    expect(planned(down)).toEqual([]);
  });
});

describe('certificate-rotation-check', () => {
  it('tells what ends, what has ended, for whom it is, and who does not show one; and restarts what still shows the old one', async () => {
    const names = ['localhost', '127.0.0.1'];
    const [ours, ending, ended] = [await makeCertificates({ names }), await makeCertificates({ names, expiresInDays: 5 }), await makeCertificates({ names, expiresInDays: -1 })];
    const redis = await startRedis({ tls: { certificates: ending } });
    const nats = await startNats({ tls: ended });
    const { kube, target } = await startKubernetes();
    kube.addStatefulSet({ name: 'cordum-redis', container: 'redis', labels: { app: 'redis' }, replicas: 1 });
    const closed = await freePort();
    const rig = await startRunbookRig({
      kubernetes: target,
      redis: { url: redis.url, tls: { caFile: ours.caFile } },
      nats: { url: `tls://${nats.address}`, monitorUrl: [nats.monitorUrl], tls: { caFile: ended.caFile } },
      grpc: [{ name: 'safety-kernel', address: `127.0.0.1:${closed}`, tls: {} }],
    });
    const run = await rig.run('certificate-rotation-check');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Ended: nats \(/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: To be rotated: redis \(.*ends in [45] days/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Not trusted by the authority that the bot was given: redis, issued by CN=Test authority/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Could not be looked at: grpc\/safety-kernel \(127\.0\.0\.1:\d+\): nothing listens there/));
    expect(offerOf(run, 'restart')).toMatchObject({ status: 'form' });
  });

  it('finds a fresh certificate in order, by the authority of the target', async () => {
    const fresh = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
    const redis = await startRedis({ tls: { certificates: fresh, mutual: true } });
    const rig = await startRunbookRig({ redis: { url: redis.url, tls: { caFile: fresh.caFile, certFile: fresh.clientCertFile, keyFile: fresh.clientKeyFile } } });
    const run = await rig.diagnose('certificate-rotation-check');
    expect(said(run)).toEqual([expect.stringMatching(/^info: All 1 certificates are in order: redis (?:29|30) days \(made 0 days ago\)/)]);
  });
});

describe('api-key-rotation-due', () => {
  it('names the keys that are due, and revokes the credential of a worker that is gone', async () => {
    const { sandbox, url } = await startCordum(0);
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    expect(said(await rig.diagnose('api-key-rotation-due'))).toContainEqual(expect.stringMatching(/^warning: This Cordum manages no keys \(/));

    const ago = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
    sandbox.world.installation.keys = [{ id: 'k-1', name: 'runbook-bot', prefix: 'ck_12345678', scopes: ['admin'], createdAt: ago(200), lastUsed: ago(0), usageCount: 4, expiresAt: null }];
    sandbox.world.installation.credentials.set('bank-9', { worker_id: 'bank-9', allowed_pools: ['demo-mock-bank'], created_at: ago(10), created_by: 'alice' });
    const run = await rig.run('api-key-rotation-due', { unused_days: 30 });
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Older than 90 days: runbook-bot \(k-1\), 200 days/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Credentials of workers that are not online: bank-9/));
    expect(offerOf(run, 'revoke')).toMatchObject({ status: 'form' });
  });
});
