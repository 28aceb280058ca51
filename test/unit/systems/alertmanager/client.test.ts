import { MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createAlertmanagerClient } from '#systems/alertmanager/client.ts';
import { recordedAnswer } from '../../../kit/alertmanager.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

const STATUS = JSON.stringify(recordedAnswer('am0.28-api-lifecycle-status'));

function client(answers: { status?: [number, string]; alerts?: [number, string]; url?: string }) {
  const agent = new MockAgent();
  agent.disableNetConnect();
  const seen: string[] = [];
  const pool = agent.get('http://alerts.example:9093');
  const path = (name: string) => (asked: string) => asked.endsWith(`/api/v2/${name}`);
  const note = (answer: [number, string]) => (request: { path: string; headers?: unknown }) => {
    seen.push(`${request.path} ${(request.headers as Record<string, string>)['authorization'] ?? ''}`.trim());
    return { statusCode: answer[0], data: answer[1], responseOptions: { headers: { date: 'Fri, 20 Nov 2026 20:50:10 GMT' } } };
  };
  pool.intercept({ path: path('status') }).reply(note(answers.status ?? [200, STATUS]));
  pool.intercept({ path: path('alerts') }).reply(note(answers.alerts ?? [200, '[]']));
  return { seen, ...createAlertmanagerClient({ url: answers.url ?? 'http://alerts.example:9093', clock: createVirtualClock(), dispatcher: agent }) };
}

describe('the alerts that an Alertmanager lists', () => {
  it('come with their labels by fingerprint, and with its uptime by its own clock', async () => {
    const answer = await client({ alerts: [200, JSON.stringify(recordedAnswer('am0.28-api-lifecycle-alerts_three'))] }).active();
    if (!answer.ok) throw new Error(answer.failure.message);
    expect([...answer.value.alerts.keys()].map((one) => one.slice(0, 4)).toSorted()).toEqual(['1ccb', '2a32', 'de2e']);
    expect([...answer.value.alerts.values()].every(({ alertname }) => alertname === 'CordumDLQDepthHigh')).toBe(true);
    expect(answer.value.uptimeMs).toBe(Date.parse('2026-11-20T20:50:10Z') - Date.parse('2026-11-20T19:50:10.713Z'));
  });

  it('include what is silenced, because a silence ends nothing', async () => {
    const answer = await client({ alerts: [200, JSON.stringify(recordedAnswer('am0.25-api-silence-alerts_one_silenced'))] }).active();
    expect(answer.ok && answer.value.alerts.size).toBe(3);
  });

  it('are asked for under the path prefix, with the credentials of the URL', async () => {
    const asked = client({ url: 'http://bot:s%20t@alerts.example:9093/am/' });
    expect((await asked.active()).ok).toBe(true);
    expect(asked.seen).toEqual(['/am/api/v2/status Basic Ym90OnMgdA==', '/am/api/v2/alerts Basic Ym90OnMgdA==']);
  });

  it.each([
    [401, '', 'unauthorised'],
    [404, '', 'notFound'],
    [302, '', 'unexpected'],
    [503, '', 'unavailable'],
    [200, 'not json', 'unexpected'],
    [200, '{"alerts":[]}', 'unexpected'],
    [200, '[{"fingerprint":"a","labels":{"a":1}}]', 'unexpected'],
  ])('are not known after %i %s', async (status, text, reason) => {
    expect(await client({ alerts: [status, text] }).active()).toMatchObject({ ok: false, failure: { reason } });
  });

  it('are not known when it cannot be reached, and no credential stands in the reason', async () => {
    const answer = await createAlertmanagerClient({ url: 'http://bot:hidden@127.0.0.1:1', clock: systemClock, timeoutMs: 2_000 }).active();
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
    expect(JSON.stringify(answer)).not.toContain('hidden');
  });
});
