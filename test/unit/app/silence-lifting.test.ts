import { describe, expect, it } from 'vitest';
import { createSilenceLifting } from '#app/silence-lifting.ts';
import type { EventOf, RunEvent } from '#engine/model/events.ts';
import { foldRun } from '#engine/model/evolve.ts';
import type { JsonObject } from '#kernel/json.ts';
import { silentLog } from '#kernel/log.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import type { AlertmanagerClient } from '#systems/alertmanager/client.ts';
import type { SilenceData } from '#systems/alertmanager/schema.ts';
import { CREATOR, markOf } from '#systems/alertmanager/silences.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { FIRING } from '../../kit/engine.ts';

const HOUR_MS = 3_600_000;
const ID = '00000000-0000-0000-0000-000000000001';
const USES = 'alertmanager.silence.create';
const STREAM = 'run:r1';

/** A journal with a run that has made one silence, an Alertmanager that holds it, and a process that lifts. */
function world() {
  const clock = createVirtualClock();
  const journal = createMemoryJournal({ clock });
  const endsAt = new Date(clock.now() + HOUR_MS).toISOString();
  const held: SilenceData = { id: ID, status: { state: 'active' }, matchers: [], startsAt: '', endsAt, createdBy: `${CREATOR} (ann)`, comment: `Run r1: x ${markOf('k1')}` };
  const server = { silences: [held], away: false, expired: [] as string[] };
  const client = {
    silences: async () => (server.away ? { ok: false, failure: { reason: 'unreachable', message: 'It is away.' } } : { ok: true, value: { value: server.silences, atMs: clock.now() } }),
    expireSilence: async (id: string) => {
      server.expired.push(id);
      server.silences = server.silences.filter((silence) => silence.id !== id);
      return { ok: true, value: undefined };
    },
  } as unknown as AlertmanagerClient;
  const killed = { on: false, listeners: [] as ((state: { on: boolean }) => void)[] };
  let hasClient = true;

  const read = async () => foldRun(await journal.read(STREAM));
  const append = async (...events: RunEvent[]): Promise<void> => {
    const expectedVersion = (await journal.read(STREAM)).at(-1)?.version ?? 0;
    await journal.append({ stream: STREAM, expectedVersion, events: events.map(({ type, data }) => ({ type, actor: 'bot', data: data as unknown as JsonObject })) });
  };
  const process = () => createSilenceLifting({
    engine: {
      read: async () => {
        const run = await read();
        return run === undefined ? undefined : { run, runbook: undefined };
      },
      change: async (_id, _actor, make) => {
        const run = await read();
        if (run === undefined) throw new Error('no run');
        const change = make(run);
        if ('events' in change) await append(...change.events);
        return { ok: true, run };
      },
    },
    journal,
    systems: { client: () => (hasClient ? (client as never) : undefined) },
    killSwitch: { state: () => ({ on: killed.on, by: null, reason: null, at: null }), onSwitch: (listener) => void killed.listeners.push(listener as never) },
    clock,
    log: silentLog,
  });
  const plan = { summary: '', uses: USES, input: {}, items: [], notes: [], digest: 'd' };
  const began: RunEvent[] = [
    { type: 'RunStarted', data: { runId: 'r1', runbook: 'b', revision: 'v', target: 'prod', trigger: { kind: 'api', requester: 'ann' }, incidentId: null, inputs: {}, dryRun: false, alert: FIRING } },
    { type: 'ApprovalRequested', data: { approval: 'a1', offer: 'o', title: '', tier: 'R1', plan, needs: { approvers: 1, roles: [], excluded: [] }, expiresAt: 0, requester: 'ann' } },
    { type: 'EffectIntended', data: { key: 'k1', approval: 'a1', item: 'silence x', wave: 0, target: 'prod', uses: USES } },
    { type: 'EffectSucceeded', data: { key: 'k1', result: { silenceId: ID, startsAt: '', endsAt } } },
  ];
  const end: RunEvent = { type: 'RunEnded', data: { status: 'failed', because: 'of a test' } };
  const records = async () => (await journal.read(STREAM)).filter(({ type }) => type === 'EffectReleased').map(({ data }) => data as unknown as EventOf<'EffectReleased'>);
  return { clock, server, killed, append, process, began, end, records, dropClient: () => void (hasClient = false) };
}

describe('the silences of a run', () => {
  it('stay while it runs, and are lifted once when it has ended, with a record in its journal', async () => {
    const { clock, server, append, process, began, end, records } = world();
    const lifting = process();
    await lifting.start();
    await append(...began);
    await clock.advance(60_000);
    expect(server.expired).toEqual([]);
    await append(end);
    await clock.advance(60_000);
    await lifting.stop();
    expect(server.expired).toEqual([ID]);
    expect(await records()).toMatchObject([{ key: 'k1', outcome: 'released' }]);
  });

  it('are lifted by the next process when the run ended while nobody looked, and not twice', async () => {
    const { clock, server, append, process, began, end, records } = world();
    await append(...began, end);
    for (let i = 0; i < 2; i += 1) {
      const lifting = process();
      await lifting.start();
      await clock.advance(60_000);
      await lifting.stop();
    }
    expect(server.expired).toEqual([ID]);
    expect(await records()).toHaveLength(1);
  });

  it('are tried again while Alertmanager is away, and while the kill switch is on', async () => {
    const { clock, server, killed, append, process, began, end, records } = world();
    server.away = true;
    await append(...began, end);
    const lifting = process();
    await lifting.start();
    await clock.advance(60_000);
    expect(await records()).toEqual([]);
    killed.on = true;
    server.away = false;
    await clock.advance(60_000);
    expect(server.expired).toEqual([]);
    killed.on = false;
    for (const tell of killed.listeners) tell({ on: false });
    await clock.advance(0);
    await lifting.stop();
    expect(server.expired).toEqual([ID]);
    expect(await records()).toMatchObject([{ outcome: 'released' }]);
  });

  it('that nobody could look for until their own end say so, and are given up', async () => {
    const { clock, server, append, process, began, end, records, dropClient } = world();
    dropClient();
    await append(...began, end);
    const lifting = process();
    await lifting.start();
    await clock.advance(5 * HOUR_MS);
    expect(await records()).toMatchObject([{ outcome: 'lost', say: expect.stringContaining('has no Alertmanager any more') as string }]);
    expect(clock.pending()).toBe(0);
    await lifting.stop();
    expect(server.expired).toEqual([]);
  });
});
