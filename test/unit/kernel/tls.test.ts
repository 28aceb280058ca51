import { describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { nodeTls } from '#kernel/tls.ts';

describe('TLS material, as Node takes it', () => {
  it('holds what is there and nothing else: an option that is undefined would override a default', () => {
    expect(Object.keys(nodeTls())).toEqual([]);
    expect(nodeTls({ ca: 'CA', cert: 'C', key: new Secret('K'), serverName: 'redis.example' })).toEqual({ ca: 'CA', cert: 'C', key: 'K', servername: 'redis.example' });
  });

  it('shows no identity of which one half is missing', () => {
    expect(nodeTls({ cert: 'C' })).toEqual({});
    expect(nodeTls({ key: new Secret('K') })).toEqual({});
  });
});
