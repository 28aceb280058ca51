import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScheduler, type Schedule, type ScheduleEvent, type SchedulerParts } from '#drills/schedule/scheduler.ts';
import { dueSlots, isBlackout, slotAfter } from '#drills/schedule/times.ts';
import { silentLog } from '#kernel/log.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';

const at = (text: string): number => Date.parse(text);
const QUARTERLY: Schedule = { name: 'quarterly', cron: '0 6 1 */3 *', timeZone: 'UTC', jitterMs: 0, blackout: [], catchUp: true };
const DAY_MS = 24 * 3_600_000;

function due(schedule: Schedule, after: string): string | undefined {
  const slot = slotAfter(schedule, at(after));
  return slot === undefined ? undefined : new Date(slot.dueMs).toISOString();
}

describe('when a schedule is due', () => {
  it('is each quarter, by the clock of its time zone on both sides of summer time', () => {
    expect(due(QUARTERLY, '2026-01-02T00:00:00Z')).toBe('2026-04-01T06:00:00.000Z');
    const berlin = { ...QUARTERLY, timeZone: 'Europe/Berlin' };
    expect(due(berlin, '2026-01-02T00:00:00Z')).toBe('2026-04-01T04:00:00.000Z');
    expect(due(berlin, '2026-11-02T00:00:00Z')).toBe('2027-01-01T05:00:00.000Z');
  });

  it('is once in the night in which an hour is missing, and once in that with an hour twice', () => {
    const nightly = { ...QUARTERLY, cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
    const days = (from: string): string[] => {
      const slots: string[] = [];
      for (let slot = slotAfter(nightly, at(from)); slot !== undefined && slots.length < 3; slot = slotAfter(nightly, slot.slotMs)) slots.push(new Date(slot.slotMs).toISOString());
      return slots;
    };
    expect(days('2026-03-28T00:00:00Z')).toEqual(['2026-03-28T01:30:00.000Z', expect.stringMatching(/^2026-03-29T01:/), '2026-03-30T00:30:00.000Z']);
    expect(days('2026-10-24T00:00:00Z')).toEqual(['2026-10-24T00:30:00.000Z', expect.stringMatching(/^2026-10-25T0[01]:30/), '2026-10-26T01:30:00.000Z']);
  });

  it('moves on by whole days out of a blackout, whose days are those of the time zone', () => {
    const closed = { ...QUARTERLY, blackout: [{ from: '2026-12-24', to: '2027-01-02' }, { from: '2027-01-03', to: '2027-01-03' }] };
    expect(due(closed, '2026-11-01T00:00:00Z')).toBe('2027-01-04T06:00:00.000Z');
    const late = { ...QUARTERLY, cron: '30 23 31 12 *', timeZone: 'UTC', blackout: [{ from: '2027-01-01', to: '2027-01-01' }] };
    expect(due(late, '2026-11-01T00:00:00Z')).toBe('2026-12-31T23:30:00.000Z');
    expect(due({ ...late, timeZone: 'Asia/Tokyo', cron: '30 8 1 1 *' }, '2026-11-01T00:00:00Z')).toBe('2027-01-01T23:30:00.000Z');
  });

  it('is later by chance within the jitter, and the same each time that one asks', () => {
    const jittery = { ...QUARTERLY, cron: '0 6 * * *', jitterMs: 3_600_000 };
    const offsets = Array.from({ length: 50 }, (_, i) => {
      const slot = slotAfter(jittery, at('2026-01-01T12:00:00Z') + i * DAY_MS)!;
      expect(slotAfter(jittery, slot.slotMs - 1)).toEqual(slot);
      return slot.dueMs - slot.slotMs;
    });
    expect(offsets.every((ms) => ms >= 0 && ms < 3_600_000)).toBe(true);
    expect(new Set(offsets).size).toBeGreaterThan(40);
  });

  it('is on each local day once whatever the zone, and never on a day of the blackout: summer time begins, ends, and the days are black', () => {
    const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Apia', 'UTC');
    const start = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2028-12-31T00:00:00Z') });
    fc.assert(
      fc.property(zone, start, fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 7_200_000 }), (timeZone, from, hour, minute, jitterMs) => {
        const day = (ms: number): string => new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(ms);
        const daily = { ...QUARTERLY, timeZone, jitterMs, cron: `${minute} ${hour} * * *` };
        const slots: number[] = [];
        for (let slot = slotAfter(daily, from); slot !== undefined && slots.length < 5; slot = slotAfter(daily, slot.slotMs)) {
          expect(slot.dueMs - slot.slotMs).toBeGreaterThanOrEqual(0);
          expect(slot.dueMs - slot.slotMs).toBeLessThanOrEqual(jitterMs);
          slots.push(slot.slotMs);
        }
        expect(new Set(slots.map(day)).size).toBe(5);
        const black = { ...daily, blackout: [{ from: day(slots[0]!), to: day(slots[2]!) }] };
        const moved = slotAfter(black, slots[0]! - 1)!;
        expect(isBlackout(black, moved.dueMs)).toBe(false);
        expect(moved.dueMs).toBeGreaterThan(slots[0]!);
      }),
      { numRuns: 150 },
    );
  });

  it('is said of a year of missed minutes in one look, with the last of them', () => {
    const { due: last, next, passedOver } = dueSlots({ ...QUARTERLY, cron: '* * * * *' }, at('2025-01-01T00:00:00Z'), at('2026-01-01T00:00:30Z'));
    expect([last?.slotMs, next?.slotMs]).toEqual([at('2026-01-01T00:00:00Z'), at('2026-01-01T00:01:00Z')]);
    expect(passedOver).toBeGreaterThan(1_000);
  });
});

interface World {
  readonly clock: VirtualClock;
  readonly events: ScheduleEvent[];
  readonly keys: string[];
  readonly parts: Omit<SchedulerParts, 'schedules'>;
}

/** Runs by key, as the operations keep them: the same key is the same run. */
function world(start = '2026-01-15T00:00:00Z'): World {
  const clock = createVirtualClock(at(start));
  const events: ScheduleEvent[] = [];
  const keys: string[] = [];
  return {
    clock,
    events,
    keys,
    parts: {
      clock,
      log: silentLog,
      store: { read: async () => [...events], append: async (_name, event) => void events.push(event) },
      async start(_schedule, key) {
        if (!keys.includes(key)) keys.push(key);
        return { runId: `run_${keys.indexOf(key)}` };
      },
    },
  };
}

const startedOf = ({ events }: World): object[] => events.filter(({ type }) => type === 'ScheduleStarted');

describe('the scheduler', () => {
  it('starts each slot once, over the quarters of a year', async () => {
    const one = world();
    const scheduler = createScheduler({ ...one.parts, schedules: [QUARTERLY] });
    await scheduler.start();
    expect(await scheduler.standing()).toEqual([{ name: 'quarterly', nextAt: '2026-04-01T06:00:00.000Z', last: null }]);
    await one.clock.advance(365 * DAY_MS);
    expect(one.keys.map((key) => key.split('\n')[2])).toEqual(['2026-04-01T06:00:00.000Z', '2026-07-01T06:00:00.000Z', '2026-10-01T06:00:00.000Z', '2027-01-01T06:00:00.000Z']);
    expect((await scheduler.standing())[0]?.last).toMatchObject({ type: 'ScheduleStarted', slot: '2027-01-01T06:00:00.000Z', late: false });
    await scheduler.stop();
    expect(one.clock.pending()).toBe(0);
  });

  it('starts nothing for what lies before it was first seen, nor for a changed expression', async () => {
    const one = world();
    for (const cron of ['0 6 1 */3 *', '0 5 * * *']) {
      const scheduler = createScheduler({ ...one.parts, schedules: [{ ...QUARTERLY, cron }] });
      await scheduler.start();
      await scheduler.stop();
      await one.clock.advance(60_000);
    }
    expect(startedOf(one)).toEqual([]);
  });

  it('makes up for what was missed with one run, or with none where it was told so, and goes on', async () => {
    for (const catchUp of [true, false]) {
      const one = world();
      const nightly: Schedule = { ...QUARTERLY, cron: '0 3 * * *', catchUp };
      const before = createScheduler({ ...one.parts, schedules: [nightly] });
      await before.start();
      await before.stop();
      await one.clock.advance(10 * DAY_MS + 12 * 3_600_000);
      const after = createScheduler({ ...one.parts, schedules: [nightly] });
      await after.start();
      expect(one.events.slice(1)).toEqual([catchUp ? { type: 'ScheduleStarted', slot: '2026-01-25T03:00:00.000Z', runId: 'run_0', passedOver: 10, late: true } : expect.objectContaining({ type: 'ScheduleMissed', slot: '2026-01-25T03:00:00.000Z' })]);
      await one.clock.advance(DAY_MS);
      expect(one.events.at(-1)).toMatchObject({ type: 'ScheduleStarted', slot: '2026-01-26T03:00:00.000Z', passedOver: 0, late: false });
      await after.stop();
    }
  });

  it('does not start a slot twice when it was killed between the start and its record', async () => {
    const one = world();
    let broken = true;
    const store = { ...one.parts.store, async append(name: string, event: ScheduleEvent) {
      if (broken && event.type === 'ScheduleStarted') throw new Error('killed');
      await one.parts.store.append(name, event);
    } };
    const scheduler = createScheduler({ ...one.parts, store, schedules: [QUARTERLY] });
    await scheduler.start();
    await one.clock.advanceTo(at('2026-04-01T06:00:01Z'));
    expect([one.keys.length, startedOf(one).length]).toEqual([1, 0]);
    broken = false;
    await one.clock.advance(120_000);
    expect([one.keys.length, startedOf(one).length]).toEqual([1, 1]);
    await scheduler.stop();
  });

  it('waits through a blackout that covers its slot, starts it once after it, and is not overtaken by a restart within', async () => {
    const one = world('2026-03-30T00:00:00Z');
    const closed: Schedule = { ...QUARTERLY, blackout: [{ from: '2026-04-01', to: '2026-04-03' }] };
    for (let i = 0; i < 5; i += 1) {
      const scheduler = createScheduler({ ...one.parts, schedules: [closed] });
      await scheduler.start();
      if (i < 4) expect(startedOf(one)).toEqual([]);
      await one.clock.advance(DAY_MS);
      await scheduler.stop();
    }
    await createScheduler({ ...one.parts, schedules: [closed] }).start();
    await one.clock.advance(2 * DAY_MS);
    expect(startedOf(one)).toMatchObject([{ slot: '2026-04-01T06:00:00.000Z', late: false }]);
  });

  it('keeps why a run was refused, and waits for the next slot', async () => {
    const one = world();
    const scheduler = createScheduler({ ...one.parts, schedules: [QUARTERLY], start: async () => ({ refused: 'there is no runbook x' }) });
    await scheduler.start();
    await one.clock.advanceTo(at('2026-04-02T00:00:00Z'));
    expect((await scheduler.standing())[0]).toMatchObject({ nextAt: '2026-07-01T06:00:00.000Z', last: { type: 'ScheduleMissed', because: 'there is no runbook x' } });
    await scheduler.stop();
  });
});
