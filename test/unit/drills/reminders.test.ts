import { describe, expect, it } from 'vitest';
import { createReminders, whatIsDue, type ReminderEvent, type ReminderStore } from '#drills/schedule/reminders.ts';
import { slotAfter, type Times } from '#drills/schedule/times.ts';
import { silentLog } from '#kernel/log.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';

const at = (text: string): number => Date.parse(text);
const DAY_MS = 24 * 3_600_000;
const QUARTERLY: Times = { name: 'quarterly', cron: '0 6 1 */3 *', timeZone: 'UTC', jitterMs: 0, blackout: [] };

function world(start: string, schedule: Times = QUARTERLY) {
  const clock: VirtualClock = createVirtualClock(at(start));
  const said: (ReminderEvent & { at: string })[] = [];
  const store: ReminderStore = { read: async () => [...said], append: async (_name, event) => void said.push({ ...event, at: new Date(clock.now()).toISOString() }) };
  const make = (more: Partial<ReminderStore> = {}) =>
    createReminders({
      schedules: [schedule],
      clock,
      log: silentLog,
      store: { ...store, ...more },
      nextAt: async () => {
        const slot = slotAfter(schedule, clock.now());
        return slot === undefined ? null : new Date(slot.dueMs).toISOString();
      },
    });
  return { clock, said, store, make };
}

describe('a reminder', () => {
  it('comes a week and a day before the drill is due, once each, quarter after quarter', async () => {
    const one = world('2026-01-15T00:00:00Z');
    const reminders = one.make();
    await reminders.start();
    expect(one.said).toEqual([]);
    await one.clock.advanceTo(at('2026-07-15T00:00:00Z'));
    const [spring, summer] = ['2026-04-01T06:00:00.000Z', '2026-07-01T06:00:00.000Z'];
    expect(one.said).toEqual([
      { kind: 'week', dueAt: spring, at: '2026-03-25T06:00:00.000Z' },
      { kind: 'day', dueAt: spring, at: '2026-03-31T06:00:00.000Z' },
      { kind: 'week', dueAt: summer, at: '2026-06-24T06:00:00.000Z' },
      { kind: 'day', dueAt: summer, at: '2026-06-30T06:00:00.000Z' },
    ]);
    await reminders.stop();
    expect(one.clock.pending()).toBe(0);
  });

  it('is not doubled by restarts', async () => {
    const one = world('2026-03-20T00:00:00Z');
    for (let i = 0; i < 40; i += 1) {
      const reminders = one.make();
      await reminders.start();
      await one.clock.advance(8 * 3_600_000);
      await reminders.stop();
    }
    expect(one.said.map(({ kind }) => kind)).toEqual(['week', 'day']);
  });

  it('that fell into a downtime comes afterwards while the drill is still to come: the last one of them', async () => {
    const late = world('2026-03-28T12:00:00Z');
    await late.make().start();
    expect(late.said).toMatchObject([{ kind: 'week', at: '2026-03-28T12:00:00.000Z' }]);
    const later = world('2026-03-31T12:00:00Z');
    await later.make().start();
    expect(later.said).toMatchObject([{ kind: 'day' }]);
    const over = world('2026-04-01T06:00:01Z');
    await over.make().start();
    expect(over.said).toEqual([]);
  });

  it('is not made of a drill that is due so often that it would be a reminder of the one before', async () => {
    const daily = world('2026-03-20T00:00:00Z', { ...QUARTERLY, cron: '0 3 * * *', jitterMs: 3_600_000 });
    const weekly = world('2026-03-20T00:00:00Z', { ...QUARTERLY, cron: '0 3 * * 1' });
    for (const one of [daily, weekly]) {
      await one.make().start();
      await one.clock.advance(15 * DAY_MS);
    }
    expect(daily.said).toEqual([]);
    expect(weekly.said.map(({ kind, dueAt }) => [kind, dueAt.slice(0, 10)])).toEqual([['day', '2026-03-23'], ['day', '2026-03-30']]);
  });

  it('comes anew when a blackout moves the drill, and names the day that it was moved to', async () => {
    const one = world('2026-03-26T00:00:00Z');
    await one.make().start();
    const moved: Times = { ...QUARTERLY, blackout: [{ from: '2026-04-01', to: '2026-04-02' }] };
    const slot = slotAfter(moved, one.clock.now());
    expect(slot?.dueMs).toBe(at('2026-04-03T06:00:00Z'));
    const again = createReminders({ schedules: [moved], clock: one.clock, log: silentLog, store: one.store, nextAt: async () => new Date(slot?.dueMs ?? 0).toISOString() });
    await one.clock.advanceTo(at('2026-03-27T12:00:00Z'));
    await again.start();
    expect(one.said.map(({ kind, dueAt }) => [kind, dueAt])).toEqual([['week', '2026-04-01T06:00:00.000Z'], ['week', '2026-04-03T06:00:00.000Z']]);
  });

  it('is tried again when it cannot be kept, and of two bots one keeps it', async () => {
    const one = world('2026-03-28T12:00:00Z');
    let broken = true;
    const reminders = one.make({
      append: async (name, event) => {
        if (broken) throw new Error('the disk is full');
        await one.store.append(name, event);
      },
    });
    await reminders.start();
    expect(one.said).toEqual([]);
    broken = false;
    await one.clock.advance(60_000);
    expect(one.said).toHaveLength(1);
    await reminders.stop();
  });

  it('is due in no other hour than those before the drill', () => {
    const due = at('2026-04-01T06:00:00Z');
    expect([-8 * DAY_MS, -7 * DAY_MS, -2 * DAY_MS, -DAY_MS, -1, 0, DAY_MS].map((ms) => whatIsDue(QUARTERLY, due, due + ms))).toEqual([undefined, 'week', 'week', 'day', 'day', undefined, undefined]);
  });
});
