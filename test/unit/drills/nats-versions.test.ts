/** Drills of recorded snapshots, in a sandbox whose server is told by hand: what each release does with what another one wrote. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drillNats } from '#drills/nats/drill-nats.ts';
import type { NatsSandboxClient, RestoredStream } from '#drills/nats/client.ts';
import { runDrill } from '#drills/run.ts';
import { systemClock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { answerOf, layOut, notAsked, type Recorded, takeRecorded } from '../../kit/backups/recorded.ts';
import { testFolder } from '../../kit/drills/backups.ts';

interface Restoring {
  readonly version: string;
  restore(config: JsonObject): Promise<Result<RestoredStream>>;
  readonly nowMs?: number;
}

async function drillIn(directory: string, { version, restore, nowMs }: Restoring) {
  const client: NatsSandboxClient = {
    async restore({ config, source }) {
      for await (const chunk of source) expect(chunk.length).toBeGreaterThan(0);
      return restore(config);
    },
    check: async () => succeed(null),
    digest: async () => undefined,
    close: async () => undefined,
  };
  const sandbox = { kind: 'local', id: 'fake00', directory: await testFolder('sandbox'), addresses: () => ['127.0.0.1:1'], loadRedis: notAsked, startNats: async () => succeed({ url: 'nats://127.0.0.1:1', token: 't', serverId: 'SANDBOX', version }), teardown: async () => ({ processes: 1, directoryGone: true, left: [] }) } as const;
  const outcome = await runDrill(
    { id: 'x', store: 'nats', directory, choice: { kind: 'latest' }, limits: { maxAgeMs: 1, tolerance: 0.5, rpoMs: 1, rtoMs: 1 }, parts: [{ store: 'nats', drill: (set, _live, ctx) => drillNats({ directory, set, live: undefined, connectNats: async () => client }, ctx) }] },
    { clock: nowMs === undefined ? systemClock : { ...systemClock, now: () => nowMs }, signal: new AbortController().signal, redisCheckRdb: undefined, connect: notAsked, createSandbox: async () => ({ sandbox, reaped: [] }) },
  );
  return (name: string) => outcome.checks.find((check) => check.name === name);
}

async function asItWas(recorded: Recorded, more: Partial<RestoredStream> = {}): Promise<Result<RestoredStream>> {
  const { state } = await answerOf(recorded);
  return succeed({ messages: state.messages, firstSeq: state.first_seq, lastSeq: state.last_seq, newestMs: Date.parse(state.last_ts), consumers: [], ...more });
}

describe('an archive of 2.10 from which messages were deleted', () => {
  it.for(['with', 'without'] as const)('is refused by name in a sandbox of 2.9, %s a manifest, before its server is given anything', async (manifest) => {
    const directory = await testFolder('versions');
    if (manifest === 'with') await takeRecorded(directory, 'deleted-2.10.27');
    else await layOut(directory, '20261121T130000Z', 'deleted-2.10.27');
    const check = await drillIn(directory, { version: '2.9.10', restore: notAsked });
    expect(check('nats.restore.CORDUM_ROLL')).toMatchObject({ status: 'failed', detail: expect.stringMatching(/Messages were deleted.*2\.9\.10 does not read/) });
    expect(check('nats.archive.CORDUM_ROLL')?.status).toBe('passed');
  });

  it('is restored by 2.10 and later', async () => {
    const directory = await testFolder('versions');
    await takeRecorded(directory, 'deleted-2.10.27');
    const check = await drillIn(directory, { version: '2.10.27', restore: () => asItWas('deleted-2.10.27') });
    expect(check('nats.state.CORDUM_ROLL')?.status).toBe('passed');
  });

  it('of which a later server counts on from a higher number is told so, and has lost nothing', async () => {
    const directory = await testFolder('versions');
    await takeRecorded(directory, 'deleted-2.10.27');
    const after = async (more: Partial<RestoredStream>) => (await drillIn(directory, { version: '2.15.1', restore: () => asItWas('deleted-2.10.27', more) }))('nats.state.CORDUM_ROLL');
    expect(await after({ lastSeq: 171 })).toMatchObject({ status: 'warning', detail: expect.stringContaining('it counts from 171') });
    expect(await after({ lastSeq: 171, messages: 33 })).toMatchObject({ status: 'failed' });
    expect(await after({ lastSeq: 50 })).toMatchObject({ status: 'failed' });
  });

  it('that an earlier server fails on is told with both versions', async () => {
    const directory = await testFolder('versions');
    await takeRecorded(directory, 'redelivered-2.15.1');
    const check = await drillIn(directory, { version: '2.14.0', restore: notAsked });
    expect(check('nats.restore.CORDUM_REDEL')).toMatchObject({ status: 'failed', detail: expect.stringContaining('nats-server 2.14.0 does not read: 2.15 or later is needed') });
  });
});

describe('messages with a time to live of their own', () => {
  const AFTER = Date.parse('2026-11-21T13:17:00Z');

  it('may be gone when it is over, and no others', async () => {
    const directory = await testFolder('versions');
    await takeRecorded(directory, 'own-ttl-2.15.1');
    const after = async (messages: number, nowMs: number) => (await drillIn(directory, { version: '2.15.1', nowMs, restore: () => asItWas('own-ttl-2.15.1', { messages }) }))('nats.state.CORDUM_TT');
    expect(await after(25, AFTER)).toMatchObject({ status: 'passed', detail: expect.stringContaining('but for 25 that have reached the age') });
    expect((await after(24, AFTER))?.status).toBe('failed');
    expect((await after(25, AFTER - 60_000))?.status).toBe('failed');
  });
});

describe('a sandbox', () => {
  it('publishes nothing that was scheduled', async () => {
    const directory = await testFolder('versions');
    await layOut(directory, '20261121T130000Z', 'redelivered-2.15.1');
    const { config, state } = await answerOf('redelivered-2.15.1');
    await writeFile(join(directory, 'nats-20261121T130000Z/CORDUM_REDEL.snapshot/backup.json'), JSON.stringify({ config: { ...config, allow_msg_schedules: true }, state }));
    const given: JsonObject[] = [];
    await drillIn(directory, { version: '2.15.1', restore: (asked) => (given.push(asked), asItWas('redelivered-2.15.1')) });
    expect(given).toMatchObject([{ name: 'CORDUM_REDEL', max_age: 0, num_replicas: 1 }]);
    expect(given.flatMap((asked) => Object.keys(asked))).not.toContain('allow_msg_schedules');
  });

  it('that stops answering is not asked for every further stream', async () => {
    const directory = await testFolder('versions');
    for (const recorded of ['own-ttl-2.15.1', 'redelivered-2.15.1'] as const) await layOut(directory, '20261121T130000Z', recorded);
    const given: unknown[] = [];
    const check = await drillIn(directory, { version: '2.15.1', restore: async ({ name }) => (given.push(name), fail('timeout', 'No answer came.')) });
    expect(given).toHaveLength(1);
    const [first, other] = given[0] === 'CORDUM_TT' ? ['CORDUM_TT', 'CORDUM_REDEL'] : ['CORDUM_REDEL', 'CORDUM_TT'];
    expect([check(`nats.restore.${first}`)?.detail, check(`nats.restore.${other}`)?.detail]).toEqual(['No answer came.', `Not tried: the nats-server of the sandbox answers nobody since ${first} was restored.`]);
  });
});
