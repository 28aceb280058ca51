import { describe, expect, it } from 'vitest';
import { type CallFacts, failureOfAnswer, failureOfError } from '#systems/cordum/failure.ts';
import { recording, recordingNames } from '../../../kit/cordum-replay.ts';

const KEY = 'ck_secret';
const reading: CallFacts = { doing: 'list the DLQ', writes: false, redact: (text) => text.replaceAll(KEY, '[secret]') };
const writing: CallFacts = { ...reading, doing: 'retry the DLQ entry a', writes: true };

/** Status, body, then reason, landed and a word of the advice. */
const TABLE: readonly (readonly [number, string, string, 'no' | 'maybe', RegExp])[] = [
  [400, '{"error":"missing topic for retry","status":400}', 'invalid', 'no', /missing topic/],
  [400, 'Client sent an HTTP request to an HTTPS server.\n', 'invalid', 'no', /write https:\/\/ into cordum\.url/],
  [401, '{"error":"unauthorized","status":401}', 'unauthorised', 'no', /apiKeyFile/],
  [403, '{"error":"access denied","status":403}', 'forbidden', 'no', /role admin/],
  [403, '{"error":"tenant access denied","status":403}', 'forbidden', 'no', /cordum\.tenant/],
  [403, '{"error":"tenant id required","status":403}', 'forbidden', 'no', /set cordum\.tenant/],
  [403, '{"error":"tier_limit_exceeded","code":"tier_limit_exceeded","status":403,"limit":"max_concurrent_jobs","message":"m"}', 'forbidden', 'no', /licence/],
  [403, '{"error":"tier_limit_exceeded","code":"tier_limit_exceeded","status":403,"limit":"max_body_bytes","message":"m"}', 'tooLarge', 'no', /max_body_bytes/],
  [403, '{"error":"policy check unavailable","status":403}', 'unavailable', 'no', /safety kernel/],
  [403, '{"error":"High-value bank transfers are blocked by policy.","status":403}', 'forbidden', 'no', /blocked by policy/],
  [403, '<html>nginx</html>', 'forbidden', 'no', /proxy/],
  [404, '{"error":"dlq entry not found","status":404}', 'notFound', 'no', /already retried or deleted, or Cordum's Redis/],
  [404, '{"error":"job not found","status":404}', 'notFound', 'no', /job not found/],
  [404, '404 page not found\n', 'unexpected', 'no', /v0\.9 gateway/],
  [405, 'Method Not Allowed\n', 'unexpected', 'no', /method/],
  [409, '{"error":"conflict","status":409}', 'conflict', 'no', /moved/],
  [413, '', 'tooLarge', 'no', /proxy/],
  [429, '{"error":"rate limited","status":429}', 'rateLimited', 'no', /Redis is down.*\/readyz/],
  [408, '', 'timeout', 'maybe', /gave up/],
  [500, '{"error":"failed to retrieve artifact","status":500}', 'unavailable', 'maybe', /gateway's log/],
  [502, '{"error":"upstream service error","status":502}', 'unavailable', 'maybe', /services behind/],
  [503, '{"error":"service unavailable","status":503}', 'unavailable', 'maybe', /stores/],
  [503, '{"error":"failed to enqueue job","status":503}', 'unavailable', 'maybe', /NATS/],
  [504, '', 'timeout', 'maybe', /gave up/],
  [302, '', 'unexpected', 'maybe', /redirect/],
  [418, 'teapot', 'invalid', 'no', /418/],
];

describe('a refusal of Cordum', () => {
  it.each(TABLE)('%i %s is %s', (status, body, reason, landed, advice) => {
    const failure = failureOfAnswer({ status, body }, writing);
    expect(failure).toMatchObject({ reason, landed });
    expect(failure.message).toMatch(advice);
  });

  it('says nothing about landing where nothing is written', () => {
    for (const [status, body] of TABLE) expect(failureOfAnswer({ status, body }, reading)).not.toHaveProperty('landed');
  });

  it('is told apart for every error that was recorded', () => {
    const errors = recordingNames().map(recording).filter((one) => one.status >= 400);
    expect(errors.length).toBeGreaterThan(30);
    for (const one of errors) {
      const failure = failureOfAnswer(one, writing);
      expect(failure.message, one.name).toMatch(/^Cordum did not retry the DLQ entry a: .*[.?]$/);
      expect(failure.landed, one.name).toBe(one.status < 500 ? 'no' : 'maybe');
    }
  });

  it('is a rate limit for everything that was recorded of a gateway whose Redis is down', () => {
    const answers = recordingNames().filter((name) => name.startsWith('redis_down_')).map(recording).filter((one) => one.path.startsWith('/api/') || one.status === 429);
    expect(answers.length).toBeGreaterThan(4);
    for (const one of answers) expect(failureOfAnswer(one, reading).reason, one.name).toBe('rateLimited');
  });

  it('never repeats a key, nor control characters, nor a long text', () => {
    const error = `no ${KEY}\u0000\n${'x'.repeat(5_000)}`;
    const { message } = failureOfAnswer({ status: 400, body: JSON.stringify({ error }) }, writing);
    expect(message).not.toContain(KEY);
    expect(message).toContain('[secret]');
    expect([...message].every((character) => character >= ' ')).toBe(true);
    expect(message.length).toBeLessThan(400);
  });

  it('does not let half a key through where a text is cut', () => {
    const error = `${'x'.repeat(196)}${KEY}`;
    expect(failureOfAnswer({ status: 400, body: JSON.stringify({ error }) }, writing).message).not.toContain('ck_');
  });
});

describe('a connection that fails', () => {
  const open = { timedOut: false, cancelled: false, afterMs: 15_000 };
  const coded = (code: string): Error => Object.assign(new Error('boom'), { code });

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'DEPTH_ZERO_SELF_SIGNED_CERT'])(
    'with %s has sent nothing',
    (code) => {
      expect(failureOfError(coded(code), writing, open)).toMatchObject({ reason: 'unreachable', landed: 'no' });
    },
  );

  it.each(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE', 'EPROTO', 'SOMETHING_NEW', ''])('with %s may have sent everything', (code) => {
    expect(failureOfError(coded(code), writing, open)).toMatchObject({ reason: 'unreachable', landed: 'maybe' });
  });

  it('by our own timeout or a cancelled run may have landed', () => {
    expect(failureOfError(coded('ABORT_ERR'), writing, { ...open, timedOut: true })).toMatchObject({ reason: 'timeout', landed: 'maybe' });
    expect(failureOfError(coded('ABORT_ERR'), writing, { ...open, cancelled: true })).toMatchObject({ reason: 'cancelled', landed: 'maybe' });
  });
});
