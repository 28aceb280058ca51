/**
 * Keeps the cards in step with the journal. Changes only mark a card as due; what it shows is read when its turn comes, so the latest state
 * wins and a slow or dead Slack holds nothing up. A new incident's card goes out at once.
 */
import type { Clock } from '#kernel/clock.ts';
import { isTransient } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { Change, Operations } from '#operations/operations.ts';
import type { SlackFailure } from './api.ts';
import type { CardWriter, Step } from './card-writer.ts';
import { Pacing } from './pacing.ts';
import { subjectIdOf } from './subjects.ts';

export interface NotifierOptions {
  readonly operations: Operations;
  readonly writer: CardWriter;
  readonly clock: Clock;
  readonly log: Log;
}

interface Due {
  /** A person waits for it: it goes before the others and does not wait for its gap. */
  urgent: boolean;
  /** Update the card although it looks right: somebody has just seen something else. */
  force: boolean;
  notBeforeMs: number;
}

const MOST_IN_FLIGHT = 8;
/** Cards that wait for their turn. When there are more, all are looked up again once these are done. */
const MOST_DUE = 10_000;
/** Between two messages about the same incident, unless somebody waits. */
const GAP_MS = 1_000;
/** A card that alone is in trouble is tried again this much later, and the others go on. */
const TROUBLED_GAP_MS = 30_000;
const PAGE = 200;
const MOST_PAGES = 50;
const STOP_WITHIN_MS = 5_000;

const URGENT: ReadonlySet<string> = new Set([
  'ApprovalRequested', 'DecisionRecorded', 'ApprovalApproved', 'ApprovalDenied', 'ApprovalExpired', 'ApprovalWithdrawn', 'ApprovalRedeemed', 'EffectUnknown', 'EffectSettled', 'OfferOpened',
]);

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #pacing = new Pacing();
  readonly #due = new Map<string, Due>();
  /** Cards that have been looked at since the start: any other may be a new incident, which is not kept waiting. */
  readonly #met = new Set<string>();
  readonly #busy = new Map<string, Promise<void>>();
  #unsubscribe: (() => void) | undefined;
  #cancelWake: (() => void) | undefined;
  #running = false;
  #resync = false;
  #complained: string | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Subscribes, and brings every card up to date that may have fallen behind while the bot was away. */
  start(): void {
    this.#running = true;
    this.#unsubscribe = this.#options.operations.onChange((change) => this.#onChange(change));
    this.#resync = true;
    this.#pump();
  }

  /** Lets messages that are on their way finish, for a short while. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#unsubscribe?.();
    this.#cancelWake?.();
    const { clock } = this.#options;
    let cancel = (): void => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = clock.schedule(clock.now() + STOP_WITHIN_MS, resolve);
    });
    await Promise.race([Promise.allSettled(this.#busy.values()), tooLong]);
    cancel();
  }

  /** Shows this card anew, soon, whatever it shows now. */
  refresh(subjectId: string): void {
    this.#mark(subjectId, { urgent: true, force: true });
    this.#pump();
  }

  #onChange(change: Change): void {
    if (change.kind === 'notice') return void this.#noticesChanged();
    const subjectId = subjectIdOf(change);
    if (subjectId === undefined) return;
    this.#mark(subjectId, { urgent: change.types.some((type) => URGENT.has(type)), force: false });
    this.#pump();
  }

  /** Which of them changed is not said; there are few, and those that look right are left alone. */
  async #noticesChanged(): Promise<void> {
    try {
      for (const { id } of await this.#options.operations.notices()) this.#mark(id, { urgent: false, force: false });
    } catch {
      this.#resync = true;
    }
    this.#pump();
  }

  #mark(subjectId: string, how: { readonly urgent: boolean; readonly force: boolean; readonly notBeforeMs?: number }): void {
    const due = this.#due.get(subjectId);
    if (due !== undefined) {
      due.urgent ||= how.urgent;
      due.force ||= how.force;
      return;
    }
    if (this.#due.size >= MOST_DUE) {
      this.#resync = true;
      return;
    }
    this.#due.set(subjectId, { urgent: how.urgent, force: how.force, notBeforeMs: how.notBeforeMs ?? 0 });
  }

  /** Starts as many steps as may be started now, and sets the clock for the next. */
  #pump(): void {
    if (!this.#running) return;
    const now = this.#options.clock.now();
    while (this.#busy.size < MOST_IN_FLIGHT) {
      const next = this.#pick(now);
      if (next === undefined) break;
      const due = this.#due.get(next);
      this.#due.delete(next);
      const giveBack = this.#pacing.spend(now, !this.#met.has(next));
      this.#met.add(next);
      this.#busy.set(next, this.#run(next, due?.force ?? false, giveBack));
    }
    if (this.#resync && this.#due.size === 0 && this.#busy.size === 0) this.#startResync();
    this.#wakeLater(now);
  }

  /** New incidents, then cards that somebody waits for, then the rest, each in order of arrival. */
  #pick(now: number): string | undefined {
    let best: string | undefined;
    let bestRank = 3;
    for (const [id, due] of this.#due) {
      const rank = this.#met.has(id) ? (due.urgent ? 1 : 2) : 0;
      if (rank >= bestRank || this.#busy.has(id) || this.#readyAt(id, due, now) > now) continue;
      best = id;
      bestRank = rank;
      if (rank === 0) break;
    }
    return best;
  }

  #readyAt(id: string, due: Due, now: number): number {
    const gap = due.urgent ? 0 : due.notBeforeMs;
    return Math.max(gap, this.#pacing.mayAt(now, !this.#met.has(id)));
  }

  async #run(id: string, force: boolean, giveBack: () => void): Promise<void> {
    const { writer, clock, log } = this.#options;
    let step: Step;
    try {
      step = await writer.step(id, force);
    } catch (error) {
      step = { kind: 'failed', failure: { reason: 'unavailable', message: error instanceof Error ? error.message : 'the card could not be written' } };
    }
    this.#busy.delete(id);
    if (step.kind === 'done') giveBack();
    if (step.kind === 'failed') this.#onFailure(id, force, step.failure);
    else {
      if (this.#complained !== undefined) log.info({ subject: id }, 'Slack answers again');
      this.#complained = undefined;
      this.#pacing.succeeded();
      this.#onStep(id, step, clock.now());
    }
    this.#pump();
  }

  #onStep(id: string, step: Exclude<Step, { kind: 'failed' }>, now: number): void {
    if (step.kind === 'moved') this.#mark(id, { urgent: false, force: false, notBeforeMs: now + GAP_MS });
    else if (step.kind === 'later') this.#mark(id, { urgent: false, force: false, notBeforeMs: step.atMs });
    else if (!step.live && !this.#due.has(id)) {
      this.#met.delete(id);
      this.#options.writer.forget(id);
    }
  }

  #onFailure(id: string, force: boolean, failure: SlackFailure): void {
    const { log } = this.#options;
    const now = this.#options.clock.now();
    if (failure.reason === 'rateLimited') this.#pacing.slower(now, failure.retryAfterMs ?? GAP_MS);
    else if (isSlacks(failure)) this.#pacing.failed(now);
    this.#mark(id, { urgent: false, force, notBeforeMs: isSlacks(failure) ? now : now + TROUBLED_GAP_MS });
    // A dead Slack is said once, not at every attempt.
    if (this.#complained !== failure.message) log.warn({ subject: id, because: failure.message }, 'a Slack card is behind, it is tried again');
    this.#complained = failure.message;
  }

  #wakeLater(now: number): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (this.#due.size === 0 || this.#busy.size >= MOST_IN_FLIGHT) return;
    let atMs = Number.POSITIVE_INFINITY;
    for (const [id, due] of this.#due) if (!this.#busy.has(id)) atMs = Math.min(atMs, this.#readyAt(id, due, now));
    if (Number.isFinite(atMs)) this.#cancelWake = this.#options.clock.schedule(Math.max(atMs, now + 1), () => this.#pump());
  }

  #startResync(): void {
    this.#resync = false;
    this.#busy.set('resync', this.#markAll());
  }

  /** Every open incident, the newest closed ones (they may have closed while we were away), and runs that stand alone. */
  async #markAll(): Promise<void> {
    const { operations, log } = this.#options;
    try {
      await this.#markOpen();
      const [closed, runs, notices] = await Promise.all([operations.incidents({ status: 'closed', limit: PAGE }), operations.runs({ limit: PAGE }), operations.notices()]);
      for (const { id } of [...closed.items, ...notices]) this.#markMet(id);
      for (const run of runs.items) if (run.incidentId === null) this.#markMet(run.id);
    } catch (error) {
      log.warn({ because: error instanceof Error ? error.message : 'unknown' }, 'the open incidents could not be read, their cards may be behind');
      this.#resync = true;
      this.#pacing.failed(this.#options.clock.now());
      this.#cancelWake?.();
    }
    this.#busy.delete('resync');
    if (this.#resync) this.#cancelWake = this.#options.clock.schedule(this.#pacing.mayAt(this.#options.clock.now(), false), () => this.#pump());
    else this.#pump();
  }

  async #markOpen(): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const open = await this.#options.operations.incidents({ status: 'open', limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id } of open.items) this.#markMet(id);
      if (open.nextCursor === null) return;
      cursor = open.nextCursor;
    }
  }

  /** Known from before: it waits its turn behind what is new. */
  #markMet(id: string): void {
    this.#met.add(id);
    this.#mark(id, { urgent: false, force: false });
  }
}

/** Trouble of Slack as a whole: every other card would meet it as well. */
function isSlacks(failure: SlackFailure): boolean {
  return isTransient(failure) || failure.reason === 'unauthorised' || failure.reason === 'forbidden';
}
