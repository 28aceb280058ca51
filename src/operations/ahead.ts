/** Approving ahead: given, listed and revoked here. What is given is used by `ahead-desk.ts`. */
import { z } from 'zod';
import { isoTime } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { JsonObject } from '#kernel/json.ts';
import { AHEAD_MAX_MS, aheadDigest, aheadStatus, aheadStream, foldAhead, type AheadBook, type AheadEvent, type AheadState, type ApprovedAhead } from '#engine/model/ahead.ts';
import { mayCancel } from '#policy/access.ts';
import { mayDecide, needsFor } from '#policy/approval.ts';
import { frozenAt } from '#policy/freeze.ts';
import type { Principal } from '#policy/model.ts';
import { heldRoles, permitted, refusal, refuse, type Refused } from './access.ts';
import type { AheadSubject, Context } from './context.ts';
import type { Answer, ApproveAhead, DrillApprovalView } from './operations.ts';
import { reasonText } from './reason.ts';

/** Where the window is not named: the next slot of the schedule, and so long before and after it. */
export const AROUND_SLOT_MS = 3_600_000;
/** Approvals of one thing that wait for their window at the same time. */
const STANDING_MAX = 20;
/** Somebody else has written; read and try again, this often. */
const TRIES_MAX = 5;

/** With or without seconds: people write minutes. */
const Time = z.union([z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })]);

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

export async function approveDrill(ctx: Context, principal: Principal, name: string, request: ApproveAhead): Promise<Answer<DrillApprovalView>> {
  const subject = await ctx.drillAhead(name);
  if (subject === undefined) {
    const names = (await ctx.drills()).map((drill) => drill.name);
    return refuse('not-found', `there is no drill ${name}; ${names.length === 0 ? 'none is configured' : `there are: ${names.join(', ')}`}`);
  }
  const no = await whyNot(ctx, principal);
  if (no !== undefined) {
    ctx.audit.refused(principal.id, 'approval.ahead', name, no.problem);
    return no;
  }
  const window = windowOf(request, subject, ctx.clock.now());
  if ('ok' in window) return window;
  const stopped = whyStopped(ctx, window, subject);
  if (stopped !== undefined) return stopped;
  const digest = await digestNow(ctx, subject);
  if (!digest.ok) return digest;
  const approved: Omit<ApprovedAhead, 'id'> = {
    uses: subject.uses,
    subject: name,
    target: subject.target,
    digest: digest.value,
    from: isoTime(window.fromMs),
    to: isoTime(window.toMs),
    reason: reasonText(request.reason) || null,
    via: viaOf(principal),
    principal: { ...(principal.slackUser === undefined ? {} : { slackUser: principal.slackUser }), ...(principal.email === undefined ? {} : { email: principal.email }) },
    key: request.idempotencyKey ?? null,
  };
  return change(ctx, subject.uses, name, principal.id, (book) => give(ctx, principal.id, book, approved));
}

/** Once more by the same request, or for the same window and the same configuration, adds nothing: a button is pressed twice. */
function give(ctx: Context, by: string, book: AheadBook, approved: Omit<ApprovedAhead, 'id'>): Given {
  const own = book.all.filter((one) => one.by === by);
  const keyed = own.find((one) => approved.key !== null && one.key === approved.key);
  // A window that begins now begins later when the request is sent again.
  if (keyed !== undefined && !isSame({ ...keyed, from: approved.from }, approved)) return { refused: refuse('conflict', 'this request was carried out before, with another window or another configuration') };
  if (keyed?.revoked !== undefined) return { refused: refuse('conflict', `this request was carried out before, and what it approved was revoked by ${keyed.revoked.by}`) };
  const same = keyed ?? own.find((one) => one.revoked === undefined && isSame(one, approved));
  if (same?.used !== undefined && keyed === undefined) return { refused: refuse('conflict', `what you approved for this window is used, by run ${same.used.runId}; to approve another run, name a window of its own: from and to`) };
  if (same !== undefined) return { done: same.id };
  const now = ctx.clock.now();
  const standing = book.all.filter((one) => ['waiting', 'open'].includes(aheadStatus(one, now)));
  if (standing.length >= STANDING_MAX) return { refused: refuse('conflict', `${STANDING_MAX} approvals of it wait already; revoke one first`) };
  const id = ctx.ids.next('ahd');
  return { event: { type: 'ApprovedAhead', data: { ...approved, id } }, done: id };
}

function isSame(one: AheadState, approved: Omit<ApprovedAhead, 'id'>): boolean {
  return one.from === approved.from && one.to === approved.to && one.digest === approved.digest;
}

export async function revokeDrillApproval(ctx: Context, principal: Principal, name: string, id: string, reason?: string): Promise<Answer<DrillApprovalView>> {
  const subject = await ctx.drillAhead(name);
  const book = subject === undefined ? undefined : await bookOf(ctx, subject.uses, name);
  const one = book?.all.find((known) => known.id === id);
  if (subject === undefined || one === undefined) return refuse('not-found', `there is no approval ${id} of drill ${name}`);
  // Stopping is always safe: whoever gave it may take it back, and so may all who could stop the run.
  if (one.by !== principal.id) {
    const no = await permitted(ctx, principal, 'approval.ahead.revoke', id, (held) => mayCancel(principal, held, ctx.policy()));
    if (no !== undefined) return no;
  }
  return change(ctx, subject.uses, name, principal.id, (now): Given => {
    const known = now.all.find((entry) => entry.id === id);
    if (known?.used !== undefined) return { refused: refuse('conflict', `it is used by run ${known.used.runId}; cancel that run instead`) };
    if (known?.revoked !== undefined) return { done: id };
    return { event: { type: 'AheadRevoked', data: { id, reason: reasonText(reason) || null } }, done: id };
  });
}

/** Newest first; undefined: there is no such drill. */
export async function drillApprovals(ctx: Context, name: string): Promise<readonly DrillApprovalView[] | undefined> {
  const subject = await ctx.drillAhead(name);
  if (subject === undefined) return undefined;
  const book = await bookOf(ctx, subject.uses, name);
  return book.all.map((one) => viewOf(one, ctx.clock.now())).toReversed();
}

async function whyNot(ctx: Context, principal: Principal): Promise<Refused | undefined> {
  // Only R1 is ever approved ahead. Nobody has asked for the run yet: that its requester may be excluded is looked at when it is used.
  const needs = needsFor('R1', ctx.policy(), '', ctx.credentials.roles);
  if (!needs.ok) return refusal(needs.denied);
  const verdict = mayDecide({ principal, ...(await heldRoles(ctx, principal)), tier: 'R1', needs: needs.needs, decision: 'approve', target: '', decisions: [] });
  return verdict.allowed ? undefined : refusal(verdict);
}

function windowOf({ from, to }: ApproveAhead, { nextAt }: AheadSubject, now: number): Window | Refused {
  if (from === undefined && to === undefined) {
    if (nextAt === null) return refuse('invalid', 'no schedule starts this drill, so name the window: from and to', 'from');
    const next = Date.parse(nextAt);
    return checked({ fromMs: next - AROUND_SLOT_MS, toMs: next + AROUND_SLOT_MS }, now, `the next slot is ${nextAt}; it`);
  }
  for (const [field, text] of [['from', from], ['to', to]] as const) {
    if (text !== undefined && !Time.safeParse(text).success) return refuse('invalid', 'expected a time with its zone, such as 2026-12-01T09:00Z or 2026-12-01T10:00+01:00', field);
  }
  if (to === undefined) return refuse('invalid', 'name the end of the window too', 'to');
  return checked({ fromMs: from === undefined ? now : Date.parse(from), toMs: Date.parse(to) }, now, 'a window');
}

function checked(window: Window, now: number, what: string): Window | Refused {
  const { fromMs, toMs } = window;
  if (toMs <= fromMs) return refuse('invalid', 'the window ends before it begins', 'to');
  if (toMs <= now) return refuse('invalid', 'the window is over', 'to');
  const latest = now + AHEAD_MAX_MS;
  return toMs > latest ? refuse('invalid', `${what} can be approved ${formatDuration(AHEAD_MAX_MS)} ahead at most, to ${isoTime(latest)} now`, 'to') : window;
}

function whyStopped(ctx: Context, { fromMs, toMs }: Window, subject: AheadSubject): Refused | undefined {
  const kill = ctx.killSwitch.state();
  if (kill.on) return refuse('kill-switch', `the kill switch is on${kill.by === null ? '' : ` (${kill.by}: ${kill.reason ?? ''})`}; nothing can be approved`);
  const freeze = frozenAt(ctx.policy(), fromMs);
  if (freeze !== undefined && freeze.untilMs >= toMs) return refuse('frozen', `frozen until ${isoTime(freeze.untilMs)}: ${freeze.reason}`);
  const closed = subject.closedAt(fromMs);
  return closed !== undefined && subject.closedAt(toMs - 1) === closed ? refuse('invalid', closed, 'from') : undefined;
}

async function digestNow(ctx: Context, { uses, input, target }: AheadSubject): Promise<Answer<string>> {
  const preview = await ctx.engine.preview({ uses, input, target });
  if (!preview.ok) return refuse('conflict', `there is no plan that could be approved: ${preview.failure.message}`);
  return { ok: true, value: aheadDigest({ uses, target, input: preview.value.input, items: preview.value.items }) };
}

type Given = { readonly refused: Refused } | { readonly event?: AheadEvent; readonly done: string };

/** Decided on what the stream holds, and appended only if it holds nothing else by then. */
async function change(ctx: Context, uses: string, name: string, by: string, make: (book: AheadBook) => Given): Promise<Answer<DrillApprovalView>> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const book = await bookOf(ctx, uses, name);
    const made = make(book);
    if ('refused' in made) {
      ctx.audit.refused(by, 'approval.ahead', name, made.refused.problem);
      return made.refused;
    }
    if (made.event !== undefined) {
      const { type, data } = made.event;
      const appended = await ctx.journal.append({ stream: aheadStream(uses, name), expectedVersion: book.version, events: [{ type, actor: by, data: data as unknown as JsonObject }], at: ctx.clock.now() });
      if (!appended.ok) continue;
    }
    const one = (await bookOf(ctx, uses, name)).all.find(({ id }) => id === made.done);
    if (one !== undefined) return { ok: true, value: viewOf(one, ctx.clock.now()) };
  }
  return refuse('conflict', 'somebody else approves or revokes it all the time; look again');
}

export async function bookOf(ctx: Pick<Context, 'journal'>, uses: string, name: string): Promise<AheadBook> {
  return foldAhead(await ctx.journal.read(aheadStream(uses, name)));
}

function viaOf({ via }: Principal): ApprovedAhead['via'] {
  return via === 'slack' || via === 'console' || via === 'cli' ? via : 'api';
}

export function viewOf(one: AheadState, now: number): DrillApprovalView {
  const { id, subject, target, by, via, reason, at, from, to, digest, used, revoked } = one;
  return {
    id, drill: subject, target, status: aheadStatus(one, now), by, via, reason, at: isoTime(at), from, to, digest,
    runId: used?.runId ?? null,
    revokedBy: revoked?.by ?? null,
    revokedReason: revoked?.reason ?? null,
  };
}
