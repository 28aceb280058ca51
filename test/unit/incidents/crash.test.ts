import { describe, expect, it } from 'vitest';
import type { Journal } from '#engine/ports.ts';
import type { Notification } from '#operations/operations.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { firing, notification, resolved } from '../../kit/alertmanager.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';
import { createFakeRuns, createIncidentRig, quiesce, type FakeRuns, type IncidentRig } from '../../kit/incidents.ts';

const START = Date.UTC(2026, 0, 1);
const at = (minutes: number): number => START + minutes * 60_000;

/** Two alerts fire, one resolves and fires again, both resolve; later one fires anew; an end comes of an alert never seen. */
const SENT: readonly Notification[] = [
  notification([firing('aa', at(1)), firing('bb', at(1))]),
  notification([resolved('zz', at(0), at(1))]),
  notification([firing('aa', at(1)), firing('bb', at(1))]),
  notification([resolved('aa', at(1), at(2)), firing('bb', at(1))]),
  notification([firing('aa', at(3)), firing('bb', at(1))]),
  notification([resolved('aa', at(3), at(4)), resolved('bb', at(1), at(4))]),
  notification([firing('bb', at(1)), firing('zz', at(0))]),
  notification([firing('aa', at(5))]),
  notification([resolved('aa', at(5), at(6))]),
];

/** A journal whose process dies at its nth write: before it is stored, or after it but before anybody hears of it. */
function dyingJournal(inner: Journal, nth: number, moment: 'before' | 'after'): Journal & { readonly writes: () => number; readonly dead: () => boolean } {
  let writes = 0;
  let dead = false;
  const alive = <T>(call: () => Promise<T>): Promise<T> => (dead ? Promise.reject(new Error('the process is dead')) : call());
  return {
    ...inner,
    writes: () => writes,
    dead: () => dead,
    find: (kind, id) => alive(() => inner.find(kind, id)),
    query: (query) => alive(() => inner.query(query)),
    read: (stream, from) => alive(() => inner.read(stream, from)),
    nextDueAt: (kind) => alive(() => inner.nextDueAt(kind)),
    append: (append) =>
      alive(async () => {
        writes += 1;
        if (writes !== nth) return inner.append(append);
        if (moment === 'after') await inner.append(append);
        dead = true;
        throw new Error('the process died');
      }),
  };
}

/** The sender repeats what was not acknowledged, as Alertmanager does, until it is. */
async function send(rig: IncidentRig, one: Notification): Promise<boolean> {
  const acked = await rig.incidents.receive(one).then(() => true, () => false);
  await quiesce(6);
  return acked;
}

interface End {
  readonly incidents: readonly unknown[];
  readonly runs: number;
  readonly restarts: number;
  readonly writes: number;
}

async function live(nth: number, moment: 'before' | 'after'): Promise<End> {
  const clock: VirtualClock = createVirtualClock(at(10));
  const inner = createMemoryJournal({ clock });
  const runs: FakeRuns = createFakeRuns();
  const dying = dyingJournal(inner, nth, moment);
  let rig = createIncidentRig({ clock, journal: dying, runs });
  let restarts = 0;
  await rig.incidents.start();
  const reviveIfDead = async (): Promise<void> => {
    if (!dying.dead() || restarts > 0) return;
    restarts += 1;
    await rig.incidents.stop();
    rig = createIncidentRig({ clock, journal: inner, runs });
    await rig.incidents.start();
    await quiesce(6);
  };
  for (const one of SENT) {
    if (!(await send(rig, one))) {
      await reviveIfDead();
      expect(await send(rig, one)).toBe(true);
    }
    await reviveIfDead();
    await clock.advance(2_000);
  }
  const { items } = await rig.incidents.list({});
  await rig.incidents.stop();
  const incidents = items.map(({ status, runs: linked, alerts, notes }) => ({ status, linked: linked.length, notes, alerts: alerts.map(({ fingerprint, status: state, startsAt, endsAt }) => [fingerprint, state, startsAt, endsAt]) }));
  return { incidents, runs: runs.started.size, restarts, writes: dying.writes() };
}

describe('a crash', () => {
  it('at any write of the journal, before or after it is stored, ends as if there had been none', async () => {
    const calm = await live(Number.POSITIVE_INFINITY, 'before');
    expect(calm).toMatchObject({ runs: 2, restarts: 0, incidents: [{ status: 'closed', linked: 1 }, { status: 'closed', linked: 1 }] });
    expect(calm.writes).toBeGreaterThan(10);
    for (let nth = 1; nth <= calm.writes; nth += 1) {
      for (const moment of ['before', 'after'] as const) {
        const end = await live(nth, moment);
        expect({ nth, moment, ...end }).toEqual({ ...calm, nth, moment, restarts: 1, writes: end.writes });
      }
    }
  });
});
