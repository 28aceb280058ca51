/**
 * One run at work. Everything that is written to its stream goes through one queue: fold, decide, append at the version that
 * was seen. An append that loses (another process has written) is decided again on what is there now; a worker whose view is
 * stale therefore never acts. Moves run beside the queue and come back to it with their outcome.
 */
import { waitUntil } from '#kernel/clock.ts';
import { shortDigest } from '#kernel/digest.ts';
import type { Runbook } from '#language/runbook.ts';
import { frozenAt, nextFreezeBoundary } from '#policy/freeze.ts';
import { decide } from '../model/decide.ts';
import type { Facts, Move } from '../model/move.ts';
import { foldRun } from '../model/evolve.ts';
import type { RunEvent } from '../model/events.ts';
import { hasUnknownEffect, isUnderWay, type RunState } from '../model/state.ts';
import type { NewEvent, Recorded } from '../ports.ts';
import type { Change, RunActor } from './actor.ts';
import { indexOf } from './index-of.ts';
import { perform } from './perform.ts';
import type { World } from './world.ts';

/** Somebody else keeps winning the append: after this many tries it is somebody else's run. */
const CONFLICTS_MAX = 20;
/** Wait between tries while the journal cannot store, ms. Others of this run have their turn meanwhile. */
const STORE_RETRY_MS = 1_000;
/** A move that throws is a bug; it is tried again after this long, ms, in case it was the machine's. */
const BROKEN_AGAIN_MS = 10_000;
/** What a cancel cuts short. What was changed by then is still followed to its end. */
const ENDED_BY_CANCEL: ReadonlySet<Move['do']> = new Set(['step', 'plan', 'ahead', 'redeem']);
/** A decision that never settles is a bug; this many rounds of events in one go are not reached by any runbook. */
const ROUNDS_MAX = 10_000;

interface Surroundings {
  onIdle(): void;
  /** `false` until the engine has read what limits and claims count from: nothing is done before. */
  mayAct(): boolean;
}

export function createRunActor(world: World, id: string, { onIdle, mayAct }: Surroundings): RunActor {
  const { journal, clock } = world;
  const stream = `run:${id}`;
  const inFlight = new Map<string, { readonly move: Move; readonly controller: AbortController; readonly done: Promise<void> }>();
  let state: RunState | undefined;
  let runbook: Runbook | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let queued = 0;
  let stopping = false;
  const stopped = new AbortController();
  let cancelTimer = (): void => undefined;

  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    queued += 1;
    const result = queue.then(work, work);
    queue = result.then(
      () => leave(),
      () => leave(),
    );
    return result;
  };
  const leave = (): void => {
    queued -= 1;
    if (!actor.busy()) onIdle();
  };

  const load = async (): Promise<RunState | undefined> => {
    if (state === undefined) {
      state = foldRun(await journal.read(stream));
      if (state !== undefined) runbook = await world.revisions.load(state.revision);
      if (state !== undefined) holdClaims(world, state);
    }
    return state;
  };

  const facts = (): Facts => {
    const now = clock.now();
    const policy = world.policy();
    return {
      now,
      killSwitch: world.killSwitch.state().on,
      freeze: frozenAt(policy, now),
      freezeBeginsAt: nextFreezeBoundary(policy, now),
      limits: policy.limits,
      inFlight: new Set(inFlight.keys()),
    };
  };

  /** One append at the version that we have seen. `false`: lost; the state has been dropped and is read again. */
  const append = async (actorId: string, run: RunState, events: readonly RunEvent[]): Promise<boolean> => {
    const expectedVersion = run.version;
    const at = clock.now();
    const fresh: NewEvent[] = events.map((event) => ({ type: event.type, actor: actorId, data: event.data as unknown as NewEvent['data'] }));
    // The index entry summarises the state that these events lead to, so the fold comes first. Should the append fail, the
    // folded state is dropped unseen and the journal is read again.
    for (const [i, event] of fresh.entries()) state = foldRun([provisional(stream, expectedVersion + i + 1, at, event)], run);
    const index = indexOf(run, runbook, { ...facts(), inFlight: new Set() });
    try {
      const appended = await journal.append({ stream, expectedVersion, events: fresh, index, at });
      if (!appended.ok) state = undefined;
      return appended.ok;
    } catch (error) {
      state = undefined;
      throw error;
    }
  };

  const changeNow = async <Refusal>(actorId: string, make: (run: RunState) => Change<Refusal>): Promise<{ ok: true; run: RunState } | { ok: false; refused: Refusal }> => {
    for (let tries = 0; tries < CONFLICTS_MAX; tries += 1) {
      const run = await load();
      if (run === undefined) throw new Error(`there is no run ${id}`);
      const change = make(run);
      if ('refused' in change) return { ok: false, refused: change.refused };
      if (change.events.length === 0 || (await append(actorId, run, change.events))) return { ok: true, run };
    }
    throw new Error(`run ${id} is being written by somebody else all the time`);
  };

  /** Until it is stored, or the process stops. Between tries others of this run have their turn: a person gets an answer. */
  const record = async (make: (run: RunState) => readonly RunEvent[]): Promise<void> => {
    for (;;) {
      try {
        await enqueue(() => changeNow('bot', (run) => ({ events: make(run) })));
        return;
      } catch (error) {
        world.log.error({ run: id, error }, 'the journal cannot store; trying again');
        if (stopping) return;
        await waitUntil(clock, clock.now() + STORE_RETRY_MS, stopped.signal);
      }
    }
  };

  const pump = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const run = await load();
      if (run === undefined || run.ended !== undefined || stopping) return;
      if (runbook === undefined) return abandon(run);
      const next = decide(run, runbook, facts());
      if (next.events.length === 0) {
        for (const move of next.moves) launch(move, runbook);
        wakeAt(next.dueAt);
        return;
      }
      await changeNow('bot', (now) => ({ events: runbook === undefined ? [] : decide(now, runbook, facts()).events }));
      abortUnwanted();
    }
    throw new Error(`run ${id} does not come to rest`);
  };

  /** Its runbook can no longer be read: nothing more is done, and what cannot be accounted for goes to a person. */
  const abandon = async (run: RunState): Promise<void> => {
    const because = `revision ${shortDigest(run.revision)} of runbook ${run.runbook} can no longer be loaded`;
    const open = [...run.effects.values()].filter((effect) => effect.status === 'intended');
    if (open.length === 0 && hasUnknownEffect(run)) return;
    const events: RunEvent[] = open.map((effect) => ({ type: 'EffectUnknown', data: { key: effect.key, evidence: because } }));
    for (const { id: approval, status } of run.approvals.values()) if (status === 'pending' || status === 'approved') events.push({ type: 'ApprovalWithdrawn', data: { approval, because } });
    if (open.length === 0) events.push({ type: 'RunEnded', data: { status: 'failed', because } });
    await changeNow('bot', (now) => ({ events: now.version === run.version ? events : [] }));
    if (open.length === 0) for (const approval of run.approvals.keys()) world.claims.release(approval);
  };

  const launch = (move: Move, book: Runbook): void => {
    if (stopping || inFlight.has(move.id)) return;
    const controller = new AbortController();
    const done = perform(world, actor, book, move, controller.signal)
      .catch((error: unknown) => {
        world.log.error({ run: id, move: move.id, error }, 'a move broke; trying again later');
        // At once it would break again, as fast as the machine can.
        return waitUntil(clock, clock.now() + BROKEN_AGAIN_MS, stopped.signal);
      })
      .then(() => {
        inFlight.delete(move.id);
        actor.poke();
      });
    inFlight.set(move.id, { move, controller, done });
  };

  const abortUnwanted = (): void => {
    if (state?.cancel === undefined) return;
    for (const { move, controller } of inFlight.values()) if (ENDED_BY_CANCEL.has(move.do)) controller.abort();
  };

  const wakeAt = (dueAt: number | undefined): void => {
    cancelTimer();
    cancelTimer = dueAt === undefined ? () => undefined : clock.schedule(dueAt, () => actor.poke());
  };

  const actor: RunActor = {
    id,
    read: () => enqueue(async () => {
      const run = await load();
      return run === undefined ? undefined : { run, runbook };
    }),
    change: async (actorId, make) => {
      const result = await enqueue(() => changeNow(actorId, make));
      abortUnwanted();
      actor.poke();
      return result;
    },
    record,
    poke: () => {
      if (stopping || !mayAct()) return;
      enqueue(pump).catch((error: unknown) => {
        world.log.error({ run: id, error }, 'a run is stuck; trying again');
        wakeAt(clock.now() + STORE_RETRY_MS);
      });
    },
    busy: () => queued > 0 || inFlight.size > 0,
    async stop() {
      stopping = true;
      stopped.abort();
      cancelTimer();
      for (const { move, controller } of inFlight.values()) if (!isWrite(move)) controller.abort();
      await Promise.all([...inFlight.values()].map((flight) => flight.done));
      await queue;
    },
    abort: () => {
      for (const { controller } of inFlight.values()) controller.abort();
    },
  };
  return actor;
}

function isWrite(move: Move): boolean {
  return move.do === 'effect';
}

function provisional(stream: string, version: number, at: number, event: NewEvent): Recorded {
  return { stream, version, position: 0, at, actor: event.actor, type: event.type, data: event.data };
}

function holdClaims(world: World, run: RunState): void {
  if (run.ended !== undefined) return;
  for (const approval of run.approvals.values()) {
    if (!isUnderWay(approval)) continue;
    world.claims.take(run.target, approval.plan.items.map((item) => item.key), { run: run.id, approval: approval.id });
  }
}
