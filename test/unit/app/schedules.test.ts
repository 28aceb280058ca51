import { describe, expect, it } from 'vitest';
import { createSchedules } from '#app/schedules.ts';
import type { ScheduleConfig } from '#config/config.ts';
import { silentLog } from '#kernel/log.ts';
import { createLamps, lampStep, offer, runbook } from '../../kit/engine.ts';
import { createOperationsRig, ROBOT } from '../../kit/operations-rig.ts';

const DAY_MS = 24 * 3_600_000;
const BOOK = runbook({ offers: [offer(lampStep(createLamps(['a'])))] });
const NIGHTLY: ScheduleConfig = { name: 'nightly', runbook: BOOK.name, drill: null, target: 'prod', cron: '0 3 * * *', timeZone: 'UTC', jitterMs: 0, blackout: [], catchUp: true };

async function scheduled(schedule: ScheduleConfig) {
  const rig = await createOperationsRig([BOOK], [lampStep(createLamps(['a']))]);
  const make = () => createSchedules({ config: { schedules: [schedule] }, journal: rig.journal, clock: rig.clock, log: silentLog, operations: () => rig.operations });
  return { rig, make };
}

describe('a schedule', () => {
  it('starts its runbook through the operations, as the schedule, and what it offers still waits for a person', async () => {
    const { rig, make } = await scheduled(NIGHTLY);
    const schedules = make();
    await schedules.start();
    await rig.clock.advance(DAY_MS);
    await schedules.stop();
    const { items } = await rig.operations.runs({});
    expect(items).toMatchObject([{ runbook: BOOK.name, target: 'prod', trigger: { kind: 'schedule', requester: 'schedule' } }]);
    expect((await rig.operations.approvals({})).items).toMatchObject([{ requester: 'schedule', decisions: [] }]);
    expect(await schedules.views()).toMatchObject([{ name: 'nightly', lastRunId: items[0]?.id, lastMissedBecause: null }]);
  });

  it('goes by the journal after a restart: what was started is not started again', async () => {
    const { rig, make } = await scheduled(NIGHTLY);
    for (let i = 0; i < 3; i += 1) {
      const schedules = make();
      await schedules.start();
      await rig.clock.advance(DAY_MS / 2);
      await schedules.stop();
    }
    expect((await rig.operations.runs({})).items).toHaveLength(2);
  });

  it('says why nothing was started when its runbook is not there', async () => {
    const { rig, make } = await scheduled({ ...NIGHTLY, runbook: 'gone' });
    const schedules = make();
    await schedules.start();
    await rig.clock.advance(DAY_MS);
    expect(await schedules.views()).toMatchObject([{ lastRunId: null, lastMissedBecause: expect.stringContaining('there is no runbook gone') as string }]);
    await schedules.stop();
  });

  it('opens no way in for anybody else: automation without a role starts nothing', async () => {
    const { rig } = await scheduled(NIGHTLY);
    expect(await rig.operations.startRun({ ...ROBOT, id: 'schedule', roles: [] }, { runbook: BOOK.name })).toMatchObject({ ok: false, problem: { code: 'forbidden' } });
  });
});

describe('what a schedule has to tell', () => {
  const SOON: ScheduleConfig = { ...NIGHTLY, name: 'soon', drill: 'redis-quarterly', cron: '0 0 8 1 *' };

  it('is a reminder that lives until the drill is due, is kept once, and is told as a change', async () => {
    const { rig, make } = await scheduled(SOON);
    const told: string[] = [];
    rig.operations.onChange(({ kind, id, types }) => void (kind === 'notice' && types.includes('DrillReminded') && told.push(id)));
    for (let i = 0; i < 2; i += 1) {
      const schedules = make();
      await schedules.start();
      await schedules.stop();
    }
    const [notice, ...more] = await make().notices();
    expect([notice, more, told]).toMatchObject([{ id: expect.stringMatching(/^ntc_[0-9a-f]{26}$/) as string, kind: 'week', schedule: 'soon', drill: 'redis-quarterly', dueAt: '2026-01-08T00:00:00.000Z', live: true, because: null }, [], ['soon']]);
    const moved = createSchedules({ config: { schedules: [{ ...SOON, blackout: [{ from: '2026-01-08', to: '2026-01-08' }] }] }, journal: rig.journal, clock: rig.clock, log: silentLog, operations: () => rig.operations });
    expect(await moved.notices()).toMatchObject([{ id: notice?.id, live: false }]);
  });

  it('is that a slot was missed, with the reason, and it is not told for ever', async () => {
    const { rig, make } = await scheduled({ ...NIGHTLY, runbook: 'gone', cron: '0 0 1 1 *' });
    const append = (type: string, data: object, at: number) => rig.journal.read('schedule:nightly').then((events) => rig.journal.append({ stream: 'schedule:nightly', expectedVersion: events.length, events: [{ type, actor: 'schedule', data: data as never }], at }));
    await append('ScheduleMissed', { slot: '2025-12-01T00:00:00.000Z', because: 'long ago' }, rig.clock.now() - 31 * DAY_MS);
    await append('ScheduleMissed', { slot: '2025-12-31T00:00:00.000Z', because: 'the bot was not running' }, rig.clock.now() - DAY_MS);
    expect(await make().notices()).toMatchObject([{ kind: 'missed', schedule: 'nightly', drill: null, dueAt: '2025-12-31T00:00:00.000Z', because: 'the bot was not running', live: true }]);
  });
});
