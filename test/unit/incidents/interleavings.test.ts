import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Notification } from '#operations/operations.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { firing, notification, resolved } from '../../kit/alertmanager.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { createFakeRuns, createIncidentRig, quiesce } from '../../kit/incidents.ts';

const START = Date.UTC(2026, 0, 1);
const FIRE = notification([firing('aa', START)]);
/** What each peer sends, in this order: the alert, its retry, a repeat, the resolve, and a stale copy of the alert. */
const PEER: readonly Notification[] = [FIRE, FIRE, FIRE, notification([resolved('aa', START, START + 60_000)]), notification([firing('aa', START + 500)])];

interface Step {
  readonly peer: number;
  /** What the bot does before the next one arrives: nothing (it arrives at the same time), settle, or restart. */
  readonly then: 'nothing' | 'settle' | 'restart';
}

async function playOut(steps: readonly Step[]): Promise<{ incidents: number; closed: number; asked: number; runs: number; acked: number }> {
  const clock = createVirtualClock(START + 120_000);
  const journal = createMemoryJournal({ clock });
  const runs = createFakeRuns();
  const sent = new Map<number, number>();
  let rig = createIncidentRig({ clock, journal, runs });
  await rig.incidents.start();
  const receipts: Promise<unknown>[] = [];
  for (const { peer, then } of steps) {
    const at = sent.get(peer) ?? 0;
    sent.set(peer, at + 1);
    receipts.push(rig.incidents.receive(PEER[at] ?? FIRE));
    if (then !== 'nothing') await quiesce(4);
    if (then !== 'restart') continue;
    await rig.incidents.stop();
    rig = createIncidentRig({ clock, journal, runs });
    await rig.incidents.start();
  }
  const acked = (await Promise.all(receipts)).length;
  await quiesce();
  await clock.advance(5_000);
  const { items } = await rig.incidents.list({});
  await rig.incidents.stop();
  return { incidents: items.length, closed: items.filter(({ status }) => status === 'closed').length, asked: runs.asked.length, runs: runs.started.size, acked };
}

/** All orders in which two peers' messages can arrive. */
function merges(left: number, right: number): readonly (readonly number[])[] {
  if (left === 0) return [Array.from({ length: right }, () => 1)];
  if (right === 0) return [Array.from({ length: left }, () => 0)];
  return [...merges(left - 1, right).map((rest) => [0, ...rest]), ...merges(left, right - 1).map((rest) => [1, ...rest])];
}

describe('notifications of several peers', () => {
  it('are one closed incident and one run in every order of two peers', async () => {
    const orders = merges(PEER.length, PEER.length);
    expect(orders).toHaveLength(252);
    for (const order of orders) {
      const end = await playOut(order.map((peer, i) => ({ peer, then: i % 3 === 0 ? 'settle' : 'nothing' })));
      expect([order.join(''), end]).toEqual([order.join(''), { incidents: 1, closed: 1, asked: 1, runs: 1, acked: 10 }]);
    }
  });

  it('are one closed incident and one run in any order of three peers, whatever is concurrent and whenever the bot restarts', async () => {
    const order = fc.shuffledSubarray([0, 1, 2].flatMap((peer) => PEER.map(() => peer)), { minLength: 15, maxLength: 15 });
    const then = fc.array(fc.constantFrom('nothing', 'nothing', 'settle', 'restart'), { minLength: 15, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(order, then, async (peers, pauses) => {
        const end = await playOut(peers.map((peer, i) => ({ peer, then: pauses[i] ?? 'nothing' })));
        expect(end).toMatchObject({ incidents: 1, closed: 1, runs: 1, acked: 15 });
      }),
      { numRuns: 150 },
    );
  });
});
