import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALERTS_MAX, readNotification } from '#surfaces/alertmanager/payload.ts';
import { recordedWebhook } from '../../../kit/alertmanager.ts';

const FOLDER = join(import.meta.dirname, '../../../fixtures/alertmanager');

interface AlertBody {
  [field: string]: unknown;
}
interface Body {
  [field: string]: unknown;
  alerts: AlertBody[];
}

/** A body as Alertmanager sent it, to be bent by the test. */
function body(change: (body: Body, alert: AlertBody) => void = () => {}): unknown {
  const sent = JSON.parse(recordedWebhook('am0.28-lifecycle-007-resolved').body) as Body;
  change(sent, sent.alerts[0] ?? {});
  return sent;
}

function read(change?: (body: Body, alert: AlertBody) => void) {
  const outcome = readNotification(body(change));
  if (!outcome.ok) throw new Error(`${outcome.field}: ${outcome.message}`);
  return outcome.notification;
}

const refused = (change: (body: Body, alert: AlertBody) => void): string => {
  const outcome = readNotification(body(change));
  return outcome.ok ? 'read' : `${outcome.field}: ${outcome.message}`;
};

describe('a notification', () => {
  it('is read from every recorded webhook', () => {
    const files = globSync('am0.*.json', { cwd: FOLDER });
    let count = 0;
    for (const file of files) {
      const text = (JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as { request?: { body_text?: string } }).request?.body_text;
      if (text === undefined) continue;
      count += 1;
      expect([file, readNotification(JSON.parse(text)).ok]).toEqual([file, true]);
    }
    expect(count).toBeGreaterThan(50);
  });

  it('of 0.33 is read with labels that only UTF-8 allows, its truncation, and a reason that older ones do not give', () => {
    const outcome = readNotification(JSON.parse(recordedWebhook('am0.33-utf8-001-truncated_repeat').body));
    expect(outcome).toMatchObject({ ok: true, notification: { groupLabels: { alertname: 'A', 'service.name': 'gw ü' }, truncatedAlerts: 1, alerts: [{ labels: { 'service.name': 'gw ü', x: '1' } }, { labels: { x: '2' } }] } });
  });

  it('brings no secret in: not in labels, annotations, group labels or the link', () => {
    const planted = ['xoxb-123456789012-abcdefABCDEF', 'redis://u:hunter2pass@redis:6379', 'password=hunter2pass', 'Authorization: Bearer abcdef123456'];
    const notification = read((sent, alert) => {
      Object.assign(alert, { generatorURL: 'http://u:hunter2pass@prometheus/graph?g0.expr=up', annotations: { summary: planted.join(' ') } });
      Object.assign(alert, { labels: { alertname: 'A', api_token: 'plain-looking', secret: 'tls-cert', ...Object.fromEntries(planted.map((text, i) => [`p${i}`, text])) } });
      sent['groupLabels'] = { alertname: 'A', p1: planted[1] };
    });
    expect(JSON.stringify(notification)).not.toMatch(/xoxb-1|hunter2|abcdef123456|plain-looking/);
    const labels = notification.alerts[0]?.labels ?? {};
    expect(labels).toMatchObject({ alertname: 'A', secret: 'tls-cert' });
    expect(notification.groupLabels['p1']).toBe(labels['p1']);
  });

  it('has its times in milliseconds and no end while it fires', () => {
    expect(read().alerts[0]).toMatchObject({ status: 'resolved', startsAt: Date.parse('2026-11-20T19:50:21.276Z'), endsAt: Date.parse('2026-11-20T19:51:04.276Z'), fingerprint: '2a322c4fe6dc354b' });
    const firing = read((_, alert) => Object.assign(alert, { status: 'firing', endsAt: '0001-01-01T00:00:00Z' })).alerts[0];
    expect(firing).not.toHaveProperty('endsAt');
  });

  it.each([
    ['2026-11-20T19:50:21Z', '2026-11-20T19:50:21.000Z'],
    ['2026-11-20T19:50:13.24Z', '2026-11-20T19:50:13.240Z'],
    ['2026-11-20T19:50:13.123456789Z', '2026-11-20T19:50:13.123Z'],
    ['2026-11-20T19:50:13.999999999+05:30', '2026-11-20T14:20:13.999Z'],
    ['2026-11-20T19:50:13-08:00', '2026-11-21T03:50:13.000Z'],
  ])('may start at %s', (sent, read_) => {
    expect(read((_, alert) => Object.assign(alert, { startsAt: sent })).alerts[0]?.startsAt).toBe(Date.parse(read_));
  });

  it.each(['', 'yesterday', '2026-11-20', '2026-11-20T19:50:21', '2026-13-40T19:50:21Z', '1763668221', '2026-11-20T19:50:21.Z', ' 2026-11-20T19:50:21Z', 7, null, undefined])('may not start at %s', (startsAt) => {
    expect(refused((_, alert) => Object.assign(alert, { startsAt }))).toMatch(/^alerts\.0\.startsAt: /);
  });

  it('of a later version with fields that nobody knows yet is read without them', () => {
    const more = { notification_reason: 'repeat interval elapsed', routeLabels: { team: 'a' }, somethingNew: [[[]]] };
    expect(read((sent, alert) => (Object.assign(sent, more), Object.assign(alert, more)))).toEqual(read());
  });

  it('that does not say how many alerts were left out left none out', () => {
    expect(read((sent) => delete sent['truncatedAlerts']).truncatedAlerts).toBe(0);
    expect(read((sent) => Object.assign(sent, { truncatedAlerts: 7 })).truncatedAlerts).toBe(7);
  });

  it.each([
    ['another version', (sent: Body) => Object.assign(sent, { version: '1' }), /^version: expected "4"/],
    ['no version', (sent: Body) => delete sent['version'], /^version: expected "4"/],
    ['no alerts', (sent: Body) => Object.assign(sent, { alerts: undefined }), /^alerts: /],
    ['alerts that are no list', (sent: Body) => Object.assign(sent, { alerts: {} }), /^alerts: /],
    ['too many alerts', (sent: Body) => Object.assign(sent, { alerts: Array.from({ length: ALERTS_MAX + 1 }, () => sent.alerts[0]) }), /^alerts: expected at most 5000 alerts: set max_alerts/],
    ['no group labels', (sent: Body) => delete sent['groupLabels'], /^groupLabels: expected an object/],
    ['group labels that are numbers', (sent: Body) => Object.assign(sent, { groupLabels: { a: 1 } }), /^groupLabels: /],
    ['a negative count', (sent: Body) => Object.assign(sent, { truncatedAlerts: -1 }), /^truncatedAlerts: /],
    ['an alert that is a string', (sent: Body) => Object.assign(sent, { alerts: [sent.alerts[0], 'x'] }), /^alerts\.1: /],
    ['an unknown status', (_: Body, alert: AlertBody) => Object.assign(alert, { status: 'suppressed' }), /^alerts\.0\.status: /],
    ['no labels', (_: Body, alert: AlertBody) => delete alert['labels'], /^alerts\.0\.labels: /],
    ['labels in a list', (_: Body, alert: AlertBody) => Object.assign(alert, { labels: ['a'] }), /^alerts\.0\.labels: /],
    ['no fingerprint', (_: Body, alert: AlertBody) => Object.assign(alert, { fingerprint: '' }), /^alerts\.0\.fingerprint: /],
    ['an endless fingerprint', (_: Body, alert: AlertBody) => Object.assign(alert, { fingerprint: 'f'.repeat(129) }), /^alerts\.0\.fingerprint: /],
    ['a resolved alert without an end', (_: Body, alert: AlertBody) => Object.assign(alert, { endsAt: '0001-01-01T00:00:00Z' }), /^alerts\.0\.endsAt: expected the time/],
  ] as const)('with %s is refused with the name of the field', (_, change, message) => {
    expect(refused(change)).toMatch(message);
  });

  it.each([null, 'text', 7, [], true, undefined])('is not %j', (value) => {
    expect(readNotification(value)).toMatchObject({ ok: false });
  });

  it('with a payload of somebody\'s own names the first field that is missing', () => {
    expect(readNotification({ text: 'DLQ is high' })).toMatchObject({ ok: false, field: 'version' });
    expect(readNotification({ version: '4', text: 'DLQ is high' })).toMatchObject({ ok: false, field: 'groupLabels' });
  });

  it('keeps hostile names and values as data', () => {
    const hostile = JSON.parse('{"__proto__":"polluted","constructor":"c","":"empty","a\\u0000b":"nul\\u0000","half":"\\ud83d"}') as Record<string, string>;
    hostile['large'] = 'A'.repeat(65_536);
    const { alerts, groupLabels } = read((sent, alert) => (Object.assign(alert, { labels: hostile, annotations: hostile }), Object.assign(sent, { groupLabels: hostile })));
    for (const map of [alerts[0]?.labels ?? {}, alerts[0]?.annotations ?? {}, groupLabels]) {
      expect('toString' in map).toBe(false);
      expect(Object.keys(map)).toEqual(['__proto__', 'constructor', '', 'a\0b', 'half', 'large']);
      expect(Object.entries(map).find(([name]) => name === '__proto__')).toEqual(['__proto__', 'polluted']);
      expect([map['constructor'], map['toString'], map['half'], map['large']?.length]).toEqual(['c', undefined, '\ud83d', 65_536]);
      expect(JSON.parse(JSON.stringify(map))).toEqual(hostile);
    }
  });
});
