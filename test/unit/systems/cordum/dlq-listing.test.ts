import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEntry, listDlq } from '#systems/cordum/dlq-listing.ts';
import { pageOf, rawEntry, type RawEntry } from '../../../kit/cordum-dlq.ts';
import { recordedBody, recording, type Replay, startReplay } from '../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
});
afterEach(() => cordum.close());

/** `count` entries of one second, `second` seconds before noon. */
function entries(count: number, second: number, more: Partial<RawEntry> = {}): RawEntry[] {
  const at = Date.parse('2026-11-20T12:00:00Z') - second * 1_000;
  return Array.from({ length: count }, (_, n) => rawEntry(`job-${second}-${String(n).padStart(4, '0')}`, new Date(at + (n % 1_000)).toISOString(), more));
}

async function list(limit = 10_000) {
  const listing = await listDlq(cordum.client, limit, cordum.context());
  if (!listing.ok) throw new Error(listing.failure.message);
  return listing.value;
}

const pagesAsked = (): number => cordum.seen.filter((one) => one.path.startsWith('/api/v1/dlq/page')).length;

describe('the DLQ page that the tests play', () => {
  it('walks as the recorded one did, up to the page that never advances', () => {
    const walk = [1, 2, 3, 4, 5, 6].map((n) => ({ path: recording(`dlq_page_same_second_${n}`).path, body: recordedBody<{ items: RawEntry[]; next_cursor: number | null }>(`dlq_page_same_second_${n}`) }));
    const world = [...new Map(walk.flatMap((page) => page.body.items).map((entry) => [entry.job_id, entry])).values(), ...[0, 1, 2, 3].map((n) => rawEntry(`synthetic-0${n}`, `2026-11-20T18:00:00.00${n}Z`))];
    for (const page of walk) {
      const query = new URL(page.path, 'http://x').searchParams;
      const played = pageOf(world, Number(query.get('limit')), query.has('cursor') ? Number(query.get('cursor')) : undefined);
      expect(played.items).toEqual(page.body.items);
      // The recorded times have nanoseconds, of which a Date keeps milliseconds.
      expect(Math.floor((played.next_cursor ?? 0) / 1_000_000)).toBe(Math.floor((page.body.next_cursor ?? 0) / 1_000_000));
    }
  });
});

describe('listing the DLQ', () => {
  it('is empty when the DLQ is', async () => {
    cordum.on('GET', '/api/v1/dlq/page?limit=500', 'dlq_page_empty');
    expect(await list()).toMatchObject({ items: [], total: 0, truncated: false });
  });

  it('reads the entries that Cordum recorded, with times in ms', async () => {
    cordum.dlq = recordedBody<{ items: RawEntry[] }>('dlq_list_after_outages').items;
    const { items, total } = await list();
    expect(total).toBe(11);
    expect(items[0]).toEqual({
      jobId: '1be20cdc-177f-4257-bfe0-0b05e0c4fdee',
      topic: 'job.notification-service.process',
      status: 'JOB_STATUS_FAILED',
      reason: 'terminal state redelivery',
      reasonCode: 'redelivery_dlq_retry',
      lastState: 'FAILED',
      attempts: 0,
      createdAt: '2026-11-20T19:25:36.578Z',
      createdAtMs: Date.parse('2026-11-20T19:25:36.578Z'),
    });
  });

  it.each([
    ['a page and one', [...entries(500, 0), ...entries(1, 9)]],
    ['two full pages that share a second at their border', [...entries(300, 0), ...entries(400, 1), ...entries(400, 2)]],
    ['exactly one page in one second, and older ones', [...entries(500, 5), ...entries(3, 60)]],
    ['as many as Cordum keeps', Array.from({ length: 100 }, (_, second) => entries(100, second)).flat()],
  ])('finds all: %s', async (_title, world) => {
    cordum.dlq = world;
    const { items } = await list();
    expect(new Set(items.map((entry) => entry.jobId))).toEqual(new Set(world.map((entry) => entry.job_id)));
    expect(items.length).toBe(world.length);
    expect(items.map((entry) => entry.createdAtMs)).toEqual(items.map((entry) => entry.createdAtMs).toSorted((a, b) => b - a));
  });

  it('goes on below a page that hidden entries made short, although its cursor is null', async () => {
    cordum.dlq = [...entries(2, 0), ...entries(498, 1, { hidden: true }), ...entries(499, 2, { hidden: true }), ...entries(1, 2).map((entry) => ({ ...entry, job_id: 'z-newest-of-its-second' })), ...entries(3, 3)];
    const { items, truncated } = await list();
    expect(items.map((entry) => entry.jobId)).toContain('z-newest-of-its-second');
    expect(truncated).toBe(false);
  });

  it('goes past a second that holds more than a page, and says that it could not see all of it', async () => {
    cordum.dlq = [...entries(2, 0), ...entries(700, 10), ...entries(4, 20)];
    const { items, truncated, note } = await list();
    expect(items.filter((entry) => entry.jobId.startsWith('job-20-'))).toHaveLength(4);
    expect(items).toHaveLength(506);
    expect(truncated).toBe(true);
    expect(note).toMatch(/More than 500 entries share the second 2026-11-20T11:59:50\.000Z/);
  });

  it('stops at its limit and says so, and at exactly its limit says that this was all', async () => {
    cordum.dlq = [...entries(3, 0), ...entries(3, 5)];
    expect(await list(5)).toMatchObject({ total: 5, truncated: true, note: expect.stringMatching(/more than 5/) });
    expect(await list(6)).toMatchObject({ total: 6, truncated: false });
  });

  it('needs three pages for a short DLQ, and ends although every page repeats', async () => {
    cordum.dlq = entries(3, 0);
    await list();
    expect(pagesAsked()).toBe(3);
    const same = { body: { items: [rawEntry('a', '2026-11-20T12:00:00Z')], next_cursor: 1 } };
    cordum.dlq = undefined;
    for (let second = 0; second < 90; second += 1) cordum.on('GET', `/api/v1/dlq/page?limit=500&cursor=${Date.parse('2026-11-20T12:00:00Z') / 1_000 - second}000000`, same);
    cordum.on('GET', '/api/v1/dlq/page?limit=500', same);
    expect(await list()).toMatchObject({ total: 1, truncated: true, note: expect.stringMatching(/stopped after 80 pages/) });
  });

  it('says that it cannot go on when no entry has a readable time', async () => {
    cordum.on('GET', '/api/v1/dlq/page?limit=500', { body: { items: [{ job_id: 'a', created_at: 'yesterday' }, { job_id: 'b' }] } });
    expect(await list()).toMatchObject({ total: 2, truncated: true, items: [{ createdAt: '', createdAtMs: 0 }, { createdAtMs: 0 }] });
  });

  it('waits a little over a second when Cordum says slower, and gives up when it keeps saying so', async () => {
    cordum.on('GET', '/api/v1/dlq/page?limit=500', 'rate_limited_429_get', 'dlq_page_empty');
    const before = cordum.clock.now();
    await list();
    expect(cordum.clock.now() - before).toBe(1_100);
    cordum.on('GET', '/api/v1/dlq/page?limit=500', 'redis_down_dlq');
    expect(await listDlq(cordum.client, 10, cordum.context())).toMatchObject({ ok: false, failure: { reason: 'rateLimited', message: expect.stringMatching(/Redis is down/) } });
  });
});

describe('finding one entry', () => {
  const world = [...entries(200, 0), ...entries(40, 9), ...entries(5, 30)];
  const wanted = 'job-9-0007';
  const at = Date.parse('2026-11-20T11:59:51.007Z');

  it('takes one page when it stands where it stood', async () => {
    cordum.dlq = world;
    expect(await findEntry(cordum.client, wanted, at, cordum.context())).toMatchObject({ ok: true, value: { jobId: wanted } });
    expect(pagesAsked()).toBe(1);
  });

  it('walks the DLQ when its time jumped, or is not known', async () => {
    cordum.dlq = world.map((entry) => (entry.job_id === wanted ? { ...entry, created_at: '2026-11-20T12:30:00Z' } : entry));
    for (const hint of [at, 0]) expect(await findEntry(cordum.client, wanted, hint, cordum.context())).toMatchObject({ ok: true, value: { createdAt: '2026-11-20T12:30:00.000Z' } });
  });

  it('says that it is gone only when it saw the whole DLQ', async () => {
    cordum.dlq = world;
    expect(await findEntry(cordum.client, 'nope', at, cordum.context())).toEqual({ ok: true, value: undefined });
    cordum.dlq = entries(600, 0);
    expect(await findEntry(cordum.client, 'nope', 0, cordum.context())).toMatchObject({ ok: false, failure: { message: expect.stringMatching(/could not be seen to its end/) } });
  });
});
