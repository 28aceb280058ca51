import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { AppliedItem, WriteStep } from '#step-kit/index.ts';
import { createAlertmanagerClient, type AlertmanagerClient } from '#systems/alertmanager/client.ts';
import { alertsList } from '#systems/alertmanager/steps/alerts-list.ts';
import { silenceCreate } from '#systems/alertmanager/steps/silence-create.ts';
import { silenceExpire } from '#systems/alertmanager/steps/silence-expire.ts';
import { silencesList } from '#systems/alertmanager/steps/silences-list.ts';
import { statusGet } from '#systems/alertmanager/steps/status-get.ts';
import { equalities } from '#systems/alertmanager/silences.ts';
import { startAlertmanager, type Alertmanager } from '../../kit/servers/alertmanager.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { contextOn, read, tryRead } from '../../kit/step-context.ts';

let alertmanager: Alertmanager;
let client: AlertmanagerClient;

beforeEach(async () => {
  alertmanager = await startAlertmanager({ config: 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n' });
  client = createAlertmanagerClient({ url: alertmanager.url, clock: systemClock });
  onTestFinished(() => client.close());
  await alertmanager.post([
    { labels: { alertname: 'Depth', pool: 'a', severity: 'critical' }, annotations: { summary: 'deep' } },
    { labels: { alertname: 'Depth', pool: 'b' } },
    { labels: { alertname: 'Other', pool: 'a' } },
  ]);
  await waitFor(async () => ((await read(alertsList, {}, client))['total'] === 3 ? true : undefined), { until: 'the alerts are there' });
});

const SCOPE = { alertnames: ['Depth'], labels: [{ name: 'pool', value: 'a' }], duration: '30m', reason: 'restart' };

/** Plans and applies a write as the engine does, and gives what was applied. */
async function apply(step: WriteStep, input: object): Promise<AppliedItem[]> {
  const parsed = step.input.parse(input);
  const plan = await step.plan(parsed, contextOn(client));
  if (!plan.ok) throw new Error(plan.failure.message);
  const applied: AppliedItem[] = [];
  for (const item of plan.value.items) {
    const result = await step.apply(item, parsed, contextOn(client));
    if (!result.ok) throw new Error(result.failure.message);
    applied.push({ item, result: step.output.strict().parse(result.value) as AppliedItem['result'] });
  }
  return applied;
}

describe('a real Alertmanager', () => {
  it('tells its state and its alerts, narrowed by typed matchers', async () => {
    expect(await read(statusGet, {}, client)).toMatchObject({ healthy: true, reachable: true, cluster: 'disabled', version: expect.stringMatching(/^0\./) });
    expect(await read(alertsList, { matchers: [{ name: 'alertname', value: 'Depth' }, { name: 'pool', value: 'a', equal: false }] }, client)).toMatchObject({ total: 1, items: [{ name: 'Depth', severity: '', state: expect.any(String) }] });
    expect(await read(alertsList, { matchers: [{ name: 'alertname', value: '.*' }] }, client)).toMatchObject({ total: 0 });
  });

  it('is silenced for one alert of one pool, and notifies again after the undo', async () => {
    const applied = await apply(silenceCreate, SCOPE);
    expect(applied).toHaveLength(1);
    await waitFor(async () => ((await read(alertsList, {}, client))['silenced'] === 1 ? true : undefined), { until: 'the alert is silenced' });
    expect(await read(silencesList, { ours: true }, client)).toMatchObject({ total: 1, items: [{ active: true, ours: true, hidesMuch: false, text: '{alertname="Depth", pool="a"}', comment: expect.stringContaining('Run run-1: restart'), createdBy: 'cordum-runbook-bot (alice)' }] });
    expect(await silenceCreate.verify(applied, silenceCreate.input.parse(SCOPE), contextOn(client))).toMatchObject({ ok: true, value: { ends: { [applied[0]?.item.key ?? '']: 'done' } } });
    // Another run has its own: this one may be lifted long before. A person's silence is enough.
    expect(await silenceCreate.plan(silenceCreate.input.parse(SCOPE), contextOn(client))).toMatchObject({ ok: true, value: { items: [{ current: { silencedUntil: '' } }] } });
    const theirs = await client.createSilence({ matchers: equalities('Depth', SCOPE.labels), startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString(), createdBy: 'mia', comment: 'mine' }, {});
    expect(await apply(silenceCreate, SCOPE)).toEqual([]);
    await client.expireSilence(theirs.ok ? theirs.value.id : '', {});
    const undo = silenceCreate.undo?.(applied, silenceCreate.input.parse(SCOPE));
    expect(undo).toMatchObject({ uses: 'alertmanager.silence.expire' });
    const lifted = await apply(silenceExpire, undo?.with ?? {});
    expect(lifted).toHaveLength(1);
    expect(await silenceExpire.verify(lifted, {}, contextOn(client))).toMatchObject({ ok: true, value: { say: 'The silences have ended.' } });
    expect(await read(silencesList, {}, client)).toMatchObject({ total: 0 });
    expect(await apply(silenceExpire, undo?.with ?? {})).toEqual([]);
    expect(await silenceCreate.verify(applied, silenceCreate.input.parse(SCOPE), contextOn(client))).toMatchObject({ ok: true, value: { ends: { [applied[0]?.item.key ?? '']: 'returned' } } });
  });

  it('shows whether a lost call has landed, by the mark of the effect', async () => {
    const input = silenceCreate.input.parse(SCOPE);
    const plan = await silenceCreate.plan(input, contextOn(client));
    const item = plan.ok ? plan.value.items[0] : undefined;
    if (item === undefined) throw new Error('nothing planned');
    expect(await silenceCreate.probe(item, input, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    const [applied] = await apply(silenceCreate, SCOPE);
    expect(await silenceCreate.probe(item, input, contextOn(client))).toMatchObject({ landed: 'applied', result: { silenceId: applied?.result['silenceId'] } });
    expect(await silenceCreate.probe(item, input, contextOn(client, { idempotencyKey: 'another' }))).toMatchObject({ landed: 'notApplied' });
    const expire = { key: String(applied?.result['silenceId']), title: '', current: {}, next: {} };
    expect(await silenceExpire.probe(expire, {}, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    await client.expireSilence(expire.key, {});
    expect(await silenceExpire.probe(expire, {}, contextOn(client))).toMatchObject({ landed: 'applied' });
    await alertmanager.stop();
    expect(await silenceCreate.probe(item, input, contextOn(client))).toMatchObject({ landed: 'unknown', failure: { reason: 'unreachable' } });
    expect(await silenceCreate.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'unreachable', landed: 'no', message: expect.stringContaining('nothing listens there') } });
    expect(await read(statusGet, {}, client)).toMatchObject({ healthy: false, reachable: false, why: expect.stringContaining('nothing listens there') });
  });

  it('is never silenced for everything, for too long, or for what does not fire', async () => {
    for (const bad of [{ labels: [] }, { alertnames: [] }, { alertnames: [''] }, { labels: [{ name: 'pool', value: '' }] }, { labels: [{ name: 'alertname', value: 'x' }] }, { duration: '4h1s' }, { duration: '0s' }, { duration: 'for ever' }, { labels: [{ name: 'pool', value: 'a' }, { name: 'pool', value: 'b' }] }]) {
      expect(silenceCreate.input.safeParse({ ...SCOPE, ...bad }).success, JSON.stringify(bad)).toBe(false);
    }
    for (const labels of [[{ name: 'pool', value: '.*' }], [{ name: 'pool', value: 'a"} or {alertname="Other' }]]) {
      expect(await silenceCreate.plan(silenceCreate.input.parse({ ...SCOPE, labels }), contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused' } });
      const [applied] = await apply(silenceCreate, { ...SCOPE, labels, ahead: true });
      expect(applied?.result['silenceId']).toEqual(expect.any(String));
    }
    expect(await read(alertsList, {}, client)).toMatchObject({ silenced: 0 });
  });

  it('behind credentials gets them, and never shows them', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization ?? '');
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const more of [{ bearerToken: new Secret('hidden-token') }, { basic: { username: 'bot', password: new Secret('hidden-word') } }]) {
      const guarded = createAlertmanagerClient({ url, clock: systemClock, ...more });
      onTestFinished(() => guarded.close());
      const answer = await tryRead(alertsList, {}, guarded);
      expect(answer).toMatchObject({ ok: false, failure: { reason: 'unauthorised' } });
      expect(JSON.stringify(answer)).not.toContain('hidden');
    }
    expect(seen).toEqual(['Bearer hidden-token', `Basic ${Buffer.from('bot:hidden-word').toString('base64')}`]);
  });
});
