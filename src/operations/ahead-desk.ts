/**
 * Uses what was approved ahead. Everything is asked again at this moment, with the person who approved as the principal; in doubt the
 * run asks its people as any other does. An append at the version that was seen makes that one approval counts for one plan only.
 */
import { isoTime } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import { AHEAD_MAX_MS, aheadStatus, aheadStream, type AheadBook, type AheadState } from '#engine/model/ahead.ts';
import type { AheadAnswer, AheadAsk, AheadDecision, AheadDesk } from '#engine/ports.ts';
import { mayDecide } from '#policy/approval.ts';
import { freezeVerdict } from '#policy/freeze.ts';
import type { Principal } from '#policy/model.ts';
import { heldRoles } from './access.ts';
import { bookOf } from './ahead.ts';
import type { Context } from './context.ts';

const TRIES_MAX = 5;
/** A window that ended longer ago is no news to anybody. */
const RECENT_MS = 24 * 3_600_000;
/** Two machines may differ by so much; a clock that is further behind the journal has gone back, and windows mean nothing. */
const SKEW_MS = 60_000;

export function createAheadDesk(ctx: Context): AheadDesk {
  return {
    async take(ask) {
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const book = await bookOf(ctx, ask.uses, ask.subject);
        const taken = book.all.filter(({ used }) => used?.approval === ask.approval);
        const judged = await judge(ctx, ask, book, taken.length > 0 ? taken : book.all);
        if ('because' in judged || taken.length > 0) return answerOf(judged);
        const events = judged.counting.map(({ id }) => ({ type: 'AheadUsed', actor: 'bot', data: { id, runId: ask.runId, approval: ask.approval } satisfies JsonObject }));
        const appended = await ctx.journal.append({ stream: aheadStream(ask.uses, ask.subject), expectedVersion: book.version, events, at: ctx.clock.now() });
        if (appended.ok) return answerOf(judged);
      }
      return { because: 'somebody else approves, revokes or uses it all the time' };
    },
  };
}

type Judged = { readonly counting: readonly AheadState[] } | { readonly because: string | null };

async function judge(ctx: Context, ask: AheadAsk, book: AheadBook, among: readonly AheadState[]): Promise<Judged> {
  if (among.length === 0 || ask.tier !== 'R1') return { because: null };
  const now = ctx.clock.now();
  if (book.lastAt > now + SKEW_MS) return { because: `the clock of the bot is behind what it has written (${isoTime(book.lastAt)})` };
  const counting = new Map<string, AheadState>();
  const reasons: string[] = [];
  let stopped: string | null | undefined;
  for (const one of among.toReversed()) {
    const unfit = whyUnfit(one, ask, now);
    if (unfit === 'old') continue;
    stopped ??= unfit === undefined ? await whyStopped(ctx, ask) : undefined;
    const because = unfit ?? stopped ?? (await whyNotPerson(ctx, one, ask));
    if (because !== undefined) reasons.push(`${because} (${one.by}, ${one.id})`);
    else if (counting.size < ask.needs.approvers) counting.set(one.by, counting.get(one.by) ?? one);
  }
  if (counting.size >= ask.needs.approvers && ask.needs.approvers >= 1) return { counting: [...counting.values()] };
  if (counting.size > 0) reasons.unshift(`${counting.size} approved it ahead, and ${ask.needs.approvers} must`);
  return { because: reasons.length === 0 ? null : reasons.slice(0, 5).join('; ') };
}

/** Why it cannot be for this plan, by itself. `old`: it is over, and nothing more is said of it. */
function whyUnfit(one: AheadState, ask: AheadAsk, now: number): string | undefined {
  const from = Date.parse(one.from);
  const to = Date.parse(one.to);
  if (!(to > now - RECENT_MS)) return 'old';
  const status = aheadStatus(one, now);
  if (status === 'used' && one.used?.approval !== ask.approval) return `it is used, by run ${one.used?.runId ?? ''}`;
  if (status === 'revoked') return `it was revoked by ${one.revoked?.by ?? ''}`;
  if (now < from || now >= to) return `it is for ${one.from} to ${one.to}, and it is ${isoTime(now)}`;
  if (!(to - one.at <= AHEAD_MAX_MS) || one.at > now + SKEW_MS) return 'its window is too long, or it is from the future';
  if (one.target !== ask.target) return `it is for ${one.target}`;
  return one.digest === ask.digest ? undefined : 'what is configured has changed since';
}

async function whyStopped(ctx: Context, ask: AheadAsk): Promise<string | undefined> {
  const kill = ctx.killSwitch.state();
  if (kill.on) return 'the kill switch is on';
  const now = ctx.clock.now();
  const freeze = freezeVerdict(ctx.policy(), now);
  if (!freeze.allowed) return freeze.because;
  const subject = await ctx.drillAhead(ask.subject);
  return subject === undefined ? `there is no drill ${ask.subject} any more` : subject.closedAt(now);
}

/** Whoever approved must still be somebody who may. What an API key carried then is worth nothing now. */
async function whyNotPerson(ctx: Context, one: AheadState, { needs, tier, target }: AheadAsk): Promise<string | undefined> {
  const byKey = one.via === 'api' || one.via === 'cli';
  const credential = ctx.credentials.of(one.by);
  if (byKey && credential === undefined) return `${one.by} has no API key any more`;
  const principal: Principal = { id: one.by, kind: 'human', roles: byKey ? (credential ?? []) : [], via: one.via, ...one.principal };
  const verdict = mayDecide({ principal, ...(await heldRoles(ctx, principal)), tier, needs, decision: 'approve', target, decisions: [] });
  return verdict.allowed ? undefined : verdict.because;
}

function answerOf(judged: Judged): AheadAnswer {
  if ('because' in judged) return judged;
  return { decisions: judged.counting.map(({ id, by, via, reason, at, from, to }): AheadDecision => ({ principal: by, via, reason, ahead: { id, at: isoTime(at), from, to } })) };
}
