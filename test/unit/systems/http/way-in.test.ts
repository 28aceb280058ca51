import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { kindOfAddress } from '#systems/http/addresses.ts';
import { createAllowList } from '#systems/http/allow-list.ts';
import { createHttpClient } from '#systems/http/client.ts';
import { guardedLookup, isAddressRefused } from '#systems/http/connect.ts';
import { pickField } from '#systems/http/fields.ts';

const octet = fc.integer({ min: 0, max: 255 });
const hex = (high: number, low: number): string => (high * 256 + low).toString(16);

describe('an address', () => {
  it.each([
    ['169.254.169.254', 'forbidden'],
    ['fe80::1%eth0', 'forbidden'],
    ['fd00:ec2::254', 'forbidden'],
    ['100.100.100.200', 'forbidden'],
    ['224.0.0.1', 'forbidden'],
    ['ff02::1', 'forbidden'],
    ['255.255.255.255', 'forbidden'],
    ['0.0.0.0', 'forbidden'],
    ['::', 'forbidden'],
    ['::ffff:169.254.169.254', 'forbidden'],
    ['::ffff:a9fe:a9fe', 'forbidden'],
    ['64:ff9b::a9fe:a9fe', 'forbidden'],
    ['2002:a9fe:a9fe::1', 'forbidden'],
    ['2001:0:1::1', 'forbidden'],
    ['not an address', 'forbidden'],
    ['', 'forbidden'],
    ['127.0.0.1', 'loopback'],
    ['127.1.2.3', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['172.32.0.1', 'public'],
    ['93.184.216.34', 'public'],
    ['2606:4700::1111', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(kindOfAddress(address)).toBe(kind);
  });

  it('within an IPv6 one is judged like the IPv4 one that it is', () => {
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const plain = kindOfAddress(`${a}.${b}.${c}.${d}`);
        for (const form of [`::ffff:${a}.${b}.${c}.${d}`, `::ffff:${hex(a, b)}:${hex(c, d)}`, `64:ff9b::${hex(a, b)}:${hex(c, d)}`, `2002:${hex(a, b)}:${hex(c, d)}::`]) expect(kindOfAddress(form), form).toBe(plain);
      }),
    );
  });
});

describe('an allow-list', () => {
  const list = createAllowList(['gateway', 'prom.example:9090', '[::1]:8080', '10.0.0.7', '169.254.169.254', 'Metrics.Example.']);

  it('admits what it names, in whatever form, and nothing else', () => {
    for (const [host, port] of [['gateway', 8081], ['GATEWAY', 80], ['prom.example', 9090], ['::1', 8080], ['[0:0::1]', 8080], ['0xa.0.0.7', 80], ['metrics.example', 443]] as const) expect(list.place(host, port), host).toMatchObject({ ok: true });
    for (const [host, port] of [['gateway.evil', 80], ['evil-gateway', 80], ['prom.example', 9091], ['::1', 8081], ['localhost', 80], ['gateway/../x', 80], ['gateway@evil', 80], ['gateway#', 80], ['', 80]] as const) expect(list.place(host, port), host).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });

  it('does not open a metadata address, even when it names it', () => {
    for (const host of ['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376']) expect(list.place(host, 80), host).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(createAllowList(['[::ffff:169.254.169.254]']).place('::ffff:a9fe:a9fe', 80)).toMatchObject({ ok: false });
  });

  it('admits this machine only under a name that says so', () => {
    const place = { host: 'gateway', port: 80, isLoopback: false };
    expect(list.admits(place, '127.0.0.1')).toBe(false);
    expect(list.admits(place, '10.0.0.1')).toBe(true);
    expect(list.admits({ ...place, isLoopback: true }, '127.0.0.1')).toBe(true);
    expect(list.admits({ ...place, isLoopback: true }, '169.254.169.254')).toBe(false);
  });

  it('that names nothing asks nobody', async () => {
    const client = createHttpClient({ allow: [], clock: systemClock });
    expect(await client.get('http://localhost/', { timeoutMs: 100 })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });
});

describe('looking a name up', () => {
  it('refuses a name that leads to this machine, unless the list names this machine', async () => {
    const list = createAllowList(['localhost']);
    const look = (isLoopback: boolean): Promise<unknown> =>
      new Promise((resolve) => guardedLookup(list, { host: 'localhost', port: 80, isLoopback })('localhost', { all: true }, (error, addresses) => resolve(error ?? addresses)));
    expect(isAddressRefused(await look(false))).toBe(true);
    expect(await look(true)).toEqual(expect.arrayContaining([expect.objectContaining({ family: expect.any(Number) })]));
  });
});

describe('a URL', () => {
  const client = createHttpClient({ allow: ['gateway', '127.0.0.1:1'], clock: systemClock });
  it.each(['file:///etc/passwd', 'gopher://gateway/', 'http://user:pw@gateway/', 'http://gateway@evil.example/', 'http://evil.example/?gateway', 'http://evil.example#gateway', 'http://gateway.evil.example/', 'http://2130706433:2/', 'http://0177.0.0.1:2/', 'http://[::ffff:7f00:1]:1/', 'http://localhost:1/', 'http://0/', 'http://[::]/', String.raw`http://evil.example\@gateway/`])(
    '%s is refused before anything is sent',
    async (url) => {
      expect(await client.get(url, { timeoutMs: 1_000 })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    },
  );

  it('in another form of an allowed address is that address', async () => {
    expect(await client.get('http://2130706433:1/', { timeoutMs: 2_000 })).toMatchObject({ ok: true, value: { reachable: false, cause: 'refused' } });
  });

  it('of any text never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.webUrl({ validSchemes: ['http', 'https', 'ftp'] }), fc.string()), async (text) => {
        expect(await client.get(text, { timeoutMs: 50 })).toMatchObject({ ok: false });
      }),
    );
  });
});

describe('a field of an answer', () => {
  const json = { build: { version: '0.9.1' }, items: [{ n: 5 }], ready: true, 'deep.er': 1 };
  it('is picked by its path, and never inherited', () => {
    expect(pickField(json, { name: 'v', path: 'build.version' })).toEqual({ name: 'v', seen: true, value: '0.9.1', number: 0, isTrue: false });
    expect(pickField(json, { name: 'n', path: 'items.0.n' })).toMatchObject({ seen: true, number: 5 });
    expect(pickField(json, { name: 'r', path: 'ready' })).toMatchObject({ seen: true, isTrue: true });
    for (const path of ['constructor', '__proto__', 'items.length', 'items.1', 'build.version.0', 'nothing']) expect(pickField(json, { name: 'x', path }), path).toMatchObject({ seen: false, value: '' });
  });
});
