import { MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { createAlertmanagerClient } from '#systems/alertmanager/client.ts';
import { equalities, hidesMuch, LABEL_NAME, matchesAll, writeMatchers } from '#systems/alertmanager/silences.ts';
import { recordedAnswer } from '../../../kit/alertmanager.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

const ID = '00000000-0000-0000-0000-000000000000';

function client(status: number, body: string) {
  const agent = new MockAgent();
  agent.disableNetConnect();
  for (const method of ['GET', 'POST', 'DELETE']) agent.get('http://alerts.example:9093').intercept({ path: /.*/, method }).reply(status, body);
  return createAlertmanagerClient({ url: 'http://alerts.example:9093', clock: createVirtualClock(), dispatcher: agent });
}

describe('silences', () => {
  it.each(['am0.25', 'am0.28'])('of %s are read as recorded', async (version) => {
    const answer = await client(200, JSON.stringify(recordedAnswer(`${version}-api-silence-silences_active`))).silences({});
    expect(answer.ok && answer.value.value.map(({ matchers, status }) => [status.state, matchers.length])).toEqual([['active', 2], ['active', 1]]);
  });

  it('that are refused say why, and have not landed', async () => {
    const silence = { matchers: [], startsAt: '', endsAt: '', createdBy: '', comment: '' };
    for (const version of ['am0.25', 'am0.28']) {
      expect(await client(400, JSON.stringify(recordedAnswer(`${version}-api-silence-silence_bad_regex`))).createSilence(silence, {})).toMatchObject({ ok: false, failure: { reason: 'invalid', landed: 'no', message: expect.stringContaining('regexp') } });
    }
    expect(await client(502, 'bad gateway').createSilence(silence, {})).toMatchObject({ ok: false, failure: { reason: 'unavailable', landed: 'maybe' } });
  });

  it('that are unknown are 404 on 0.28 and 500 on 0.25', async () => {
    expect(await client(404, '').expireSilence(ID, {})).toMatchObject({ ok: false, failure: { reason: 'notFound', landed: 'no' } });
    expect(await client(500, '').expireSilence(ID, {})).toMatchObject({ ok: false, failure: { reason: 'unavailable', landed: 'maybe' } });
  });

  it.each(['../alerts', 'x', `${ID}/..`, ''])('are not asked for by the id %j', async (id) => {
    expect(await client(200, '').expireSilence(id, {})).toMatchObject({ ok: false, failure: { reason: 'invalid', landed: 'no' } });
    expect(await client(200, '{}').silence(id, {})).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });

  it('that say nothing of what an alert must be hide much', () => {
    const silence = (value: string, isRegex: boolean, isEqual = true) => ({ id: ID, status: { state: 'active' }, matchers: [{ name: 'a', value, isRegex, isEqual }], startsAt: '', endsAt: '', createdBy: '', comment: '' });
    for (const much of [silence('.*', true), silence('.+', true), silence('', false), silence('x', false, false)]) expect(hidesMuch(much)).toBe(true);
    for (const little of [silence('x', false), silence('x.*', true)]) expect(hidesMuch(little)).toBe(false);
    expect(matchesAll([{ name: 'constructor', value: 'x', isRegex: false, isEqual: true }], {})).toBe(false);
  });

  it('may name labels as OpenTelemetry does, which are told in quotes as Alertmanager does', () => {
    expect(writeMatchers(equalities('A', [{ name: 'service.name', value: 'gw' }, { name: 'pool', value: 'a' }]))).toBe('{alertname="A", pool="a", "service.name"="gw"}');
    for (const name of ['service.name', 'größe', 'a b', '__x']) expect(LABEL_NAME.test(name), name).toBe(true);
    for (const name of ['', 'a\nb', '\ud800']) expect(LABEL_NAME.test(name), name).toBe(false);
  });
});
