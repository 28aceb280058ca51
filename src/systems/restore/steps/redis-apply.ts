import { type AppliedItem, type ApplyContext, defineWrite, fail, type Item, type ItemEnd, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { type End, outcome, type RestoreOutput, restoreOutput, SAFETY } from '../outcome.ts';
import { itemsOf, namesOf, notesOf, primaryOf, summaryOf, undoRedis } from '../redis-effects.ts';
import type { RedisRestore } from '../client.ts';
import { Restore } from '../system.ts';
import { setName, stampOf } from '../words.ts';
import { applyService, endOfService, goOn, isServiceItem, LANDS_WITHIN_MS, probeService, recheckService, serviceItems, untilQuiet } from '../writers.ts';

const TOLD = 5;

export const redisApply = defineWrite({
  name: 'restore.redis.apply',
  summary: 'Makes Redis hold what a backup holds and nothing else, after services are stopped and what is there has been backed up; then starts them again.',
  tier: 'R3',
  // A stop or start of a service; what is still on its way to Redis lands sooner.
  landsWithinMs: LANDS_WITHIN_MS,
  timeoutMs: 3_600_000,
  input: z.object({
    /** The time in the name of the backup. */
    set: setName,
  }),
  output: restoreOutput,
  examples: [{ title: 'The backup of 06:00', with: { set: '20261121T060000Z' } }],
  async plan(input, ctx) {
    const stamp = stampOf(input.set);
    if (ctx.only !== undefined) return isServiceItem(ctx.only) ? recheckService(ctx.only, ctx) : recheck(ctx.only, stamp, ctx);
    const client = ctx.use(Restore);
    const redis = client.redis();
    if (!redis.ok) return redis;
    const services = await serviceItems(ctx);
    if (!services.ok) return services;
    const quiet = await whoIsConnected(redis.value, services.value.stops.length, ctx);
    if (!quiet.ok) return quiet;
    const outline = await redis.value.outline(stamp, ctx);
    if (!outline.ok) return outline;
    const survey = await redis.value.survey(stamp, ctx);
    if (!survey.ok) return survey;
    const { stops, starts, notes } = services.value;
    return succeed({
      summary: summaryOf(stamp, survey.value, { takenAtMs: outline.value.takenAtMs, nowMs: ctx.now() }),
      items: [...stops, ...itemsOf(outline.value, stamp, client.directory), ...starts],
      notes: [...notes, ...quiet.value, ...notesOf(survey.value)],
    });
  },
  async apply(item, input, ctx) {
    const stamp = stampOf(input.set);
    const redis = ctx.use(Restore).redis();
    if (!redis.ok) return redis;
    if (isServiceItem(item.key)) return applyService(item, ctx, () => whyNotWhole(redis.value, stamp, ctx));
    const quiet = await untilQuiet(() => nobodyWrites(redis.value, ctx), ctx);
    if (!quiet.ok) return { ok: false, failure: { ...quiet.failure, landed: 'no' } };
    if (item.key === SAFETY) return save(redis.value, ctx);
    const put = await redis.value.put(stamp, primaryOf(item), ctx);
    if (!put.ok) return put;
    if (put.value === 'changed') return fail('conflict', `${primaryOf(item).name} is another server by now, or owns other slots: nothing was sent. Plan the restore again.`, 'no');
    return succeed(outcome(item.key, 'restored', { wasThere: put.value.removed > 0 }));
  },
  probe: (item, input, ctx) => (isServiceItem(item.key) ? probeService(item, ctx) : probeOne(item, stampOf(input.set), ctx)),
  async verify(applied, input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const says: string[] = [];
    const restored = await endOfRestore(applied, stampOf(input.set), ctx);
    if (!restored.ok) return restored;
    for (const [i, one] of applied.entries()) {
      const end = isServiceItem(one.item.key) ? await endOfService(one, applied.slice(i + 1), ctx) : one.item.key === SAFETY ? await endOfSafety(one, ctx) : restored;
      if (!end.ok) return end;
      ends[one.item.key] = end.value.end;
      if (end.value.say !== '' && !says.includes(end.value.say)) says.push(end.value.say);
    }
    return succeed({ ends, say: [...says, ...goOn(applied, 'redis')].join(' ') });
  },
  undo: (applied) => undoRedis(applied),
});

/** Just before its effect: the same server with the same slots, and the same backup. */
async function recheck(only: string, stamp: string, ctx: PlanContext): Promise<Result<Plan>> {
  const client = ctx.use(Restore);
  const redis = client.redis();
  if (!redis.ok) return redis;
  const outline = await redis.value.outline(stamp, ctx);
  if (!outline.ok) return outline;
  return succeed({ summary: `Restore Redis from redis-${stamp}.`, items: itemsOf(outline.value, stamp, client.directory).filter(({ key }) => key === only) });
}

/** What the restore is yet to stop may be connected: which clients those are cannot be seen, so all are told. */
async function whoIsConnected(redis: RedisRestore, stops: number, ctx: StepContext): Promise<Result<readonly string[]>> {
  if (stops === 0) return untilQuiet(() => nobodyWrites(redis, ctx), ctx);
  const connected = await redis.connected(ctx);
  if (!connected.ok) return connected;
  const { others, servers } = connected.value;
  if (others.length === 0) return succeed([`Nobody but the bot is connected to Redis (${servers} server(s) asked).`]);
  return succeed([`${others.length} are connected to Redis: ${namesOf(others)}. Who is none of the services that are stopped here has to be stopped by you beforehand, workers and tools as well: else nothing is restored, and the services stay stopped until you say more.`]);
}

async function nobodyWrites(redis: RedisRestore, ctx: StepContext): Promise<Result<readonly string[]>> {
  const { services } = ctx.use(Restore);
  const listed = await services?.list(ctx);
  if (listed?.ok === false) return listed;
  const running = (listed?.value.services ?? []).filter(({ wanted, pods }) => wanted > 0 || pods > 0).map(({ name, wanted, pods }) => `${name} (${wanted} wanted, ${pods} there)`);
  if (running.length > 0) return fail('refused', `Writers run: ${running.join(', ')}. Plan the restore again: it stops them first.`, 'no');
  const connected = await redis.connected(ctx);
  if (!connected.ok) return connected;
  const { others, servers } = connected.value;
  if (others.length > 0) return fail('refused', `${others.length} are connected to Redis, who could write: ${namesOf(others)}. Stop them first.`, 'no');
  return succeed([
    ...(services === undefined ? ['Kubernetes is not configured: whether services are started meanwhile cannot be seen.'] : []),
    `Nobody but the bot is connected to Redis (${servers} server(s) asked).`,
  ]);
}

async function save(redis: RedisRestore, ctx: ApplyContext): Promise<Result<RestoreOutput>> {
  const saved = await redis.save(ctx.idempotencyKey, ctx);
  return saved.ok ? succeed(outcome(SAFETY, 'saved', { set: saved.value, wasThere: true })) : { ok: false, failure: { ...saved.failure, landed: 'no' } };
}

/** Before the first service starts on it. */
async function whyNotWhole(redis: RedisRestore, stamp: string, ctx: StepContext): Promise<Result<string>> {
  const looked = await redis.look(stamp, 'whole', ctx);
  if (!looked.ok) return looked;
  const { problems } = looked.value;
  return succeed(problems.length === 0 ? '' : `Redis does not hold what redis-${stamp} holds: ${problems.slice(0, TOLD).join('; ')}. Plan the restore again, or one of the backup that was made first.`);
}

async function probeOne(item: Item, stamp: string, ctx: ProbeContext): Promise<ProbeAnswer> {
  const redis = ctx.use(Restore).redis();
  if (!redis.ok) return { landed: 'unknown', evidence: redis.failure.message, failure: redis.failure };
  if (item.key === SAFETY) {
    const saved = await redis.value.savedBy(ctx.idempotencyKey);
    if (!saved.ok) return { landed: 'unknown', evidence: saved.failure.message, failure: saved.failure };
    if (saved.value === undefined) return { landed: 'notApplied', evidence: 'No whole backup names this effect.' };
    return { landed: 'applied', result: outcome(SAFETY, 'saved', { set: saved.value, wasThere: true }), evidence: `redis-${saved.value} names this effect.` };
  }
  const differs = await redis.value.difference(stamp, primaryOf(item), ctx);
  if (!differs.ok) return { landed: 'unknown', evidence: `${primaryOf(item).name} cannot be compared with the backup. ${differs.failure.message}`, failure: differs.failure };
  if (differs.value === 'changed') return { landed: 'unknown', evidence: `${primaryOf(item).name} is another server by now, or owns other slots: start the restore again.` };
  if (differs.value === '') return { landed: 'applied', result: outcome(item.key, 'restored', { wasThere: true }), evidence: `${primaryOf(item).name} holds just what the backup holds.` };
  // Half of it may be done. To do it again does no harm: it begins by looking that all that is there stands in a backup.
  return { landed: 'notApplied', evidence: `${primaryOf(item).name} does not hold what the backup holds: ${differs.value}. It can be done again.` };
}

async function endOfSafety({ result }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const { set } = restoreOutput.parse(result);
  const sets = await ctx.use(Restore).sets('redis');
  if (!sets.ok) return sets;
  const because = sets.value.find(({ stamp }) => stamp === set)?.because ?? `redis-${set} is not there.`;
  return succeed(because === '' ? { end: 'done', say: `What was there is in redis-${set}.` } : { end: 'failed', say: because });
}

/** The manifest speaks of all primaries together: until each is restored, what was compared while it was copied has to do. */
async function endOfRestore(applied: readonly AppliedItem[], stamp: string, ctx: StepContext): Promise<Result<End>> {
  const items = applied.filter(({ item }) => item.key.startsWith('restore/'));
  if (items.length === 0) return succeed({ end: 'done', say: '' });
  const redis = ctx.use(Restore).redis();
  if (!redis.ok) return redis;
  const outline = await redis.value.outline(stamp, ctx);
  if (!outline.ok) return outline;
  const all = outline.value.primaries.every(({ name }) => items.some(({ item }) => item.key === `restore/${name}`));
  const so = applied.some(({ item }) => item.key.startsWith('start/')) ? 'moved' : all ? 'whole' : 'part';
  const looked = await redis.value.look(stamp, so, ctx);
  if (!looked.ok) return looked;
  const { problems, behind, keys, samples, replicas } = looked.value;
  if (problems.length > 0) return succeed({ end: 'failed', say: `Redis does not hold what redis-${stamp} holds: ${problems.slice(0, TOLD).join('; ')}.` });
  if (behind.length > 0) return succeed({ end: 'pending', say: `Replicas are behind: ${behind.slice(0, TOLD).join(', ')}.` });
  const proof = { part: 'Each key was compared after it was copied.', whole: `${keys} keys, as many of each prefix as in the backup; ${samples} values and times to live compared with the manifest.`, moved: `Each key was compared before services started; they have written since.` }[so];
  return succeed({ end: 'done', say: `${proof} ${replicas === 0 ? 'There are no replicas.' : `${replicas} replicas are in step.`}` });
}
