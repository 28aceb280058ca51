import type { Building } from './building.ts';
import type { DrillConfig, ScheduleConfig, TargetConfig } from './config.ts';
import type { ScheduleYaml } from './schedule-shape.ts';

/** Each schedule has a name of its own and starts one thing that there is. */
export function buildSchedules(schedules: readonly ScheduleYaml[], drills: readonly DrillConfig[], targets: readonly TargetConfig[], { mistakes }: Building): ScheduleConfig[] {
  const seen = new Map<string, number>();
  return schedules.map(({ name, drill, runbook, target, cron, timeZone, jitter, blackout, catchUp }, i): ScheduleConfig => {
    const at = (key: string) => ['schedules', i, key];
    const first = seen.get(name);
    if (first === undefined) seen.set(name, i);
    else mistakes.push({ path: at('name'), expected: `expected a name of its own: this one is that of schedules[${first}]` });
    if ((drill === undefined) === (runbook === undefined)) mistakes.push({ path: ['schedules', i], expected: 'expected either drill or runbook' });
    const of = drills.find((one) => one.name === drill);
    if (drill !== undefined && of === undefined) mistakes.push({ path: at('drill'), expected: `expected one of the drills: ${drills.map((one) => one.name).join(', ') || 'none is configured'}` });
    if (target !== undefined && !targets.some((one) => one.name === target)) mistakes.push({ path: at('target'), expected: `expected one of the targets: ${targets.map((one) => one.name).join(', ') || 'none is configured'}` });
    if (target !== undefined && of?.target !== undefined && of.target !== null && of.target !== target) mistakes.push({ path: at('target'), expected: `expected ${of.target}: the drill compares with it` });
    blackout.forEach(({ from, to }, j) => {
      if (to !== undefined && to < from) mistakes.push({ path: [...at('blackout'), j, 'to'], expected: 'expected a day that is not before from' });
    });
    return {
      name,
      runbook: runbook ?? 'restore-drill',
      drill: drill ?? null,
      target: target ?? of?.target ?? null,
      cron,
      timeZone,
      jitterMs: jitter,
      blackout: blackout.map(({ from, to }) => ({ from, to: to ?? from })),
      catchUp,
    };
  });
}
