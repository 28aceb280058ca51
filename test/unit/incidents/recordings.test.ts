import { describe, expect, it } from 'vitest';
import type { IncidentView } from '#engine/model/views.ts';
import type { NotificationReceipt } from '#operations/operations.ts';
import { notificationOf, recordedDeliveries, recordedWebhook, recordedWebhooks, type RecordedWebhook } from '../../kit/alertmanager.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { apiOf, createIncidentRig, quiesce, type IncidentRig } from '../../kit/incidents.ts';

const started = (webhooks: readonly RecordedWebhook[]): number => (webhooks[0]?.receivedAt ?? 0) - 1_000;

/** Plays webhooks at the times at which they came. */
async function play(rig: IncidentRig, webhooks: readonly RecordedWebhook[]): Promise<readonly NotificationReceipt[]> {
  const receipts: NotificationReceipt[] = [];
  await rig.incidents.start();
  for (const webhook of webhooks) {
    await rig.clock.advanceTo(webhook.receivedAt);
    receipts.push(await rig.incidents.receive(notificationOf(webhook)));
    await quiesce();
  }
  return receipts;
}

async function replay(webhooks: readonly RecordedWebhook[], options: Parameters<typeof createIncidentRig>[0] = {}) {
  const rig = createIncidentRig({ clock: createVirtualClock(started(webhooks)), ...options });
  const receipts = await play(rig, webhooks);
  const { items } = await rig.incidents.list({});
  return { rig, receipts, items, duplicates: receipts.map(({ duplicates }) => duplicates) };
}

const firingOf = (incident: IncidentView | undefined): readonly string[] => (incident?.alerts ?? []).filter(({ status }) => status === 'firing').map(({ fingerprint }) => fingerprint.slice(0, 4));

describe.each(['am0.25', 'am0.28'])('recorded notifications of %s', (version) => {
  it('of one life are one incident with one run, closed when the last alert has resolved', async () => {
    const { items, rig, duplicates } = await replay(recordedWebhooks(`${version}-lifecycle`));
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ status: 'closed', title: 'DLQ depth exceeds 100 entries (prod)', severity: 'warning', target: 'prod', runbook: 'dlq-overflow', closedBy: 'bot' });
    expect(items[0]?.alerts).toHaveLength(3);
    expect(duplicates).toEqual([0, 1, 3, 2, 1, 1, 0]);
    expect(rig.runs.asked).toHaveLength(1);
    expect(rig.runs.told.map(({ alert }) => alert.resolved)).toEqual([true]);
  });

  it('of three peers that do not know of each other are one incident', async () => {
    const { items, rig, duplicates } = await replay(recordedWebhooks(`${version}-ha_no_gossip`));
    expect(items.map(({ status }) => status)).toEqual(['closed']);
    expect(duplicates).toEqual([0, 1, 1, 0, 1, 1]);
    expect(rig.runs.asked).toHaveLength(1);
  });

  it('over restarts of Alertmanager are one incident that stays open for the alert that still fires', async () => {
    const { items, rig } = await replay(recordedWebhooks(`${version}-restart`));
    expect(items.map(({ status }) => status)).toEqual(['open']);
    expect(firingOf(items[0])).toEqual(['51b9']);
    expect(rig.runs.asked).toHaveLength(1);
  });

  it('of alerts that resolve while they are silenced leave the incident open until Alertmanager no longer lists them', async () => {
    const webhooks = recordedWebhooks(`${version}-silence`);
    const { items, rig } = await replay(webhooks, { api: apiOf(() => ({ alerts: { c3a51580c873f252: { alertname: 'OnlySilenced' } } })) });
    expect(items.map(({ alerts }) => alerts.length).toSorted((a, b) => a - b)).toEqual([1, 4]);
    const group = items.find(({ alerts }) => alerts.length === 4);
    expect([group?.status, firingOf(group)]).toEqual(['open', ['d404', 'cf1b']]);
    await rig.clock.advance(130_000);
    const later = await rig.incidents.view(group?.id ?? '');
    expect(later).toMatchObject({ status: 'closed', closedBecause: 'All its 4 alerts have resolved or are no longer listed by Alertmanager.' });
    expect(later?.notes.join()).toContain('2 of its alerts were taken as resolved');
    expect((await rig.incidents.list({ status: 'open' })).items.map(firingOf)).toEqual([['c3a5']]);
  });
});

describe('recorded notifications of am0.25', () => {
  it('of peers one of which is late with a stale firing group do not open it again', async () => {
    const { items, rig, receipts, duplicates } = await replay(recordedWebhooks('am0.25-ha_healthy'));
    expect(items.map(({ status }) => status)).toEqual(['closed']);
    expect(duplicates).toEqual([0, 1, 0, 2, 2, 2]);
    expect(new Set(receipts.flatMap(({ incidents }) => incidents))).toEqual(new Set([items[0]?.id]));
    expect(rig.runs.asked).toHaveLength(1);
  });

  it('that are cut short never close the incident, although they say resolved', async () => {
    const { items, rig } = await replay(recordedWebhooks('am0.25-truncation'));
    expect(items.map(({ status, alerts }) => [status, alerts.length])).toEqual([['open', 3]]);
    expect(firingOf(items[0])).toEqual([]);
    expect(items[0]?.notes).toEqual([expect.stringContaining('left 3 alerts of this group out')]);
    expect(rig.runs.told).toEqual([]);
  });

  it('that were cut short close once Alertmanager lists nothing of the group any more', async () => {
    let listed: Record<string, Record<string, string>> = { abcd: { alertname: 'CordumDLQDepthHigh', pool: 'x' } };
    const { items, rig } = await replay(recordedWebhooks('am0.25-truncation'), { api: apiOf(() => ({ alerts: listed })) });
    await rig.clock.advance(600_000);
    expect((await rig.incidents.view(items[0]?.id ?? ''))?.status).toBe('open');
    listed = { efgh: { alertname: 'SomethingElse' } };
    await rig.clock.advance(130_000);
    expect((await rig.incidents.view(items[0]?.id ?? ''))?.status).toBe('closed');
    expect(rig.runs.told.map(({ alert }) => alert.resolved)).toEqual([true]);
  });

  it('that were delivered before an outage of ours and after it close the incident', async () => {
    const { items } = await replay(recordedDeliveries('am0.25-outage_resolve-delivered_then_outage'));
    expect(items.map(({ status }) => status)).toEqual(['closed']);
  });

  it('of hostile labels are kept as they are, and are data and nothing else', async () => {
    const { items } = await replay([recordedWebhook('am0.25-hostile-001-hostile_values_via_prometheus'), recordedWebhook('am0.25-hostile-003-label_names_via_api'), recordedWebhook('am0.25-hostile-004-nul_and_lone_surrogate_via_api')]);
    expect(items).toHaveLength(1);
    const byCase = new Map(items[0]?.alerts.map((alert) => [Object.hasOwn(alert.labels, 'case') ? alert.labels['case'] : '', alert]));
    const names = byCase.get('names')?.labels ?? {};
    expect(Object.entries(names)).toContainEqual(['__proto__', 'polluted']);
    expect('isPrototypeOf' in names).toBe(false);
    expect(names['constructor']).toBe('c');
    expect(byCase.get('nul')?.labels['pool']).toBe('a\0b');
    expect(byCase.get('64k')?.labels['pool']?.length).toBe(4_096);
    expect(byCase.get('mention_channel')?.labels['pool']).toBe('<!channel> <!here> <!everyone>');
    expect('polluted' in {}).toBe(false);
  });
});
