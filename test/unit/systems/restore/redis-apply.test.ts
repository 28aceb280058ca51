import { describe, expect, it } from 'vitest';
import { fail, succeed } from '#kernel/failure.ts';
import type { AppliedItem, Item, JsonObject } from '#step-kit/index.ts';
import type { RedisLook, RedisRestore, RestoreClient, ServiceState } from '#systems/restore/client.ts';
import { outcome, SAFETY } from '#systems/restore/outcome.ts';
import { redisApply } from '#systems/restore/steps/redis-apply.ts';
import { contextOn } from '../../../kit/step-context.ts';

const SET = '20261121T060000Z';
const SAVED = '20261121T090000Z';
const INPUT = redisApply.input.parse({ set: `redis-${SET}` });
const PRIMARIES = [
  { name: '10.0.0.1:6379', id: 'a1', slots: '0-8191' },
  { name: '10.0.0.2:6379', id: 'b2', slots: '8192-16383' },
];
const QUIET: RedisLook = { problems: [], behind: [], keys: 70, samples: 12, replicas: 2 };

interface World {
  readonly connected?: readonly string[];
  readonly look?: Partial<RedisLook>;
  readonly redis?: Partial<RedisRestore>;
  readonly services?: readonly Partial<ServiceState>[];
}

function worldOf({ connected = [], look = {}, redis = {}, services }: World = {}): { readonly client: RestoreClient; readonly asked: string[] } {
  const asked: string[] = [];
  const parts: RedisRestore = {
    connected: () => Promise.resolve(succeed({ servers: 2, others: connected.map((name) => ({ name })) })),
    outline: () => Promise.resolve(succeed({ takenAtMs: Date.parse('2026-11-21T06:00:00Z'), sha256: 'ab', keys: 70, primaries: PRIMARIES })),
    survey: () =>
      Promise.resolve(
        succeed({
          servers: PRIMARIES.map(({ name }, i) => ({ name, version: '7.0.15', keysNow: 50, keysNext: 35, bytesNext: 2_000_000, bytesMax: i === 0 ? 0 : 100_000_000, appendOnly: i === 0 })),
          prefixes: [{ prefix: 'job:state', now: 80, next: 60 }, { prefix: 'cfg:system', now: 2, next: 2 }],
          newestNowMs: Date.parse('2026-11-21T09:00:00Z'),
          newestNextMs: Date.parse('2026-11-21T05:59:00Z'),
          wroteVersion: '7.0.15',
          loadedVersion: '7.0.15',
          notes: ['Users are left alone.'],
        }),
      ),
    save: (effect) => {
      asked.push(`save ${effect}`);
      return Promise.resolve(succeed(SAVED));
    },
    savedBy: (effect) => Promise.resolve(succeed(effect === 'eff_known' ? SAVED : undefined)),
    put: (stamp, primary) => {
      asked.push(`put ${stamp} ${primary.name}`);
      return Promise.resolve(succeed({ removed: 15, copied: 35, keys: 35 }));
    },
    difference: () => Promise.resolve(succeed('')),
    look: (_stamp, so) => {
      asked.push(`look ${so}`);
      return Promise.resolve(succeed({ ...QUIET, ...look }));
    },
    ...redis,
  };
  const states = services?.map((one): ServiceState => ({ service: 'scheduler', name: 'cordum-scheduler', wanted: 2, ready: 2, pods: 2, noted: 0, mark: '', stuck: '', ...one }));
  const never = (): never => {
    throw new Error('not asked for');
  };
  const client: RestoreClient = {
    directory: '/backups',
    services: states === undefined ? undefined : { list: () => Promise.resolve(succeed({ services: states, notes: [] })), look: () => Promise.resolve(succeed(states[0] as ServiceState)), stop: never, start: never },
    sets: () => Promise.resolve(succeed([{ stamp: SAVED, takenAtMs: 0, bytes: 1, files: 2, because: '' }])),
    config: never,
    streams: never,
    redis: () => succeed(parts),
    close: () => Promise.resolve(),
  };
  return { client, asked };
}

const NOW = { now: () => Date.parse('2026-11-21T09:00:00Z') };

async function itemsOf(world: World = {}): Promise<readonly Item[]> {
  const plan = await redisApply.plan(INPUT, contextOn(worldOf(world).client, NOW));
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value.items;
}

const done = (item: Item, result: object): AppliedItem => ({ item, result: result as JsonObject });

describe('restore.redis.apply', () => {
  it('shows what is replaced, what is lost, and what it needs', async () => {
    const plan = await redisApply.plan(INPUT, contextOn(worldOf().client, NOW));
    expect(plan).toMatchObject({
      ok: true,
      value: {
        summary: expect.stringMatching(/^Replace all keys of Redis \(100\) by those of redis-20261121T060000Z \(70, 3 h old\)\. .*written in the 3 h between the newest record there and the newest of the backup/),
        items: [{ key: SAFETY }, { key: 'restore/10.0.0.1:6379', current: PRIMARIES[0], next: { set: SET, sha256: 'ab' } }, { key: 'restore/10.0.0.2:6379' }],
      },
    });
    const notes = plan.ok ? plan.value.notes : [];
    expect(notes).toContainEqual('10.0.0.1:6379 (Redis 7.0.15, append-only file on): 50 keys now, 35 then, for which it needs about 2 MiB of memory without a limit.');
    expect(notes).toContainEqual('10.0.0.2:6379 (Redis 7.0.15, no append-only file: on disk with its next save only): 50 keys now, 35 then, for which it needs about 2 MiB of 96 MiB.');
    expect(notes).toContainEqual('Keys by prefix, now → then: job:state 80 → 60.');
    expect(notes).toContainEqual('Users are left alone.');
  });

  it('stops what runs and tells who else is connected; where nothing is to be stopped, nobody may be', async () => {
    const running = { connected: ['unnamed (10.0.0.7:5000, last command get)'], services: [{}] };
    expect((await itemsOf(running)).map(({ key }) => key)).toEqual(['stop/scheduler', SAFETY, 'restore/10.0.0.1:6379', 'restore/10.0.0.2:6379', 'start/scheduler']);
    const told = await redisApply.plan(INPUT, contextOn(worldOf(running).client, NOW));
    expect(told.ok ? told.value.notes : []).toContainEqual(expect.stringMatching(/^1 are connected to Redis: unnamed \(10\.0\.0\.7:5000, last command get\)\. Who is none of the services/));
    for (const services of [undefined, [{ wanted: 0, ready: 0, pods: 0 }]]) {
      const world = services === undefined ? { connected: ['worker'] } : { connected: ['worker'], services };
      expect(await redisApply.plan(INPUT, contextOn(worldOf(world).client, NOW))).toMatchObject({ ok: false, failure: { reason: 'refused', message: '1 are connected to Redis, who could write: worker. Stop them first.' } });
    }
  });

  it('says why a backup cannot be restored in place of a plan', async () => {
    const world = worldOf({ redis: { survey: () => Promise.resolve(fail('refused', 'It has no room.', 'no')) } });
    expect(await redisApply.plan(INPUT, contextOn(world.client, NOW))).toMatchObject({ ok: false, failure: { message: 'It has no room.' } });
  });

  it('looks again at one primary alone, without loading the backup', async () => {
    const [, first] = await itemsOf();
    const world = worldOf({ redis: { survey: () => Promise.reject(new Error('it was loaded')) } });
    expect(await redisApply.plan(INPUT, contextOn(world.client, { ...NOW, only: 'restore/10.0.0.1:6379' }))).toMatchObject({ ok: true, value: { items: [first] } });
    expect(await redisApply.plan(INPUT, contextOn(world.client, { ...NOW, only: 'restore/10.0.0.9:6379' }))).toMatchObject({ ok: true, value: { items: [] } });
  });

  it('writes nothing while a pod of a writer is left or anybody is connected', async () => {
    const items = await itemsOf();
    for (const world of [worldOf({ services: [{ wanted: 0, pods: 1 }] }), worldOf({ connected: ['worker'] })]) {
      for (const item of items) expect(await redisApply.apply(item, INPUT, contextOn(world.client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no' } });
      expect(world.asked).toEqual([]);
    }
  });

  it('backs up under the name of its effect, and then writes one primary a call', async () => {
    const [safety, first] = await itemsOf();
    const world = worldOf();
    if (safety === undefined || first === undefined) throw new Error('a plan has items');
    expect(await redisApply.apply(safety, INPUT, contextOn(world.client, { idempotencyKey: 'eff_1' }))).toEqual(succeed(outcome(SAFETY, 'saved', { set: SAVED, wasThere: true })));
    expect(await redisApply.apply(first, INPUT, contextOn(world.client))).toMatchObject({ ok: true, value: { done: 'restored' } });
    expect(world.asked).toEqual(['save eff_1', `put ${SET} 10.0.0.1:6379`]);
    const moved = worldOf({ redis: { put: () => Promise.resolve(succeed('changed' as const)) } });
    expect(await redisApply.apply(first, INPUT, contextOn(moved.client))).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
  });

  it('goes by what is there after a crash: done, to be done again, or for a person', async () => {
    const [safety, first] = await itemsOf();
    if (safety === undefined || first === undefined) throw new Error('a plan has items');
    const probe = (item: Item, redis: Partial<RedisRestore> = {}, idempotencyKey = 'eff_other') => redisApply.probe(item, INPUT, contextOn(worldOf({ redis }).client, { idempotencyKey }));
    expect(await probe(safety, {}, 'eff_known')).toMatchObject({ landed: 'applied', result: { set: SAVED } });
    expect(await probe(safety)).toMatchObject({ landed: 'notApplied' });
    expect(await probe(first)).toMatchObject({ landed: 'applied' });
    expect(await probe(first, { difference: () => Promise.resolve(succeed('k:1 is missing')) })).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('k:1 is missing') });
    expect(await probe(first, { difference: () => Promise.resolve(succeed('changed' as const)) })).toMatchObject({ landed: 'unknown' });
    expect(await probe(first, { difference: () => Promise.resolve(fail('unreachable', 'No route.')) })).toMatchObject({ landed: 'unknown', failure: { reason: 'unreachable' } });
  });

  it('asks the manifest when all primaries are restored, and no more once services write again', async () => {
    const services = [{}];
    const [stop, safety, first, second, start] = await itemsOf({ services });
    if (stop === undefined || safety === undefined || first === undefined || second === undefined || start === undefined) throw new Error('a plan has items');
    const applied = [done(stop, outcome(stop.key, 'stopped', { replicas: 2 })), done(safety, outcome(SAFETY, 'saved', { set: SAVED, wasThere: true })), done(first, outcome(first.key, 'restored')), done(second, outcome(second.key, 'restored')), done(start, outcome(start.key, 'started', { replicas: 2 }))];
    const verify = async (count: number, look: Partial<RedisLook> = {}) => {
      const world = worldOf({ services: [{ wanted: count === 5 ? 2 : 0, pods: count === 5 ? 2 : 0 }], look });
      return { answer: await redisApply.verify(applied.slice(0, count), INPUT, contextOn(world.client)), asked: world.asked };
    };
    expect(await verify(2)).toMatchObject({ asked: [], answer: { value: { ends: { [SAFETY]: 'done' }, say: expect.stringContaining(`restore redis-${SAVED}`) } } });
    expect(await verify(3)).toMatchObject({ asked: ['look part'], answer: { value: { ends: { [first.key]: 'done' } } } });
    expect(await verify(4)).toMatchObject({ asked: ['look whole'], answer: { value: { ends: { [second.key]: 'done' }, say: expect.stringContaining('70 keys, as many of each prefix') } } });
    expect(await verify(5)).toMatchObject({ asked: ['look moved'], answer: { value: { ends: { [second.key]: 'done', [start.key]: 'done' }, say: expect.not.stringContaining('Still stopped') } } });
    expect(await verify(4, { behind: ['10.0.0.3:6379 (online)'] })).toMatchObject({ answer: { value: { ends: { [second.key]: 'pending' } } } });
    expect(await verify(4, { problems: ['job:state: 3 keys that stay, the backup has 60'] })).toMatchObject({ answer: { value: { ends: { [second.key]: 'failed' } } } });
    expect(redisApply.undo?.(applied.slice(0, 1), INPUT)).toBeUndefined();
    expect(redisApply.undo?.(applied.slice(0, 2), INPUT)).toEqual({ uses: 'restore.redis.apply', with: { set: SAVED }, title: `Put Redis back as redis-${SAVED} holds it` });
  });

  it('starts nothing on data that is not what was backed up', async () => {
    const items = await itemsOf({ services: [{}] });
    const start = items.at(-1);
    if (start === undefined) throw new Error('a plan has items');
    const world = worldOf({ services: [{ wanted: 0, ready: 0, pods: 0, noted: 2 }], look: { problems: ['cfg:system:policy is missing'] } });
    expect(await redisApply.apply(start, INPUT, contextOn(world.client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: expect.stringContaining('cfg:system:policy is missing') } });
  });
});
