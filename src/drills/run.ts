/**
 * One drill, from the live system's facts to the proof that nothing is left: read-only phase, then (and only then) the sandbox,
 * restore, checks, teardown. It always comes to an end with a result; a drill that could not be done has failed.
 */
import { readInventory, type BackupSet, type Inventory } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import { isoTime, type Clock } from '#kernel/clock.ts';
import type { Result } from '#kernel/failure.ts';
import { failed, passed, skipped, type Check } from './check.ts';
import type { Choice } from './choose.ts';
import { chooseTogether } from './choose-together.ts';
import type { Consistency } from './consistency/consistency.ts';
import type { DrillContext, DrillLimits, LiveFacts, Phase } from './context.ts';
import type { Drilled, StoreDrill } from './drilled.ts';
import { drilledBackup, type DrilledBackup } from './drilled-backup.ts';
import { measureLoss, rtoCheck, type Objectives } from './objectives.ts';
import { phaseTimes, type Span } from './phase-times.ts';
import type { Sandbox, Teardown } from './sandbox/sandbox.ts';
import { prefixOfScope, type DrillScope } from './scope.ts';

export interface StepLine {
  readonly phase: Phase;
  readonly doing: string;
  readonly startedAt: string;
  readonly ms: number;
}

/** One store of a drill: how its live system is read, and how its backup is tried. */
export interface StorePart<Live extends LiveFacts = LiveFacts> {
  readonly store: Store;
  /** Where there is no backup of it the drill goes on without, and says so. */
  readonly optional?: boolean;
  /** Reads the live system, once, before the sandbox starts. Undefined: none was given. */
  readonly readLive?: (signal: AbortSignal) => Promise<Result<Live>>;
  drill(set: BackupSet, live: Live | undefined, ctx: DrillContext): Promise<StoreDrill>;
}

export interface DrillRequest {
  readonly id: string;
  readonly store: DrillScope;
  readonly directory: string;
  readonly choice: Choice;
  readonly limits: DrillLimits & Objectives;
  /** One; for all stores each of them, in the order in which they are restored. */
  readonly parts: readonly StorePart[];
  /** Looks at what stands side by side in the sandbox, when all of them have been tried. */
  across?(drilled: readonly Drilled[], ctx: DrillContext): Promise<{ readonly checks: readonly Check[]; readonly consistency: Consistency | null }>;
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
  readonly store: DrillScope;
  readonly status: 'passed' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string;
  readonly checks: readonly Check[];
  readonly backup: DrilledBackup | null;
  /** From the newest restored record to the begin of the drill, the longest of its stores; null where no record says when it was written. */
  readonly rpoSeconds: number | null;
  readonly rtoSeconds: number;
  readonly phases: Readonly<Record<Phase, number>>;
  readonly steps: readonly StepLine[];
  readonly live: LiveFacts | null;
  readonly servers: readonly (StoreDrill['servers'][number] & { readonly program: 'redis-server' | 'nats-server' })[];
  readonly teardown: Teardown | null;
  readonly reaped: readonly string[];
  readonly choice: Choice;
  readonly directory: string;
  readonly limits: DrillRequest['limits'];
  /** Where it was restored; null when no sandbox was made. */
  readonly sandbox: { readonly kind: string; readonly id: string; readonly addresses: readonly string[] } | null;
  readonly newestRecordAt: string | null;
  /** Of Redis and NATS restored together; null where not both were. */
  readonly consistency: Consistency | null;
}

export async function runDrill(request: DrillRequest, parts: DrillParts): Promise<DrillOutcome> {
  const { clock, signal } = parts;
  const startedMs = clock.now();
  const steps: StepLine[] = [];
  const spans: Span[] = [];
  const during: DrillContext['during'] = async (phase, doing, work) => {
    parts.onStep?.(phase, doing);
    const from = clock.now();
    try {
      return await work();
    } finally {
      const to = clock.now();
      spans.push({ phase, fromMs: from, toMs: to });
      steps.push({ phase, doing, startedAt: isoTime(from), ms: to - from });
    }
  };
  const prefix = prefixOfScope(request.store);
  const checks: Check[] = [];
  const outcome = await attempt(request, { ...parts, during, checks });
  const { drilled, teardown } = outcome;
  const phases = phaseTimes(spans);
  const rtoMs = phases.detect + phases.fetch + phases.restore + phases.verify + phases.ready;
  const loss = measureLoss(drilled, { startedMs, limits: request.limits });
  checks.push(...loss.checks);
  if (drilled.length > 0) checks.push(rtoCheck(prefix, rtoMs, request.limits));
  if (teardown !== undefined) checks.push(teardown.left.length === 0 && teardown.directoryGone ? passed(`${prefix}.sandbox.gone`, `${teardown.processes} process(es) ended, the folder is removed.`) : failed(`${prefix}.sandbox.gone`, `Left behind: ${teardown.left.join('; ') || 'the folder of the sandbox'}.`));
  if (signal.aborted) checks.push(failed(`${prefix}.drill.completes`, 'The drill was cancelled.'));
  const restored = request.parts.every(({ store, optional = false }) => isRestored(checks, store) || (optional && !outcome.chosen.some((set) => set.store === store)));
  return {
    id: request.id,
    store: request.store,
    // Skipped is never passed: a drill in which nothing was restored has proven nothing.
    status: drilled.length > 0 && restored && checks.every(({ status }) => status !== 'failed') ? 'passed' : 'failed',
    startedAt: isoTime(startedMs),
    endedAt: isoTime(clock.now()),
    checks,
    backup: drilledBackup(outcome.chosen, drilled, startedMs),
    rpoSeconds: loss.rpoMs === undefined ? null : Math.round(loss.rpoMs / 1_000),
    rtoSeconds: Math.round(rtoMs / 100) / 10,
    phases,
    steps,
    live: outcome.lives.length === 0 ? null : mergeLives(outcome.lives),
    servers: drilled.flatMap(({ store, result }) => result.servers.map((server) => ({ program: store === 'nats' ? ('nats-server' as const) : ('redis-server' as const), ...server }))),
    teardown: teardown ?? null,
    reaped: outcome.reaped,
    choice: request.choice,
    directory: request.directory,
    limits: request.limits,
    sandbox: outcome.sandbox ?? null,
    newestRecordAt: loss.newestMs === undefined ? null : isoTime(loss.newestMs),
    consistency: outcome.consistency ?? null,
  };
}

function isRestored(checks: readonly Check[], store: Store): boolean {
  return checks.some(({ name, status }) => name === `${store}.restore.loads` && status === 'passed');
}

interface Attempt {
  /** Also those that could not be tried. */
  readonly chosen: readonly BackupSet[];
  readonly lives: readonly LiveFacts[];
  readonly drilled: readonly Drilled[];
  readonly consistency?: Consistency | null;
  readonly teardown?: Teardown;
  readonly sandbox?: NonNullable<DrillOutcome['sandbox']>;
  readonly reaped: readonly string[];
}

type Attempting = DrillParts & { readonly during: DrillContext['during']; readonly checks: Check[] };

async function attempt(request: DrillRequest, parts: Attempting): Promise<Attempt> {
  const { checks, during, clock, signal } = parts;
  const lives = new Map<Store, LiveFacts>();
  const none = (chosen: readonly BackupSet[] = []): Attempt => ({ chosen, lives: [...lives.values()], drilled: [], reaped: [] });
  for (const { store, readLive } of request.parts) {
    if (readLive === undefined) continue;
    const read = await during('live', `reading facts of the live system (read only)${request.parts.length > 1 ? ` for ${store}` : ''}`, () => readLive(signal));
    // Without them it could not be told whether the sandbox is the live system.
    if (!read.ok) {
      checks.push(failed(`${store}.live.readable`, `The live system cannot be read, so it could not be told from the sandbox. ${read.failure.message}`));
      return none();
    }
    lives.set(store, read.value);
  }
  const inventory = await during('detect', `looking for backups in ${request.directory}`, () => readInventory(request.directory));
  if (!inventory.ok) {
    checks.push(failed(`${prefixOfScope(request.store)}.backup.found`, inventory.failure.message));
    return none();
  }
  const { chosen, toTry, found } = findBackups(request, inventory.value, clock.now());
  checks.push(...found);
  if (toTry.length === 0) return none(chosen);
  const { sandbox, reaped } = await parts.createSandbox();
  const ctx: DrillContext = { clock, signal, sandbox, limits: request.limits, redisCheckRdb: parts.redisCheckRdb, connect: parts.connect, during };
  const drilled: Drilled[] = [];
  let consistency: Consistency | null = null;
  let name = '';
  try {
    for (const { part, set } of toTry) {
      name = part.store;
      const result = await part.drill(set, lives.get(part.store), ctx);
      checks.push(...result.checks);
      drilled.push({ store: part.store, set, result });
    }
    name = prefixOfScope(request.store);
    const across = await request.across?.(drilled, ctx);
    checks.push(...(across?.checks ?? []));
    consistency = across?.consistency ?? null;
  } catch (error) {
    checks.push(failed(`${name}.drill.completes`, `The drill broke off: ${error instanceof Error ? error.message : 'for no reason given'}`));
  }
  const place = { kind: sandbox.kind, id: sandbox.id, addresses: [...sandbox.addresses()] };
  return { chosen, lives: [...lives.values()], drilled, consistency, sandbox: place, teardown: await during('teardown', 'removing the sandbox', () => sandbox.teardown()), reaped: reaped.map(({ folder }) => folder) };
}

/** A store without its backup fails the drill; the others are tried all the same, for their evidence. */
function findBackups(request: DrillRequest, inventory: Inventory, nowMs: number): { readonly chosen: readonly BackupSet[]; readonly toTry: readonly { readonly part: StorePart; readonly set: BackupSet }[]; readonly found: readonly Check[] } {
  const { choice, directory } = request;
  const sets = chooseTogether(inventory, request.parts.map(({ store }) => store), choice, nowMs);
  const found: Check[] = [];
  const toTry: { part: StorePart; set: BackupSet }[] = [];
  for (const part of request.parts) {
    const name = `${part.store}.backup.found`;
    const set = sets.get(part.store);
    if (set === undefined) {
      const which = choice.kind === 'random' ? ' within the window' : choice.kind === 'named' ? ` of ${choice.stamp}` : '';
      found.push((part.optional === true ? skipped : failed)(name, `There is no backup of ${part.store} in ${directory}${which}.`));
    } else if (set.files.length === 0) found.push(failed(name, `${part.store}-${set.stamp} has no file.`));
    else {
      found.push(passed(name, `${part.store}-${set.stamp}, ${how(request, set)}, ${set.files.length} file(s).`));
      toTry.push({ part, set });
    }
  }
  return { chosen: [...sets.values()], toTry, found };
}

function how({ choice, parts }: DrillRequest, set: BackupSet): string {
  const nearest = parts.length > 1 && !(choice.kind === 'named' && choice.stamp === set.stamp);
  if (choice.kind === 'latest') return 'the newest';
  if (choice.kind === 'named') return nearest ? 'the nearest to the one that was asked for' : 'as asked';
  return `chosen by the seed ${choice.seed}${nearest ? ', of the other stores the nearest to it' : ''}`;
}

function mergeLives(lives: readonly LiveFacts[]): LiveFacts {
  const each = [...new Set(lives)];
  const connections = each.flatMap((facts) => facts.connections ?? []);
  return {
    identity: [...new Set(each.flatMap(({ identity }) => identity))],
    addresses: [...new Set(each.flatMap(({ addresses }) => addresses))],
    ...(connections.length === 0 ? {} : { connections: { opened: connections.reduce((sum, { opened }) => sum + opened, 0), closed: connections.reduce((sum, { closed }) => sum + closed, 0) } }),
  };
}
