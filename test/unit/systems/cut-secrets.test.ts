import { describe, expect, it } from 'vitest';
import { cutClean, redact } from '#kernel/redact.ts';
import { named, said } from '#systems/cordum/fields.ts';
import { linesOf, shown, tally } from '#systems/kubernetes/log-lines.ts';
import { message } from '#systems/kubernetes/words.ts';
import { readDeadLetter } from '#systems/nats/wire.ts';

/** Long enough that a cut within it leaves a part that looks like nothing. */
const SECRET = 's3cr3tS3CR3T'.repeat(4);

/** The text with the secret across the place where it will be cut. */
function across(cutAt: number): string {
  const before = 'dial redis://:';
  return `${'x'.repeat(cutAt - before.length - 20)} ${before}${SECRET}@redis:6379 failed`;
}

/** Field 11 (the result) with fields 1 (the job) and 7 (the reason), as protobuf writes them. */
function deadLetter(reason: string): Uint8Array {
  const bytes = Buffer.from(reason);
  const result = Buffer.concat([Buffer.from([0x0a, 1, 0x6a, 0x3a]), varint(bytes.length), bytes]);
  return Buffer.concat([Buffer.from([0x5a]), varint(result.length), result]);
}

function varint(value: number): Buffer {
  return value < 128 ? Buffer.from([value]) : Buffer.from([(value & 127) | 128, value >> 7]);
}

describe('a secret that stands where a text is cut', () => {
  it('would pass redaction when that came after the cut', () => {
    expect(redact(across(500).slice(0, 499))).toContain(SECRET.slice(0, 12));
  });

  it.each([
    ['by the kernel', () => cutClean(across(500), 500)],
    ['in a log line', () => linesOf('pod', across(500)).map(shown)],
    ['in the last line of a tally', () => tally(linesOf('pod', across(500)), [{ name: 'dial', text: 'dial' }])],
    ['in what a controller of Kubernetes says', () => message(across(500))],
    ['in a reason of Cordum', () => said.parse(across(500))],
    ['in a name of Cordum', () => named(5).parse([across(500)])],
    ['in a dead letter', () => readDeadLetter(deadLetter(across(500)))],
  ])('is gone before the cut %s', (_where, made) => {
    const text = JSON.stringify(made());
    expect(text).toContain('xxx');
    expect(text).not.toContain(SECRET.slice(0, 8));
  });
});

describe('a key that is printed into a log', () => {
  const log = ['2026-11-20T10:00:00Z loading', '-----BEGIN PRIVATE KEY-----', `${SECRET}needle${SECRET}`, '-----END PRIVATE KEY-----', 'a needle in the next line'].join('\n');

  it('stays hidden when only a line from its middle is looked for', () => {
    const found = tally(linesOf('pod', log), [{ name: 'needle', text: 'needle' }]);
    expect(JSON.stringify(linesOf('pod', log).map(shown))).not.toContain(SECRET);
    expect(found).toMatchObject([{ lastText: 'a needle in the next line' }]);
  });

  it('keeps the numbers of the lines', () => {
    expect(linesOf('pod', log).map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a token of NATS in a URL', () => {
  it.each(['nats://s3cr3tT0ken@nats:4222', 'tls://s3cr3tT0ken@nats:4222', 'connect nats://a:4222,nats://s3cr3tT0ken@nats:4222 failed', 'redis://s3cr3tT0ken@redis'])('is taken out of %s', (text) => {
    expect(redact(text)).not.toContain('s3cr3t');
    expect(redact(text)).toMatch(/nats|redis/);
  });
});
