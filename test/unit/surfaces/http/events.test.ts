import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '#kernel/log.ts';
import { ALICE, createTestHttp, ROBOT_KEY } from '../../../kit/http.ts';
import type { TestHttp } from '../../../kit/http.ts';
import { settle } from '../../../kit/clock.ts';
import { RUN_ID, runView, timelineEntry } from '../../../kit/views.ts';

let http: TestHttp;
let base = '';
const readers: AbortController[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.abort();
  await http?.close();
});

const ENDED = runView({ status: 'succeeded', endedAt: '2026-03-01T10:10:00.000Z' });
const URL_PATH = `/api/v1/runs/${RUN_ID}/events`;

interface Frame {
  readonly event?: string;
  readonly id?: string;
  readonly data?: string;
  readonly comment?: string;
}

async function start(options: Parameters<typeof createTestHttp>[0] = {}): Promise<void> {
  http = await createTestHttp(options);
  base = await http.listen();
}

/** Opens a stream and reads frame by frame; `next` is undefined at its end. */
async function open(path = URL_PATH, headers: Record<string, string> = {}) {
  const reader = new AbortController();
  readers.push(reader);
  const response = await fetch(base + path, { headers: { ...ALICE, ...headers }, signal: reader.signal });
  const frames = framesOf(response);
  return { response, leave: () => reader.abort(), next: async (): Promise<Frame | undefined> => (await frames.next()).value };
}

async function* framesOf(response: Response): AsyncGenerator<Frame, undefined> {
  let buffer = '';
  for await (const chunk of response.body ?? []) {
    buffer += Buffer.from(chunk as Uint8Array).toString();
    for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
      const lines = buffer.slice(0, end).split('\n');
      buffer = buffer.slice(end + 2);
      yield Object.fromEntries(lines.map((line) => (line.startsWith(':') ? ['comment', line.slice(1).trim()] : [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])));
    }
  }
  return undefined;
}

/** Waits until something holds; the event loop turns meanwhile, no clock runs. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn += 1) await settle(1);
  expect(holds()).toBe(true);
}

describe('the timeline of a run as server-sent events', () => {
  it('tells what has happened, then what happens, and ends when the run has ended', async () => {
    await start();
    const stream = await open();
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
    expect(stream.response.headers.get('cache-control')).toBe('no-store');
    expect(await stream.next()).toHaveProperty('comment');
    expect(await stream.next()).toEqual({ event: 'RunStarted', id: '1', data: JSON.stringify(timelineEntry()) });
    await until(() => http.clock.pending() === 1);
    http.operations.addTimeline(RUN_ID, { type: 'Diagnosed', say: 'Two findings.\nwith a break' });
    const second = await stream.next();
    expect([second?.event, second?.id]).toEqual(['Diagnosed', '2']);
    expect(JSON.parse(second?.data ?? '')).toMatchObject({ say: 'Two findings.\nwith a break' });
    http.operations.state.runs = [ENDED];
    http.operations.addTimeline(RUN_ID, { type: 'RunEnded' });
    expect((await stream.next())?.event).toBe('RunEnded');
    expect(await stream.next()).toBeUndefined();
    expect(http.operations.listenerCount()).toBe(0);
  });

  it('begins after Last-Event-ID, else after the query', async () => {
    await start();
    http.operations.state.runs = [ENDED];
    http.operations.state.timelines.set(RUN_ID, [1, 2, 3, 4].map((version) => timelineEntry({ version })));
    const ids = async (path: string, headers: Record<string, string> = {}): Promise<string[]> => {
      const stream = await open(path, headers);
      const seen: string[] = [];
      for (let frame = await stream.next(); frame !== undefined; frame = await stream.next()) if (frame.id !== undefined) seen.push(frame.id);
      return seen;
    };
    expect(await ids(URL_PATH)).toEqual(['1', '2', '3', '4']);
    expect(await ids(`${URL_PATH}?after=2`)).toEqual(['3', '4']);
    expect(await ids(`${URL_PATH}?after=1`, { 'last-event-id': '3' })).toEqual(['4']);
  });

  it('tells a client that has everything of an ended run to stay away', async () => {
    await start();
    http.operations.state.runs = [ENDED];
    expect((await open(URL_PATH, { 'last-event-id': '1' })).response.status).toBe(204);
  });

  it('refuses a place in the timeline that cannot be, and names it', async () => {
    await start();
    const field = async (path: string, headers: Record<string, string> = {}): Promise<unknown[]> => {
      const { response } = await open(path, headers);
      return [response.status, ((await response.json()) as { field: string }).field];
    };
    expect(await field(`${URL_PATH}?after=-1`)).toEqual([400, 'after']);
    expect(await field(`${URL_PATH}?after=x`)).toEqual([400, 'after']);
    expect(await field(URL_PATH, { 'last-event-id': '1e9' })).toEqual([400, 'last-event-id']);
  });

  it('keeps a quiet line alive with a comment', async () => {
    await start();
    const stream = await open();
    await stream.next();
    await stream.next();
    await until(() => http.clock.pending() === 1);
    await http.clock.advance(15_000);
    expect(await stream.next()).toEqual({ comment: 'still here' });
  });

  it('misses no event that comes while it reads', async () => {
    await start();
    const { operations } = http;
    const read = operations.runEvents.bind(operations);
    let once = true;
    operations.runEvents = async (id, after) => {
      const entries = await read(id, after);
      if (once && operations.listenerCount() > 0) {
        once = false;
        operations.addTimeline(RUN_ID, { type: 'Diagnosed' });
      }
      return entries;
    };
    const stream = await open();
    await stream.next();
    expect((await stream.next())?.id).toBe('1');
    expect((await stream.next())?.id).toBe('2');
  });

  it('has a limit, and gives the place back when a client leaves', async () => {
    await start({ maxStreams: 1 });
    const first = await open();
    await first.next();
    const second = await open();
    expect([second.response.status, second.response.headers.get('retry-after')]).toEqual([503, '30']);
    expect(await second.response.json()).toMatchObject({ code: 'too-many-streams' });
    first.leave();
    await until(() => http.operations.listenerCount() === 0 && http.clock.pending() === 0);
    expect((await open()).response.status).toBe(200);
  });

  it('is left by its reader at any time without a word in the log', async () => {
    const errors: string[] = [];
    await start({ log: { ...silentLog, error: (_fields, message) => void errors.push(message) } });
    const stream = await open();
    await stream.next();
    stream.leave();
    await until(() => http.operations.listenerCount() === 0 && http.clock.pending() === 0);
    await settle(20);
    expect(errors).toEqual([]);
  });

  it('leaves room for others: one principal has a quarter of the places', async () => {
    await start({ maxStreams: 8 });
    for (let opened = 0; opened < 2; opened += 1) await (await open()).next();
    const third = await open();
    expect(third.response.status).toBe(503);
    expect(await third.response.json()).toMatchObject({ code: 'too-many-streams' });
    expect((await open(URL_PATH, { authorization: `Bearer ${ROBOT_KEY}` })).response.status).toBe(200);
  });

  it('ends when the server stops', async () => {
    await start();
    const stream = await open();
    await stream.next();
    await stream.next();
    await http.close();
    expect(await stream.next()).toBeUndefined();
    expect(http.clock.pending()).toBe(0);
  });

  it('lets a request that is being answered finish when the server stops, for ten seconds at most', async () => {
    await start();
    const held = Promise.withResolvers<void>();
    let asked = 0;
    http.operations.incidents = async () => {
      asked += 1;
      await held.promise;
      return { items: [], nextCursor: null };
    };
    const ask = async (): Promise<string> => {
      try {
        const response = await fetch(`${base}/api/v1/incidents`, { headers: ALICE });
        return `${response.status} ${response.headers.get('connection')}`;
      } catch {
        return 'cut off';
      }
    };
    const patient = ask();
    await until(() => asked === 1);
    const closed = http.close();
    await settle();
    held.resolve();
    expect(await patient).toBe('200 close');
    await closed;

    await start();
    http.operations.incidents = async () => {
      asked += 1;
      return new Promise(() => {});
    };
    const hopeless = ask();
    await until(() => asked === 2);
    const cut = http.close();
    await http.clock.advance(10_000);
    await cut;
    expect(await hopeless).toBe('cut off');
  });

  it('needs a key like everything else', async () => {
    await start();
    expect((await fetch(base + URL_PATH)).status).toBe(401);
  });
});
