import { sha256 } from '#kernel/digest.ts';
import { formatDuration } from '#kernel/duration.ts';
import { defineWrite, fail, succeed, z, type Item, type ItemEnd, type JsonObject } from '#step-kit/index.ts';
import { Drills, type DrillDesk, type DrillResult, type NamedDrill } from '../desk.ts';
import { DRILL_SCOPES, sayScope, type DrillScope } from '../scope.ts';

/** A restore of a hundred gigabytes takes hours. */
const WITHIN_MS = 12 * 3_600_000;
const FAILED_SHOWN = 20;
const DETAIL_MAX = 500;
/** As many hexadecimal digits of the key of an effect as stand in the id of its drill. */
const TOKEN_DIGITS = 16;

const output = z.object({
  id: z.string(),
  store: z.string(),
  status: z.enum(['passed', 'failed']),
  /** The name of the backup; empty where none was found. */
  backup: z.string(),
  backupAgeSeconds: z.int(),
  /** False: no restored record says when it was written, and `rpoSeconds` is 0. */
  rpoMeasured: z.boolean(),
  rpoSeconds: z.number(),
  rtoSeconds: z.number(),
  /** The path of the evidence. */
  bundle: z.string(),
  checks: z.int(),
  warnings: z.int(),
  skipped: z.int(),
  failed: z.array(z.object({ name: z.string(), detail: z.string() })),
});

export const storeRun = defineWrite({
  name: 'drill.store.run',
  summary: 'Runs a configured restore drill: restores a backup into a sandbox, checks it, and keeps signed evidence. The live system is only read.',
  tier: 'R1',
  aside: true,
  ahead: ({ drill }) => drill,
  // A drill that was cut off tears its sandbox down and writes what it saw; that takes seconds, and a killed one writes nothing.
  landsWithinMs: 60_000,
  timeoutMs: WITHIN_MS,
  input: z.object({
    /** The name under `drills` of the configuration. */
    drill: z.string().min(1, 'name the drill').max(63),
  }),
  output,
  examples: [{ title: 'The quarterly drill of Redis', with: { drill: 'redis-quarterly' } }],
  async plan({ drill: name }, ctx) {
    const desk = ctx.use(Drills);
    const drill = drillOf(desk, name);
    if (drill === undefined) return fail('notFound', missing(desk, name, ctx.target));
    const items = drill.stores.map((store) => itemOf(drill, store)).filter(({ key }) => ctx.only === undefined || key === ctx.only);
    const live = drill.target === null ? 'No live system is read.' : `The live system of ${drill.target} is read before the sandbox starts, and not after.`;
    const notes = ctx.only === undefined ? await Promise.all(drill.stores.map((store) => desk.backupsSay(drill, store))) : [];
    return succeed({
      summary: `Restores ${said(drill)} of ${drill.stores.map(sayScope).join(', ')} from ${drill.backups} into a ${drill.sandbox} sandbox on the machine of the bot, checks it, and removes the sandbox. ${live} It costs memory, disk and time there, as a restore does.`,
      items,
      notes,
    });
  },
  async apply(item, { drill: name }, ctx) {
    const desk = ctx.use(Drills);
    const drill = drillOf(desk, name);
    const store = storeOf(item);
    if (drill === undefined || store === undefined) return fail('notFound', missing(desk, name, ctx.target), 'no');
    const token = tokenOf(ctx.idempotencyKey);
    const approvals = ctx.approvals.map(({ by, at, reason, window }) => ({ by, at, reason: reason ?? `approval of run ${ctx.runId}`, ahead: window !== null, window }));
    const ran = await desk.run({ drill, store, token, requestedBy: ctx.runId, approvals }, ctx.signal);
    return ran.ok ? succeed(resultOf(ran.value)) : { ok: false, failure: { ...ran.failure, landed: 'maybe' } };
  },
  async probe(item, { drill: name }, ctx) {
    const desk = ctx.use(Drills);
    const drill = drillOf(desk, name);
    const store = storeOf(item);
    if (drill === undefined || store === undefined) return { landed: 'unknown', evidence: missing(desk, name, ctx.target) };
    const found = await desk.find(drill, store, tokenOf(ctx.idempotencyKey));
    return found === undefined
      ? { landed: 'notApplied', evidence: `${drill.bundles} holds no evidence of it, and evidence is the last thing that a drill writes.` }
      : { landed: 'applied', result: resultOf(found), evidence: `${found.bundle} is its evidence.` };
  },
  async verify(applied) {
    const results = applied.map(({ item, result }) => ({ key: item.key, store: storeOf(item) ?? '', result: output.safeParse(result).data }));
    const ends = Object.fromEntries(results.map(({ key, result }): [string, ItemEnd] => [key, result === undefined ? 'unknown' : result.status === 'passed' ? 'done' : 'failed']));
    return succeed({ ends, say: results.map(({ store, result }) => say(store, result)).join(' ') });
  },
});

function drillOf(desk: DrillDesk, name: string): NamedDrill | undefined {
  return desk.drills().find((drill) => drill.name === name);
}

function missing(desk: DrillDesk, name: string, target: string): string {
  return `No drill "${name}" is configured that may run on ${target}; there are: ${desk.drills().map((drill) => drill.name).join(', ') || 'none'}.`;
}

function storeOf({ next }: Item): DrillScope | undefined {
  const store = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as JsonObject)['restore'] : undefined;
  return DRILL_SCOPES.find((one) => one === store);
}

function tokenOf(idempotencyKey: string): string {
  return sha256(idempotencyKey).slice(0, TOKEN_DIGITS);
}

function said({ choice }: NamedDrill): string {
  return choice.kind === 'latest' ? 'the newest backup' : `a backup by chance of the last ${formatDuration(choice.windowMs)}`;
}

/** What decides that the drill is the one that was approved: all of its configuration. Which backup it finds is part of the drill. */
function itemOf(drill: NamedDrill, store: DrillScope): Item {
  const { limits, choice } = drill;
  return {
    key: `drill/${drill.name}/${store}`,
    title: `Restore drill ${drill.name}: ${sayScope(store)}`,
    current: {
      backups: drill.backups,
      choice: choice.kind === 'latest' ? 'latest' : `random within ${formatDuration(choice.windowMs)}`,
      comparesWith: drill.target ?? 'nothing live',
      sandbox: drill.sandbox,
      maxAge: formatDuration(limits.maxAgeMs),
      rpo: `${formatDuration(limits.rpoMs)}${limits.rpoSet === true ? '' : ', by default'}`,
      rto: formatDuration(limits.rtoMs),
      tolerance: limits.tolerance,
      evidence: drill.bundles,
    },
    next: { restore: store, into: `${drill.sandbox} sandbox`, afterwards: 'checked and removed' },
  };
}

function resultOf({ id, store, status, backup, rpoSeconds, rtoSeconds, bundle, checks, warnings, skipped, failed }: DrillResult): z.input<typeof output> & JsonObject {
  return {
    id,
    store,
    status,
    backup: backup?.set ?? '',
    backupAgeSeconds: Math.round(backup?.ageSeconds ?? 0),
    rpoMeasured: rpoSeconds !== null,
    rpoSeconds: rpoSeconds ?? 0,
    rtoSeconds,
    bundle,
    checks,
    warnings,
    skipped,
    failed: failed.slice(0, FAILED_SHOWN).map(({ name, detail }) => ({ name, detail: detail.slice(0, DETAIL_MAX) })),
  };
}

function say(store: string, result: z.output<typeof output> | undefined): string {
  if (result === undefined) return `What came of the drill of ${sayScope(store)} cannot be read.`;
  const { status, backup, failed, rtoSeconds, bundle } = result;
  const what = backup === '' ? 'no backup was found' : backup;
  const [first] = failed;
  const why = status === 'passed' || first === undefined ? '' : ` ${failed.length} check(s) failed, first ${first.name}: ${first.detail}`;
  return `The drill of ${sayScope(store)} (${what}) has ${status} in ${rtoSeconds} s.${why} Evidence: ${bundle}.`;
}
