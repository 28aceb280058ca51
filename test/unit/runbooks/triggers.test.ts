import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { stepsByName } from '#app/catalogue.ts';
import { loadRunbook } from '#language/load.ts';
import { matchRunbook } from '#language/match.ts';
import { PROJECT, readText } from '../../architecture/tree.ts';

const Rules = z.object({ groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string().optional(), labels: z.record(z.string(), z.string()).default({}) })) })) });

const STEPS = stepsByName();
const runbooks = readdirSync(join(PROJECT, 'runbooks'))
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('.cases.yaml'))
  .flatMap((file) => loadRunbook({ file: `runbooks/${file}`, text: readText(`runbooks/${file}`), steps: STEPS }).runbook ?? []);
const alerts = Rules.parse(parse(readText('deploy/prometheus/rules.yaml'))).groups.flatMap(({ rules }) => rules.flatMap(({ alert, labels }) => (alert === undefined ? [] : [{ alertname: alert, labels }])));

describe('the shipped alerts and the shipped runbooks', () => {
  // The labels of the rule are all that is certain; those of its series come on top.
  it.each(alerts)('$alertname starts exactly one runbook, the one that its label names', ({ alertname, labels }) => {
    const taking = runbooks.filter((runbook) => matchRunbook([runbook], { ...labels, alertname }) !== undefined).map(({ name }) => name);
    expect(taking).toEqual([labels['runbook']]);
  });

  it('know the alerts of the production guide and of the PrometheusRule of Cordum', () => {
    const guide = ['SafetyKernelSlow', 'DLQDepthHigh', 'JobFailureRateHigh', 'WorkerHeartbeatGap', 'DispatchLatencyHigh', 'SagaCompensationFailing', 'StaleJobsHigh', 'OutputQuarantineSpike'];
    const shipped = ['GatewayDown', 'SchedulerDown', 'NATSDown', 'RedisDown', 'WorkflowEngineDown', 'SafetyKernelDown', 'ContextEngineDown', 'RedisClusterDegraded', 'RedisClusterNodeDown', 'RedisClusterSlotsIncomplete', 'RedisMemoryHigh', 'RedisReplicationBroken', 'RedisBackupFailed'];
    expect([...guide, ...shipped].map((name) => `Cordum${name}`).filter((alertname) => matchRunbook(runbooks, { alertname }) === undefined)).toEqual([]);
  });

  it('leave no trigger that no alert fires', () => {
    const fired = new Set(alerts.map(({ alertname }) => alertname));
    const named = readdirSync(join(PROJECT, 'runbooks')).flatMap((file) => (file.endsWith('.cases.yaml') ? [] : [...readText(`runbooks/${file}`).matchAll(/alertname="(\w+)"/g)].map(([, name = '']) => name)));
    expect(named.filter((name) => !fired.has(name))).toEqual([]);
  });
});
