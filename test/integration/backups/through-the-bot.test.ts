/** Backups that have stopped, through the whole bot: their alert opens an incident that says so, and an approved offer puts it right. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { backUpNats, backUpRedis, fillNats, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { said, startRunbookRig, type RunbookRig } from '../../kit/runbooks/rig.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis, startRedisSentinel } from '../../kit/servers/redis.ts';

const HOUR_MS = 3_600_000;
const EXPRESSION = 'time() - cordum_backup_set_newest_timestamp_seconds{store!="config"} > 2 * 3600';

async function notify({ app }: RunbookRig, status: 'firing' | 'resolved', startsAt: string): Promise<void> {
  const alerts = ['redis', 'nats'].map((store) => ({
    status,
    labels: { alertname: 'CordumBackupSetStale', severity: 'warning', target: 'prod', store },
    annotations: {},
    startsAt,
    endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : new Date().toISOString(),
    generatorURL: `http://prometheus.example:9090/graph?g0.expr=${encodeURIComponent(EXPRESSION)}&g0.tab=1`,
    fingerprint: `stale-${store}`,
  }));
  const sent = await fetch(`${app.url}/webhooks/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ version: '4', groupLabels: { alertname: 'CordumBackupSetStale' }, alerts }) });
  expect(sent.status).toBe(200);
}

async function valueOf({ app }: RunbookRig, series: string): Promise<number | undefined> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

async function runOfIncident({ app }: RunbookRig): Promise<RunView> {
  return waitFor(async () => {
    const [incident] = (await app.operations.incidents({ status: 'open' })).items;
    const run = await app.operations.run(incident?.runs[0] ?? '');
    return ['take_redis', 'take_nats'].every((id) => run?.offers.some((offer) => offer.id === id && offer.status === 'pending')) ? run : undefined;
  }, { until: 'the run of the incident has its offers' });
}

it('backups that have stopped open an incident, approved ones are taken and read back, and the incident closes', async () => {
  const [redis, nats, backups] = [await startRedis(), await startNats(), await testFolder('watched')];
  await fillRedis(redis);
  await fillNats(nats, 5);
  for (const hours of [5, 6, 7]) await backUpRedis(redis, backups, Date.now() - hours * HOUR_MS);
  await backUpNats(nats, backups, Date.now() - 5 * HOUR_MS);
  writeFileSync(join(backups, 'redis-20200101T000000Z.rdb.part'), 'broken off');
  writeFileSync(join(backups, 'README'), 'not ours');
  const rig = await startRunbookRig({ redis: { url: `redis://${redis.address}` }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, backups });

  expect(await valueOf(rig, 'cordum_backup_sets{target="prod",store="redis"}')).toBe(3);
  expect(await valueOf(rig, 'cordum_backup_set_size_ratio{target="prod",store="redis"}')).toBeCloseTo(1, 1);
  expect(await valueOf(rig, 'cordum_backup_set_complete{target="prod",store="redis"}')).toBeUndefined();
  expect(await valueOf(rig, 'cordum_backup_directory_leftovers{target="prod",kind="foreign"}')).toBe(1);
  expect(await valueOf(rig, 'cordum_exporter_source_up{target="prod",source="backup-directory"}')).toBe(1);

  const startsAt = new Date(Date.now() - 60_000).toISOString();
  await notify(rig, 'firing', startsAt);
  const run = await runOfIncident(rig);
  expect(run.runbook).toBe('backup-failed-or-stale');
  expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Too old: The newest backup of redis, redis-\d{8}T\d{6}Z, is 5 h 0 min old.* The newest backup of nats, .* is not seen from here/));
  expect(said(run)).toContainEqual(expect.stringMatching(/^info: Left by backups that broke off, or are being taken now: redis-20200101T000000Z\.rdb\.part\./));

  const [, done] = [await rig.approve(run.id, 'take_redis'), await rig.approve(run.id, 'take_nats')];
  for (const id of ['take_redis', 'take_nats']) expect(done.offers.find((offer) => offer.id === id)).toMatchObject({ status: 'done', tier: 'R1', verified: { outcome: 'passed', say: expect.stringMatching(/was read again from .* whole\./) as string } });
  expect(readdirSync(backups).filter((name) => name.endsWith('.manifest.json'))).toHaveLength(2);

  await notify(rig, 'resolved', startsAt);
  await waitFor(async () => ((await rig.app.operations.incidents({ status: 'open' })).items.length === 0 ? true : undefined), { until: 'the incident has closed' });
  expect(Date.now() / 1_000 - ((await valueOf(rig, 'cordum_backup_set_newest_timestamp_seconds{target="prod",store="redis"}')) ?? 0)).toBeLessThan(120);
  expect(await valueOf(rig, 'cordum_backup_set_complete{target="prod",store="nats"}')).toBe(1);
  expect(said(await rig.diagnose('backup-failed-or-stale'))).toContainEqual(expect.stringMatching(/^info: What lies in .* is in order by its manifests: .*Their files were read\./));
});

it('no backup is taken into a directory that is gone: the card says so, and nothing is made in its place', async () => {
  const [redis, backups] = [await startRedis(), await testFolder('watched')];
  await fillRedis(redis);
  mkdirSync(join(backups, 'volume'));
  const rig = await startRunbookRig({ redis: { url: `redis://${redis.address}` }, backups: join(backups, 'volume') });
  const run = await rig.run('backup-now', { store: 'config' });
  renameSync(join(backups, 'volume'), join(backups, 'elsewhere'));
  const after = await rig.approve(run.id, 'config');
  expect(after.offers.find(({ id }) => id === 'config')?.status).not.toBe('done');
  expect(readdirSync(backups)).toEqual(['elsewhere']);
  expect(said(await rig.diagnose('backup-now'))).toEqual([expect.stringMatching(/^critical: The directory of the backups cannot be read, so nothing is written there either: .*ENOENT/)]);
});

it('a Redis that wants TLS, a certificate of ours and a password is backed up with those of the target', async () => {
  const certificates = await makeCertificates({ names: ['localhost', '127.0.0.1'] });
  const redis = await startRedis({ tls: { certificates, mutual: true }, password: 'p-1234567' });
  await fillRedis(redis);
  const backups = await testFolder('watched');
  const url = new URL(redis.url);
  const rig = await startRunbookRig({ redis: { url: `rediss://${url.host}`, password: 'p-1234567', tls: { caFile: certificates.caFile, certFile: certificates.clientCertFile, keyFile: certificates.clientKeyFile } }, backups });
  const run = await rig.run('backup-now', { store: 'redis' });
  const done = await rig.approve(run.id, 'redis');
  expect(done.offers.find(({ id }) => id === 'redis')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
  expect(readdirSync(backups)).toHaveLength(2);
});

it('behind Sentinels the primary of the moment is backed up', async () => {
  const { name, master, sentinels } = await startRedisSentinel({ password: 'p-1234567' });
  await master.cli('SET', 'cfg:system:default', '{}');
  await master.cli('SET', 'cfg:system:policy', '{}');
  const backups = await testFolder('watched');
  const rig = await startRunbookRig({ redis: { sentinel: { master: name, addresses: sentinels.map(({ address }) => address) }, password: 'p-1234567' }, backups });
  const run = await rig.run('backup-now', { store: 'config' });
  expect((await rig.approve(run.id, 'config')).offers.find(({ id }) => id === 'config')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
  const [file = ''] = readdirSync(backups).filter((one) => one.endsWith('.manifest.json'));
  expect(JSON.parse(readFileSync(join(backups, file), 'utf8'))).toMatchObject({ source: { address: master.address }, tool: { effect: expect.stringMatching(/^[0-9a-f]{32}$/) as string } });
});
