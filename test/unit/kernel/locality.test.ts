import { describe, expect, test } from 'vitest';
import { isFromHere } from '#kernel/locality.ts';

const from = (remoteAddress: string | undefined, headers: Record<string, string | undefined> = {}): boolean => isFromHere({ remoteAddress, headers: { host: '127.0.0.1:8080', ...headers } });

describe('a request is from this machine', () => {
  test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('when its peer is %s', (address) => expect(from(address)).toBe(true));
  test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.1.1:80', '[::1]:8080'])('when it was sent to %s', (host) => expect(from('127.0.0.1', { host })).toBe(true));
});

describe('a request is not from this machine', () => {
  test.each([undefined, '', '10.0.0.7', '128.0.0.1', '::2', '::ffff:10.0.0.7', '127.0.0.1.evil.example'])('when its peer is %s', (address) => expect(from(address)).toBe(false));
  test.each(['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'])('when a proxy says so by %s, even an empty one', (name) => {
    expect(from('127.0.0.1', { [name]: '127.0.0.1' })).toBe(false);
    expect(from('127.0.0.1', { [name]: '' })).toBe(false);
  });
  test.each([undefined, '', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example:8080', '127.0.0.1@evil.example'])('when it was sent to %s: a name that was bent to point here', (host) => expect(from('127.0.0.1', { host })).toBe(false));
});
