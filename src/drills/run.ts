/**
 * One drill, from the live system's facts to the proof that nothing is left: read-only phase, then (and only then) the sandbox,
 * restore, checks, teardown. It always comes to an end with a result; a drill that could not be done has failed.
 */
import { readInventory, type BackupSet } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import { isoTime, type Clock } from '#kernel/clock.ts';
import type { Result } from '#kernel/failure.ts';
import { failed, passed, type Check } from './check.ts';
import { chooseSet, type Choice } from './choose.ts';
import { PHASES, type DrillContext, type DrillLimits, type LiveFacts, type Phase } from './context.ts';
import type { Sandbox, Teardown } from './sandbox/sandbox.ts';

export interface StepLine {
  readonly phase: Phase;
  readonly doing: string;
  readonly startedAt: string;
  readonly ms: number;
}

/** What one store's drill answers. */
export interface StoreDrill {
  readonly checks: readonly Check[];
  /** When the backup was taken, by its oldest claim. */
  readonly takenMs: number;
  /** The newest record that the restored copy holds; undefined when none says when it was written. */
  readonly newestMs: number | undefined;
  /** Servers of the sandbox, with their versions and ids. */
  readonly servers: readonly { readonly id: string; readonly version: string; readonly address: string }[];
  /** What was restored, with the digests of the bytes. */
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

export interface DrillRequest<Live extends LiveFacts> {
  readonly id: string;
  readonly store: Store;
  readonly directory: string;
  readonly choice: Choice;
  readonly limits: DrillLimits & { readonly rpoMs: number; readonly rtoMs: number };
  /** Reads the live system, once, before the sandbox starts. Undefined: none was given. */
  readonly readLive?: (signal: AbortSignal) => Promise<Result<Live>>;
  drill(set: BackupSet, live: Live | undefined, ctx: DrillContext): Promise<StoreDrill>;
}

export interface DrillParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  createSandbox(): Promise<{ readonly sandbox: Sandbox; readonly reaped: readonly { readonly folder: string }[] }>;
  readonly redisCheckRdb: string | undefined;
  readonly connect: DrillContext['connect'];
  /** Told of each step as it begins. */
  onStep?(phase: Phase, doing: string): void;
}

export interface DrillOutcome {
  readonly id: string;
  readonly store: Store;
  readonly status: 'passed' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string;
  readonly checks: readonly Check[];
  readonly backup: { readonly set: string; readonly takenAt: string; readonly ageSeconds: number; readonly bytes: number; readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string | null }[] } | null;
  /** From the newest restored record to the begin of the drill; null where no record says when it was written. */
  readonly rpoSeconds: number | null;
  readonly rtoSeconds: number;
  readonly phases: Readonly<Record<Phase, number>>;
  readonly steps: readonly StepLine[];
  readonly live: LiveFacts | null;
  readonly servers: StoreDrill['servers'];
  readonly teardown: Teardown | null;
  readonly reaped: readonly string[];
  readonly choice: Choice;
  readonly directory: string;
  readonly limits: DrillRequest<LiveFacts>['limits'];
  /** Where it was restored; null when no sandbox was made. */
  readonly sandbox: { readonly kind: string; readonly id: string; readonly addresses: readonly string[] } | null;
  readonly newestRecordAt: string | null;
}

export async function runDrill<Live extends LiveFacts>(request: DrillRequest<Live>, parts: DrillParts): Promise<DrillOutcome> {
  const { clock, signal } = parts;
  const startedMs = clock.now();
  const steps: StepLine[] = [];
  const during: DrillContext['during'] = async (phase, doing, work) => {
    parts.onStep?.(phase, doing);
    const from = clock.now();
    try {
      return await work();
    } finally {
      steps.push({ phase, doing, startedAt: isoTime(from), ms: clock.now() - from });
    }
  };
  const checks: Check[] = [];
  const outcome = await attempt(request, { ...parts, during, checks });
  const { set, store, teardown } = outcome;
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, steps.filter((step) => step.phase === phase).reduce((sum, { ms }) => sum + ms, 0)])) as Record<Phase, number>;
  const rtoMs = phases.detect + phases.fetch + phases.restore + phases.verify + phases.ready;
  const newestMs = store?.newestMs;
  const rpoMs = newestMs === undefined ? undefined : Math.max(0, startedMs - newestMs);
  if (store !== undefined) checks.push(...objectives(request, { rpoMs, rtoMs }));
  if (teardown !== undefined) checks.push(teardown.left.length === 0 && teardown.directoryGone ? passed(`${request.store}.sandbox.gone`, `${teardown.processes} process(es) ended, the folder is removed.`) : failed(`${request.store}.sandbox.gone`, `Left behind: ${teardown.left.join('; ') || 'the folder of the sandbox'}.`));
  if (signal.aborted) checks.push(failed(`${request.store}.drill.completes`, 'The drill was cancelled.'));
  return {
    id: request.id,
    store: request.store,
    // Skipped is never passed: a drill in which nothing was restored has proven nothing.
    status: store !== undefined && checks.every(({ status }) => status !== 'failed') && checks.some(({ name, status }) => name === `${request.store}.restore.loads` && status === 'passed') ? 'passed' : 'failed',
    startedAt: isoTime(startedMs),
    endedAt: isoTime(clock.now()),
    checks,
    backup: set === undefined ? null : backupOf(set, store, startedMs),
    rpoSeconds: rpoMs === undefined ? null : Math.round(rpoMs / 1_000),
    rtoSeconds: Math.round(rtoMs / 100) / 10,
    phases,
    steps,
    live: outcome.live ?? null,
    servers: store?.servers ?? [],
    teardown: teardown ?? null,
    reaped: outcome.reaped,
    choice: request.choice,
    directory: request.directory,
    limits: request.limits,
    sandbox: outcome.sandbox ?? null,
    newestRecordAt: newestMs === undefined ? null : isoTime(newestMs),
  };
}

interface Attempt<Live> {
  readonly set?: BackupSet;
  readonly live?: Live;
  readonly store?: StoreDrill;
  readonly teardown?: Teardown;
  readonly sandbox?: NonNullable<DrillOutcome['sandbox']>;
  readonly reaped: readonly string[];
}

async function attempt<Live extends LiveFacts>(request: DrillRequest<Live>, parts: DrillParts & { readonly during: DrillContext['during']; readonly checks: Check[] }): Promise<Attempt<Live>> {
  const { checks, during, clock, signal } = parts;
  let live: Live | undefined;
  if (request.readLive !== undefined) {
    const readLive = request.readLive;
    const read = await during('live', 'reading facts of the live system (read only)', () => readLive(signal));
    // Without them it could not be told whether the sandbox is the live system.
    if (!read.ok) return { ...none(checks, failed(`${request.store}.live.readable`, `The live system cannot be read, so it could not be told from the sandbox. ${read.failure.message}`)) };
    live = read.value;
  }
  const withLive = live === undefined ? {} : { live };
  const inventory = await during('detect', `looking for backups in ${request.directory}`, () => readInventory(request.directory));
  if (!inventory.ok) return { ...none(checks, failed(`${request.store}.backup.found`, inventory.failure.message)), ...withLive };
  const set = chooseSet(inventory.value, request.store, request.choice, clock.now());
  if (set === undefined) return { ...none(checks, failed(`${request.store}.backup.found`, `There is no backup of ${request.store} in ${request.directory}${request.choice.kind === 'random' ? ' within the window' : request.choice.kind === 'named' ? ` of ${request.choice.stamp}` : ''}.`)), ...withLive };
  if (set.files.length === 0) return { ...none(checks, failed(`${request.store}.backup.found`, `${request.store}-${set.stamp} has no file.`)), set, ...withLive };
  checks.push(passed(`${request.store}.backup.found`, `${request.store}-${set.stamp}, ${request.choice.kind === 'random' ? `chosen by the seed ${request.choice.seed}` : request.choice.kind === 'named' ? 'as asked' : 'the newest'}, ${set.files.length} file(s).`));
  const { sandbox, reaped } = await parts.createSandbox();
  const folders = reaped.map(({ folder }) => folder);
  const place = () => ({ kind: sandbox.kind, id: sandbox.id, addresses: [...sandbox.addresses()] });
  try {
    const store = await request.drill(set, live, { clock, signal, sandbox, limits: request.limits, redisCheckRdb: parts.redisCheckRdb, connect: parts.connect, during });
    checks.push(...store.checks);
    return { set, ...withLive, store, sandbox: place(), teardown: await during('teardown', 'removing the sandbox', () => sandbox.teardown()), reaped: folders };
  } catch (error) {
    checks.push(failed(`${request.store}.drill.completes`, `The drill broke off: ${error instanceof Error ? error.message : 'for no reason given'}`));
    return { set, ...withLive, sandbox: place(), teardown: await during('teardown', 'removing the sandbox', () => sandbox.teardown()), reaped: folders };
  }
}

function none(checks: Check[], check: Check): { readonly reaped: readonly string[] } {
  checks.push(check);
  return { reaped: [] };
}

function objectives(request: DrillRequest<LiveFacts>, measured: { readonly rpoMs: number | undefined; readonly rtoMs: number }): readonly Check[] {
  const { rpoMs, rtoMs } = request.limits;
  const name = `${request.store}.objective`;
  const rpo: Check =
    measured.rpoMs === undefined
      ? { name: `${name}.rpo`, status: 'skipped', detail: 'No restored record says when it was written, so the loss cannot be measured.' }
      : { name: `${name}.rpo`, status: measured.rpoMs > rpoMs ? 'warning' : 'passed', detail: `${Math.round(measured.rpoMs / 1_000)} s between the newest restored record and the drill; the objective is ${Math.round(rpoMs / 1_000)} s.` };
  const rto: Check = { name: `${name}.rto`, status: measured.rtoMs > rtoMs ? 'failed' : 'passed', detail: `${Math.round(measured.rtoMs / 100) / 10} s to find, fetch, restore and verify; the objective is ${Math.round(rtoMs / 1_000)} s.` };
  return [rpo, rto];
}

function backupOf(set: BackupSet, store: StoreDrill | undefined, startedMs: number): NonNullable<DrillOutcome['backup']> {
  // A drill that broke off has no claim but that of the name.
  const takenMs = store === undefined || store.takenMs === 0 ? set.namedMs : store.takenMs;
  return {
    set: `${set.store}-${set.stamp}`,
    takenAt: isoTime(takenMs),
    ageSeconds: Math.max(0, Math.round((startedMs - takenMs) / 1_000)),
    bytes: set.bytes,
    files: set.files.map(({ path, bytes }) => ({ path, bytes, sha256: store?.files?.find((file) => file.path === path)?.sha256 ?? null })),
  };
}
