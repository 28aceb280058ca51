/** What both reports show of a bundle, in the order in which an auditor asks: facts and tables of plain text, nothing escaped yet. */
import { z } from 'zod';
import { formatDuration } from '#kernel/duration.ts';
import type { JsonObject } from '#kernel/json.ts';
import { CHECK_STATUSES, type CheckStatus } from '../check.ts';
import { PHASES, type Phase } from '../context.ts';
import { sayScope } from '../scope.ts';
import { consistencyRows, consistencyShape } from './report-consistency.ts';

export interface ReportView {
  readonly title: string;
  readonly status: 'passed' | 'failed';
  /** One sentence: what was done and how it ended. */
  readonly summary: string;
  readonly sections: readonly ReportSection[];
  readonly phasesMs: Readonly<Record<Phase, number>>;
  readonly rtoObjectiveSeconds: number;
  readonly rpoObjectiveSeconds: number;
}

export interface ReportSection {
  readonly title: string;
  /** Shown behind the title where it is not empty. */
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** By row, where the section is about checks. */
  readonly statuses?: readonly CheckStatus[];
  readonly chart?: 'rto' | 'trend';
}

const text = z.string();
const status = z.enum(CHECK_STATUSES);
const shape = z.looseObject({
  id: text,
  sequence: z.number(),
  previous: z.object({ id: text, sha256: text }).nullable(),
  drill: z.looseObject({ store: text, status: z.enum(['passed', 'failed']), startedAt: text, endedAt: text, requestedBy: text, directory: text, choice: z.looseObject({ kind: text, seed: text.optional(), windowMs: z.number().optional(), stamp: text.optional() }) }),
  backup: z.looseObject({ set: text, takenAt: text, ageSeconds: z.number(), bytes: z.number(), files: z.array(z.looseObject({ path: text, bytes: z.number(), sha256: text.nullable() })), sets: z.array(z.looseObject({ set: text, sampleSeed: text.nullable() })).optional() }).nullable(),
  versions: z.looseObject({ tool: z.object({ name: text, version: text }), runtime: z.object({ node: text, platform: text }), servers: z.array(z.object({ program: text.optional(), id: text, version: text, address: text })) }),
  isolation: z.looseObject({ sandbox: z.looseObject({ kind: text, id: text, addresses: z.array(text) }).nullable(), live: z.looseObject({ identity: z.array(text), addresses: z.array(text), connections: z.looseObject({ opened: z.number(), closed: z.number() }).nullable() }).nullable(), liveReadEndedAt: text.nullable(), sandboxStartedAt: text.nullable() }),
  steps: z.array(z.object({ phase: text, doing: text, startedAt: text, ms: z.number() })),
  checks: z.array(z.object({ name: text, status, detail: text })),
  counts: z.record(status, z.number()),
  rpo: z.looseObject({ seconds: z.number().nullable(), newestRecordAt: text.nullable(), objectiveSeconds: z.number() }),
  rto: z.looseObject({ seconds: z.number(), phasesMs: z.record(z.enum(PHASES), z.number()), objectiveSeconds: z.number() }),
  /** Absent from bundles that were written before it was measured. */
  consistency: consistencyShape.nullish(),
  deviations: z.array(text),
  approvals: z.array(z.looseObject({ by: text, at: text, reason: text, window: z.object({ from: text, to: text }).nullish() })),
  teardown: z.looseObject({ processes: z.number(), directoryGone: z.boolean(), left: z.array(text) }).nullable(),
  controls: z.array(z.object({ framework: text, control: text, asks: text, status, checks: z.array(text) })),
  key: z.object({ keyId: text }),
});
type Read = z.output<typeof shape>;

export function viewOf(bundle: JsonObject): ReportView {
  const read = shape.parse(bundle);
  return {
    title: `Restore drill of ${sayScope(read.drill.store)}, ${read.drill.startedAt.slice(0, 10)}`,
    status: read.drill.status,
    summary: summaryOf(read),
    sections: [
      { title: 'What was done', note: '', head: ['', ''], rows: facts(read) },
      { title: 'Checks', note: `${read.counts.passed} passed, ${read.counts.failed} failed, ${read.counts.warning} with a warning, ${read.counts.skipped} skipped. Skipped is not passed.`, head: ['Check', 'Status', 'What was seen'], rows: read.checks.map(({ name, status: is, detail }) => [name, is, detail]), statuses: read.checks.map(({ status: is }) => is) },
      { title: 'Whether the stores fit together', note: '', head: ['', ''], rows: read.consistency == null ? [] : consistencyRows(read.consistency) },
      { title: 'Time to recover', note: `${read.rto.seconds} s; the objective is ${read.rto.objectiveSeconds} s.`, head: ['Phase', 'Seconds'], rows: PHASES.map((phase) => [phase, seconds(read.rto.phasesMs[phase])]), chart: 'rto' },
      { title: 'Over the drills', note: '', head: [], rows: [], chart: 'trend' },
      { title: 'Controls', note: 'Which checks speak for which control.', head: ['Control', 'Asks', 'Status', 'Checks'], rows: read.controls.map((one) => [`${one.framework} ${one.control}`, one.asks, one.status, one.checks.join(', ')]), statuses: read.controls.map((one) => one.status) },
      { title: 'Isolation', note: '', head: ['', ''], rows: isolation(read) },
      { title: 'Deviations', note: read.deviations.length === 0 ? 'None.' : '', head: ['What was not as it should be, or was not looked at'], rows: read.deviations.map((one) => [one]) },
      { title: 'Approvals', note: read.approvals.length === 0 ? 'None were needed.' : '', head: ['By', 'At', 'Reason'], rows: read.approvals.map(({ by, at, reason, window }) => [by, at, window == null ? reason : `${reason} (ahead, for ${window.from} to ${window.to})`]) },
      { title: 'Files', note: '', head: ['File', 'Bytes', 'SHA-256'], rows: (read.backup?.files ?? []).map(({ path, bytes, sha256 }) => [path, String(bytes), sha256 ?? 'not read']) },
      { title: 'Steps', note: '', head: ['Began', 'Phase', 'What', 'Seconds'], rows: read.steps.map(({ startedAt, phase, doing, ms }) => [startedAt, phase, doing, seconds(ms)]) },
    ].filter(({ rows, note, chart }) => rows.length > 0 || note !== '' || chart !== undefined) as readonly ReportSection[],
    phasesMs: read.rto.phasesMs,
    rtoObjectiveSeconds: read.rto.objectiveSeconds,
    rpoObjectiveSeconds: read.rpo.objectiveSeconds,
  };
}

function summaryOf({ drill, backup, counts, rto }: Read): string {
  const what = backup === null ? 'No backup was restored' : `${backup.set}, ${formatDuration(backup.ageSeconds * 1_000)} old, ${(backup.sets ?? []).length > 1 ? 'were' : 'was'} restored apart from production`;
  return `${what}. The drill has ${drill.status}: ${counts.passed} checks passed, ${counts.failed} failed${counts.warning > 0 ? `, ${counts.warning} warned` : ''}; it took ${rto.seconds} s.`;
}

function facts(read: Read): (readonly string[])[] {
  const { drill, backup, versions, rpo, teardown, previous, key } = read;
  const { choice } = drill;
  const how = choice.kind === 'random' ? `by chance within ${formatDuration(choice.windowMs ?? 0)}, seed ${choice.seed ?? ''}` : choice.kind === 'named' ? 'as asked' : 'the newest';
  return [
    ['Drill', `${read.id}, number ${read.sequence} of its chain`],
    ['Begun and ended', `${drill.startedAt} to ${drill.endedAt}`],
    ['Asked for by', drill.requestedBy],
    ['Backup', backup === null ? 'none' : `${backup.set} of ${drill.directory}, ${how}; ${backup.files.length} file(s), ${backup.bytes} bytes`],
    ['Taken', backup === null ? 'unknown' : `${backup.takenAt}${(backup.sets ?? []).length > 1 ? ' (the oldest of them)' : ''}, ${formatDuration(backup.ageSeconds * 1_000)} before the drill`],
    ...(backup?.sets ?? []).flatMap(({ set, sampleSeed }) => (sampleSeed === null ? [] : [['Sample', `${set}: drawn by the seed ${sampleSeed} when it was taken`]])),
    ['Loss of data (RPO)', rpo.seconds === null ? `not measured; the objective is ${rpo.objectiveSeconds} s` : `${rpo.seconds} s since the newest restored record (${rpo.newestRecordAt ?? 'unknown'}); the objective is ${rpo.objectiveSeconds} s`],
    ['Restored into', versions.servers.map(({ program = '', id, version, address }) => `${program} ${version} at ${address} (${id})`.trim()).join('; ') || 'nothing'],
    ['Torn down', teardown === null ? 'nothing was started' : teardown.left.length === 0 && teardown.directoryGone ? `${teardown.processes} process(es) ended, the folder is gone` : teardown.left.join('; ') || 'the folder is still there'],
    ['Versions', `${versions.tool.name} ${versions.tool.version}, Node ${versions.runtime.node} on ${versions.runtime.platform}`],
    ['Drill before it', previous === null ? 'none: the chain begins here' : `${previous.id} (SHA-256 ${previous.sha256})`],
    ['Signed by', `Ed25519 key ${key.keyId}`],
  ];
}

function isolation({ isolation: { sandbox, live, liveReadEndedAt, sandboxStartedAt } }: Read): (readonly string[])[] {
  return [
    ['Sandbox', sandbox === null ? 'none was started' : `${sandbox.kind} ${sandbox.id}, at ${sandbox.addresses.join(', ') || 'no address'}`],
    ['Live system', live === null ? 'none was given, and none was asked' : `${live.addresses.join(', ')}; known by ${live.identity.join(', ')}`],
    ...(live === null ? [] : [['Last packet to it', `before ${liveReadEndedAt ?? 'the sandbox'}, when ${live.connections?.closed ?? 'all'} of ${live.connections?.opened ?? 'all'} connection(s) were closed; the sandbox began at ${sandboxStartedAt ?? 'no time'}`]]),
  ];
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(ms < 10_000 ? 2 : 1);
}
