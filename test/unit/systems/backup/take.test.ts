import { describe, expect, it } from 'vitest';
import { fail, succeed } from '#kernel/failure.ts';
import type { BackupClient } from '#systems/backup/client.ts';
import { configTake } from '#systems/backup/steps/config-take.ts';
import { natsTake } from '#systems/backup/steps/nats-take.ts';
import { redisTake } from '#systems/backup/steps/redis-take.ts';
import { backupClient, setOf, TAKEN } from '../../../kit/backups/client.ts';
import { contextOn, type AnyContext } from '../../../kit/step-context.ts';

const plan = (client: BackupClient, more: Partial<AnyContext> = {}) => redisTake.plan({}, contextOn(client, more));

async function itemOf(client: BackupClient) {
  const planned = await plan(client);
  const item = planned.ok ? planned.value.items[0] : undefined;
  if (item === undefined) throw new Error('nothing is planned');
  return item;
}

describe('taking a backup', () => {
  it('is one R1 item for its store, which says what goes where, how much there is, and what it costs', async () => {
    const planned = await plan(backupClient({ list: async () => succeed({ stores: [], sets: [setOf('redis', 7_500)], skewSeconds: null, unfinished: [], strangers: [] }) }));
    expect(planned).toMatchObject({ ok: true, value: { items: [{ key: 'backup/redis', title: 'Back up redis to /backups', current: { from: ['redis:6379'], directory: '/backups' } }] } });
    expect(planned.ok && planned.value.notes?.join(' ')).toMatch(/It holds about 2\.0 KiB now\. The last one, redis-\S+, has 1000 B and is 2 h 5 min old\. 976\.6 KiB are free there\. It forks\./);
    expect([redisTake, natsTake, configTake].map(({ tier, undo }) => [tier, undo])).toEqual([['R1', undefined], ['R1', undefined], ['R1', undefined]]);
  });

  it('stays the same plan while sizes change, and is another one when the directory or the source does', async () => {
    const before = await itemOf(backupClient());
    expect(await itemOf(backupClient({ room: async () => ({ freeBytes: 999_999, totalBytes: 4_000_000 }), source: async () => succeed({ from: ['redis:6379'], bytes: 9_000, load: [] }) }))).toEqual(before);
    expect(await itemOf(backupClient({ directory: '/elsewhere' }))).not.toEqual(before);
    expect(await itemOf(backupClient({ source: async () => succeed({ from: ['other:6379'], bytes: 2_000, load: [] }) }))).not.toEqual(before);
  });

  it('is looked at again alone just before it is taken', async () => {
    expect(await plan(backupClient(), { only: 'backup/redis' })).toMatchObject({ ok: true, value: { items: [{ key: 'backup/redis' }] } });
    expect(await plan(backupClient(), { only: 'backup/nats' })).toMatchObject({ ok: true, value: { items: [] } });
  });

  it.each([
    ['of the last one and a fifth', 1_199, { list: async () => succeed({ stores: [], sets: [setOf('redis', 60)], skewSeconds: null, unfinished: [], strangers: [] }) }],
    ['of what the store holds, where there was none before', 1_999, {}],
  ])('is refused without room %s', async (_what, freeBytes, more) => {
    const room = (free: number): Partial<BackupClient> => ({ ...more, room: async () => ({ freeBytes: free, totalBytes: 4_000_000 }) });
    expect(await plan(backupClient(room(freeBytes)))).toMatchObject({ ok: false, failure: { reason: 'unavailable', message: expect.stringMatching(/no room.*The bot removes no backups/) as string } });
    expect(await plan(backupClient(room(freeBytes + 1)))).toMatchObject({ ok: true });
  });

  it('is refused where the directory cannot be read, before anything is asked of the store', async () => {
    let asked = 0;
    const client = backupClient({ list: async () => fail('notFound', 'gone'), source: async () => ((asked += 1), fail('unreachable', 'x')) });
    expect(await plan(client)).toMatchObject({ ok: false, failure: { message: 'gone' } });
    expect(asked).toBe(0);
  });

  it('is found again by the effect that its manifest names, and has not landed without one', async () => {
    const effects: string[] = [];
    const client = backupClient({ take: async (_store, effect) => (effects.push(effect), succeed(TAKEN)), find: async (store, { effect }) => succeed(store === 'redis' && effects.includes(effect) ? TAKEN : undefined) });
    const item = await itemOf(client);
    expect(await redisTake.probe(item, {}, contextOn(client, { idempotencyKey: 'k1' }))).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('.part') as string });
    expect(await redisTake.apply(item, {}, contextOn(client, { idempotencyKey: 'k1' }))).toMatchObject({ ok: true, value: { set: TAKEN.set, store: 'redis', complete: true, directory: '/backups' } });
    expect(await redisTake.probe(item, {}, contextOn(client, { idempotencyKey: 'k1' }))).toMatchObject({ landed: 'applied', result: { set: TAKEN.set } });
    expect(await redisTake.probe(item, {}, contextOn(client, { idempotencyKey: 'k2' }))).toMatchObject({ landed: 'notApplied' });
    expect(await redisTake.probe(item, {}, contextOn(backupClient({ find: async () => fail('notFound', 'gone') })))).toMatchObject({ landed: 'unknown' });
  });

  it('certainly did not happen when it failed, and may have when it was cut off', async () => {
    const client = backupClient({ take: async () => fail('unavailable', 'the disk is full') });
    const item = await itemOf(client);
    expect(await redisTake.apply(item, {}, contextOn(client))).toMatchObject({ ok: false, failure: { landed: 'no' } });
    const stopped = new AbortController();
    stopped.abort();
    expect(await redisTake.apply(item, {}, contextOn(client, { signal: stopped.signal }))).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
  });

  it.each([
    ['done', TAKEN, { problems: [], notes: [] }, /whole\.$/],
    ['failed', { ...TAKEN, complete: false, missing: ['10.0.0.3:6379 (unreachable)'] }, { problems: [], notes: [] }, /not complete: 10\.0\.0\.3:6379 \(unreachable\)\.$/],
    ['failed', TAKEN, { problems: [{ file: 'a.rdb', problem: 'it is empty' }], notes: [] }, /is damaged: a\.rdb: it is empty$/],
    ['failed', TAKEN, undefined, /is gone from \/backups\.$/],
  ] as const)('did its job when it was read again and is whole: %s', async (end, taken, verdict, say) => {
    const client = backupClient({ take: async () => succeed(taken), verify: async () => succeed(verdict) });
    const item = await itemOf(client);
    const applied = await redisTake.apply(item, {}, contextOn(client));
    if (!applied.ok) throw new Error(applied.failure.message);
    const verified = await redisTake.verify([{ item, result: applied.value as never }], {}, contextOn(client));
    expect(verified).toMatchObject({ ok: true, value: { ends: { 'backup/redis': end }, say: expect.stringMatching(say) as string } });
  });
});
