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
