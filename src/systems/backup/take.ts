/** What the steps that take a backup have in common: one store, one item, found again by the manifest that names the effect. */
import { sha256 } from '#kernel/digest.ts';
import { type ApplyContext, fail, type Item, type ItemEnd, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type AppliedItem, type VerifyAnswer, z } from '#step-kit/index.ts';
import type { BackupClient, StoreName, TakenFacts } from './client.ts';
import { Backup } from './system.ts';
import { ageText, sizeText } from './words.ts';

/** A dump of a hundred gigabytes, and its check, take hours. */
const WITHIN_MS = 3 * 3_600_000;
/** A backup gets its names once all of it is on disk, from the process that takes it: a killed one takes no name any more. */
const LANDS_WITHIN_MS = 60_000;
/** Each fills the directory a little more, and nobody removes it at once. */
const RATE = { perSecond: 1, perHour: 6 } as const;
/** The next backup may be so much larger than the last one. */
const GROWTH = 1.2;
const MOST_MISSING = 20;
const EFFECT_DIGITS = 32;

const INPUT = z.object({});
const OUTPUT = z.object({
  set: z.string(),
  store: z.string(),
  /** False: it lies there, and `missing` says what it lacks. */
  complete: z.boolean(),
  missing: z.array(z.object({ what: z.string() })),
  bytes: z.int(),
  files: z.int(),
  takenAt: z.string(),
  finishedAt: z.string(),
  directory: z.string(),
});
type Output = z.output<typeof OUTPUT>;

/** Everything of such a step but its name and summary. */
export function takeOf(store: StoreName) {
  return {
    tier: 'R1',
    // It reads the target and writes beside it: that a disk was full says nothing about changes of the target.
    aside: true,
    rate: RATE,
    landsWithinMs: LANDS_WITHIN_MS,
    timeoutMs: WITHIN_MS,
    input: INPUT,
    output: OUTPUT,
    examples: [{ title: 'Now', with: {} }],
    plan: (_input: unknown, ctx: PlanContext) => planTake(store, ctx),
    apply: (_item: Item, _input: unknown, ctx: ApplyContext) => applyTake(store, ctx),
    probe: (_item: Item, _input: unknown, ctx: ProbeContext) => probeTake(store, ctx),
    verify: (applied: readonly AppliedItem[], _input: unknown, ctx: StepContext) => verifyTake(applied, ctx),
  } as const;
}

async function planTake(store: StoreName, ctx: PlanContext): Promise<Result<Plan>> {
  const client = ctx.use(Backup);
  const key = `backup/${store}`;
  if (ctx.only !== undefined && ctx.only !== key) return succeed({ summary: 'It is not the backup of this step.', items: [] });
  const listed = await client.list(1, ctx);
  // A directory that is not there is rather a volume that is not mounted; made anew, it would fill another disk.
  if (!listed.ok) return listed;
  const source = await client.source(store, ctx);
  if (!source.ok) return source;
  const { from, bytes, load } = source.value;
  const last = listed.value.sets.find((set) => set.store === store);
  const needed = last === undefined ? (bytes ?? 0) : Math.ceil(last.bytes * GROWTH);
  const room = await client.room();
  if (room !== undefined && room.freeBytes < needed) {
    return fail('unavailable', `There is no room for it: ${client.directory} has ${sizeText(room.freeBytes)} free, and a backup of ${store} needs about ${sizeText(needed)}. The bot removes no backups: enlarge the volume, or remove old ones.`);
  }
  const item: Item = { key, title: `Back up ${store} to ${client.directory}`, current: { from: [...from], directory: client.directory }, next: { action: `a new backup ${store}-<time>, with its manifest` } };
  const notes = [
    bytes === undefined ? '' : `It holds about ${sizeText(bytes)} now.`,
    last === undefined ? `There is no backup of ${store} yet.` : `The last one, ${last.set}, has ${sizeText(last.bytes)} and is ${ageText(last.ageSeconds)} old.`,
    room === undefined ? 'How much room there is cannot be seen.' : `${sizeText(room.freeBytes)} are free there.`,
    ...load,
  ].filter((note) => note !== '');
  return succeed({ summary: `Takes a backup of ${store} from ${from.join(', ')} to ${client.directory}, checks it and writes its manifest. Nothing is changed or removed, and there is nothing to take back: one backup more harms nobody but the disk.`, items: [item], notes });
}

async function applyTake(store: StoreName, ctx: ApplyContext): Promise<Result<Output>> {
  const client = ctx.use(Backup);
  const taken = await client.take(store, effectOf(ctx.idempotencyKey), ctx);
  // A backup that could not be finished has left none of its names.
  if (!taken.ok) return { ok: false, failure: { ...taken.failure, landed: ctx.signal.aborted ? 'maybe' : 'no' } };
  return succeed(resultOf(store, client, taken.value));
}

async function probeTake(store: StoreName, ctx: ProbeContext): Promise<ProbeAnswer> {
  const client = ctx.use(Backup);
  const found = await client.find(store, { effect: effectOf(ctx.idempotencyKey), sinceMs: ctx.intendedAt }, ctx);
  if (!found.ok) return { landed: 'unknown', evidence: found.failure.message, failure: found.failure };
  if (found.value === undefined) return { landed: 'notApplied', evidence: `${client.directory} holds no finished backup of it; what a broken one leaves ends in .part.` };
  return { landed: 'applied', result: resultOf(store, client, found.value), evidence: `The manifest of ${found.value.set} names it.` };
}

async function verifyTake(applied: readonly AppliedItem[], ctx: StepContext): Promise<Result<VerifyAnswer>> {
  const client = ctx.use(Backup);
  const ends: Record<string, ItemEnd> = {};
  const says: string[] = [];
  for (const { item, result } of applied) {
    const taken = OUTPUT.safeParse(result);
    if (!taken.success) {
      ends[item.key] = 'unknown';
      says.push('What came of it cannot be read.');
      continue;
    }
    const end = await endOf(client, taken.data, ctx);
    if (!end.ok) return end;
    ends[item.key] = end.value.end;
    says.push(end.value.say);
  }
  return succeed({ ends, say: says.join(' ') });
}

async function endOf(client: BackupClient, { set, complete, missing, bytes, files }: Output, ctx: StepContext): Promise<Result<{ readonly end: ItemEnd; readonly say: string }>> {
  const verdict = await client.verify(set, ctx);
  if (!verdict.ok) return verdict;
  if (verdict.value === undefined) return succeed({ end: 'failed', say: `${set} is gone from ${client.directory}.` });
  if (!complete) return succeed({ end: 'failed', say: `${set} was kept, but it is not complete: ${missing.map(({ what }) => what).join('; ')}.` });
  const [first] = verdict.value.problems;
  if (first !== undefined) return succeed({ end: 'failed', say: `${set} was read again and ${first.unread === true ? 'cannot be looked at' : 'is damaged'}: ${first.file === '' ? '' : `${first.file}: `}${first.problem}` });
  return succeed({ end: 'done', say: `${set} was read again from ${client.directory}: ${files} file(s), ${sizeText(bytes)}, whole.` });
}

function effectOf(idempotencyKey: string): string {
  return sha256(idempotencyKey).slice(0, EFFECT_DIGITS);
}

function resultOf(store: StoreName, { directory }: BackupClient, { missing, ...taken }: TakenFacts): Output {
  return { ...taken, store, directory, missing: missing.slice(0, MOST_MISSING).map((what) => ({ what })) };
}
