import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { isSecretName, redact, REDACTED, redactJson } from '#kernel/redact.ts';

const HEX = [...'0123456789abcdef'];
const ALNUM = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'];
const URL_SAFE = [...ALNUM, '-', '_'];

function text(alphabet: readonly string[], length: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length }).map((letters) => letters.join(''));
}

interface Planted {
  readonly secret: string;
  readonly text: string;
}

const asItIs = (secret: fc.Arbitrary<string>): fc.Arbitrary<Planted> => secret.map((one) => ({ secret: one, text: one }));
const within = (secret: fc.Arbitrary<string>, wrap: (secret: string) => string): fc.Arbitrary<Planted> => secret.map((one) => ({ secret: one, text: wrap(one) }));
const opaque = text(ALNUM, 24).map((letters) => `${letters}7`);

const planted: fc.Arbitrary<Planted> = fc.oneof(
  asItIs(fc.tuple(fc.constantFrom('a', 'b', 'p', 'r', 's'), text(ALNUM, 24)).map(([kind, rest]) => `xox${kind}-12345-${rest}`)),
  asItIs(text(ALNUM, 40).map((rest) => `xapp-1-A0123-${rest}`)),
  asItIs(text(HEX, 64).map((rest) => `ck_${rest}`)),
  asItIs(text([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'], 16).map((rest) => `AKIA${rest}`)),
  asItIs(text(ALNUM, 36).map((rest) => `ghp_${rest}`)),
  asItIs(fc.tuple(text(URL_SAFE, 20), text(URL_SAFE, 40), text(URL_SAFE, 43)).map(([head, body, sign]) => `eyJ${head}.eyJ${body}.${sign}`)),
  within(text(ALNUM, 64), (body) => `-----BEGIN RSA PRIVATE KEY-----\n${body}\n-----END RSA PRIVATE KEY-----`),
  within(text(ALNUM, 64), (body) => `-----BEGIN PRIVATE KEY-----\n${body}`),
  within(opaque, (secret) => `Authorization: Bearer ${secret}`),
  within(opaque, (secret) => `authorization: basic ${secret}=`),
  within(opaque, (secret) => `redis://:${secret}@redis:6379/0`),
  within(opaque, (secret) => `https://bot:${secret}@grafana.example/api`),
  within(opaque, (secret) => `https://bot:pa@ss${secret}@grafana.example/api`),
  within(opaque, (secret) => `GET /api?token=${secret}&limit=5`),
  within(opaque, (secret) => `X-API-Key: ${secret}`),
  within(opaque, (secret) => `SLACK_BOT_TOKEN=${secret}`),
  within(opaque, (secret) => `{"password":"${secret} and ${secret}"}`),
  within(opaque, (secret) => String.raw`body was {\"client_secret\":\"${secret}\"}`),
  within(opaque, (secret) => `https://hooks.slack.com/services/T0/B0/${secret}`),
  within(text(HEX, 64), (secret) => `x-slack-signature: v0=${secret}`),
  within(text([...'abcdefghij'], 12), (secret) => `password: ${secret}`),
);

const words = fc.constantFrom('the job failed', 'GET /api/v1/dlq', 'level=error', '{"a":1}', 'at 10:00', '(again)', '日本語', '\n', '');
const uuid = fc.uuid();
const ordinary = fc.oneof(
  uuid,
  text(HEX, 64),
  text(HEX, 40),
  uuid.map((id) => `dlq-retry-${id}`),
  text([...'0123456789abcdefghjkmnpqrstvwxyz'], 26).map((id) => `run_${id}`),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
  fc.constantFrom(
    'alertname="CordumDLQDepthHigh"',
    'http://prometheus:9090/graph?g0.expr=cordum_dlq_entries&g0.tab=1',
    'sha256:' + 'ab'.repeat(32),
    'severity=warning',
    'invalid token: expired',
    'Basic authentication is off',
    'the bearer authentication failed',
    'max_scheduling_retries',
    'job.default@pool-a',
    'mail alice@example.com about http://a:9090/x@y',
    'tokens: 12, token_count=4',
    'secret: false',
    'git clone ssh://git@github.com/cordum/cordum',
    '1.5h, 3 workers: w1, w2; 97.5 %',
  ),
);

describe('redact', () => {
  it('takes each of 200 planted secrets out of the text around it', () => {
    fc.assert(
      fc.property(words, planted, words, (before, plant, after) => {
        const out = redact(`${before} ${plant.text} ${after}`);
        expect(out).not.toContain(plant.secret);
        expect(out).toContain(REDACTED);
      }),
      { numRuns: 200 },
    );
  });

  it('says the same again when it reads its own answer', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(planted.map((plant) => plant.text), ordinary, words), { maxLength: 5 }), (parts) => {
        const once = redact(parts.join(' '));
        expect(redact(once)).toBe(once);
      }),
      { numRuns: 200 },
    );
  });

  it('leaves ids, digests, times, labels and plain sentences as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(ordinary, words), { maxLength: 6 }), (parts) => {
        const original = parts.join(' ');
        expect(redact(original)).toBe(original);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps what a person needs to see which credential was meant', () => {
    expect(redact('dial redis://:hunter2@redis:6379/0 failed')).toBe('dial redis://:[redacted]@redis:6379/0 failed');
    expect(redact('https://bot:pw@host/x?y=1')).toBe('https://bot:[redacted]@host/x?y=1');
    expect(redact('Authorization: Bearer abc123def456')).toBe('Authorization: Bearer [redacted]');
  });

  it('reads hostile text of a megabyte without losing its way', () => {
    const megabyte = 1 << 20;
    for (const piece of ['eyJ-', 'a', '://', '://a:', 'token ', 'password: ', '-----BEGIN PRIVATE KEY-----', 'bearer ', 'xox', '"token":"\\', '"', 'ck_', "token='"]) {
      expect(redact(piece.repeat(megabyte / piece.length)).length, piece).toBeGreaterThan(0);
    }
  });
});

describe('redactJson', () => {
  it('hides every string and number under a secret name, whatever it looks like, at any depth', () => {
    fc.assert(
      fc.property(fc.constantFrom('password', 'apiKey', 'x-api-key', 'Authorization', 'client_secret', 'SLACK_BOT_TOKEN', 'Set-Cookie', 'x-slack-signature', 'credentials'), text([...'qwertz '], 12), (name, secret) => {
        const out = JSON.stringify(redactJson({ a: [{ [name]: secret }, { [name]: { inner: [secret, 4711] } }] }));
        expect(out).not.toContain(secret);
        expect(out).not.toContain('4711');
      }),
      { numRuns: 100 },
    );
  });

  it('leaves other fields, cursors, booleans and nulls as they are', () => {
    const value = {
      id: 'job-1',
      token: null,
      secret: false,
      nextPageToken: 'abc',
      passwordFile: '/run/secrets/pw',
      tokenCount: 3,
      digest: 'ab'.repeat(32),
      labels: { severity: 'warning', instance: 'a:9090' },
      items: [1, 2.5, 'x'],
    };
    expect(redactJson(value)).toEqual(value);
  });

  it('keeps a key named __proto__ a key, and redacts secrets within keys', () => {
    const out = redactJson(JSON.parse('{"__proto__": {"polluted": 1}, "xoxb-1234567890-abc": 1}') as never) as Record<string, unknown>;
    expect(Object.keys(out)).toEqual(['__proto__', REDACTED]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('cuts what is nested deeper than anything we store, rather than overflow', () => {
    let deep: unknown = 'xoxb-1234567890-abc';
    for (let i = 0; i < 50_000; i += 1) deep = [deep];
    const out = JSON.stringify(redactJson(deep as never));
    expect(out).toContain('cut: deeper than 100 levels');
  });
});

describe('isSecretName', () => {
  it('knows names in any spelling, and does not take a file or a name of a secret for one', () => {
    for (const name of ['apiKey', 'API_KEY', 'x-api-key', 'bot_token', 'signingSecret', 'aws_secret_access_key', 'auth']) expect(isSecretName(name), name).toBe(true);
    for (const name of ['apiKeyFile', 'secretName', 'tokenCount', 'idempotencyKey', 'key', 'continueToken', 'author', 'compass']) expect(isSecretName(name), name).toBe(false);
  });
});

describe('a private key in a list of log lines', () => {
  const BODY = ['MIIEpAIBAAKCAQEA7bq3l0m1', 'x'.repeat(40), 'Zm9vYmFyYmF6cXV4cXV1eA=='];
  const KEY = ['-----BEGIN RSA PRIVATE KEY-----', ...BODY, '-----END RSA PRIVATE KEY-----'];
  const lines = ['loading', ...KEY, 'loaded abcdefghijklmnopqrstuvwxyz'];

  it('is hidden although no line of it looks like one, and what comes after it is kept', () => {
    for (const list of [lines, lines.map((line, number) => ({ number, line })), lines.map((line) => ({ line: `2026-11-21T05:00:00Z ${line}`, container: 'kernel' }))]) {
      const out = JSON.stringify(redactJson({ lines: list } as never));
      for (const part of BODY) expect(out).not.toContain(part);
      expect(out).toContain('loading');
      expect(out).toContain('loaded abcdefghijklmnopqrstuvwxyz');
    }
  });

  it('that never ends hides its lines, and no words', () => {
    const out = JSON.stringify(redactJson([...KEY.slice(0, 3), 'panic: no more memory', BODY[2] ?? '']));
    expect(out).not.toContain(BODY[2]);
    expect(out).toContain('panic: no more memory');
  });

  it('of a hostile length is read in time that grows with it', () => {
    const list = [KEY[0] ?? '', `${'A'.repeat(1 << 20)}!`, '='.repeat(1 << 20), `${' '.repeat(1 << 20)}x`];
    expect(redactJson(list)).toHaveLength(4);
  });
});
