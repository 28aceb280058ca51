/**
 * The runs of this process: starts them, takes them up again after a restart, wakes them when they are due, and lets idle ones
 * go from memory. The journal's index says what is due, so 10,000 runs that wait for an approval cost rows, not objects.
 */
import { digestOf, sha256 } from '#kernel/digest.ts';
import type { Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Runbook } from '#language/runbook.ts';
import type { AlertFacts, EventOf, RunTrigger } from '../model/events.ts';
import { foldRun } from '../model/evolve.ts';
import type { RunState } from '../model/state.ts';
import type { IndexEntry } from '../ports.ts';
import { indexOf } from './index-of.ts';
import type { Change, RunActor } from './actor.ts';
import { previewOf, type Preview } from './preview.ts';
import { createRunActor } from './run-actor.ts';
import type { World } from './world.ts';

/** Idle runs that stay in memory; the journal has the rest. About 100 KB each when they hold a DLQ listing. */
const IDLE_KEPT_MAX = 64;
/** Runs that work at the same time. Others wait in the index, oldest first. */
const BUSY_MAX = 32;
/** How often the index is asked for runs that are due, ms: a timer of a run that is not in memory fires at most this late. */
const SWEEP_EVERY_MS = 1_000;
/** Applies under way whose items are claimed again at start, read at a time. */
const CLAIMS_BATCH = 100;
/** Effects under way get this long to come back at shutdown, ms; then their calls are cut off and probed at the next start. */
const DRAIN_MS = 10_000;

export interface StartRequest {
  readonly runbook: Runbook;
  readonly target: string;
  readonly trigger: RunTrigger;
  readonly incidentId: string | null;
  readonly inputs: JsonObject;
  readonly dryRun: boolean;
  readonly alert: AlertFacts;
  /** The same key starts one run, whoever asks and however often. */
  readonly idempotencyKey?: string;
}

export type Started = { readonly ok: true; readonly runId: string; readonly created: boolean } | { readonly ok: false; readonly conflict: string; /** The run that the key stands for. */ readonly runId: string };

export interface Engine {
  /** Takes up what an earlier process left. */
  start(): Promise<void>;
  /** Resolves when nothing is under way; within about `DRAIN_MS`. */
  stop(): Promise<void>;
  startRun(request: StartRequest): Promise<Started>;
  read(runId: string): Promise<{ readonly run: RunState; readonly runbook: Runbook | undefined } | undefined>;
  /** What a step would plan on this target; nothing comes of it. */
  preview(of: { readonly uses: string; readonly input: JsonObject; readonly target: string }): Promise<Result<Preview>>;
  /** Appends what `make` says for the newest state of an existing run. */
  change<Refusal>(runId: string, actor: string, make: (run: RunState) => Change<Refusal>): Promise<{ readonly ok: true; readonly run: RunState } | { readonly ok: false; readonly refused: Refusal }>;
}

export function createEngine(world: World): Engine {
  const { journal, clock } = world;
  /** In order of last use. */
  const actors = new Map<string, RunActor>();
  const starting = new Map<string, Promise<Started>>();
  let started = false;
  let stopping = false;
  let cancelSweep = (): void => undefined;

  const actorOf = (id: string): RunActor => {
    const known = actors.get(id);
    const actor = known ?? createRunActor(world, id, { onIdle: () => trim(), mayAct: () => started });
    actors.delete(id);
    actors.set(id, actor);
    return actor;
  };

  const trim = (): void => {
    if (actors.size <= IDLE_KEPT_MAX) return;
    let idle = [...actors.values()].filter((actor) => !actor.busy());
    idle = idle.slice(0, Math.max(0, idle.length - IDLE_KEPT_MAX));
    for (const actor of idle) {
      actors.delete(actor.id);
      void actor.stop();
    }
  };

  const busyCount = (): number => [...actors.values()].filter((actor) => actor.busy()).length;

  const sweep = async (): Promise<void> => {
    const room = BUSY_MAX - busyCount();
    if (room <= 0) return;
    // Runs at work are due all the time, so they fill the first rows; those behind them are the ones to wake.
    const due = await journal.query({ kind: 'run', open: true, dueBefore: clock.now(), limit: BUSY_MAX + actors.size + room });
    const waiting = due.filter((entry) => actors.get(entry.id)?.busy() !== true).slice(0, room);
    for (const entry of waiting) if (!stopping) actorOf(entry.id).poke();
  };

  const sweepOn = (): void => {
    if (stopping) return;
    cancelSweep = clock.schedule(clock.now() + SWEEP_EVERY_MS, () => {
      sweep()
        .catch((error: unknown) => world.log.error({ error }, 'cannot ask the journal what is due'))
        .finally(sweepOn);
    });
  };

  const begin = async (request: StartRequest): Promise<Started> => {
    const command = commandOf(request);
    if (command !== undefined) {
      const earlier = await journal.find('command', command.id);
      if (earlier !== undefined) return earlierRun(earlier, command.digest);
    }
    await world.revisions.keep(request.runbook);
    const runId = world.ids.next('run');
    const stream = `run:${runId}`;
    const data: EventOf<'RunStarted'> = {
      runId,
      runbook: request.runbook.name,
      revision: request.runbook.revision,
      target: request.target,
      trigger: request.trigger,
      incidentId: request.incidentId,
      inputs: request.inputs,
      dryRun: request.dryRun,
      alert: request.alert,
      ...(command === undefined ? {} : { command: { key: command.id, digest: command.digest } }),
    };
    const at = clock.now();
    const event = { type: 'RunStarted', actor: request.trigger.requester, data: data as unknown as JsonObject };
    const run = foldRun([{ ...event, stream, version: 1, position: 0, at }]);
    if (run === undefined) throw new Error('a started run folds to nothing');
    const index: IndexEntry[] = [...indexOf(run, request.runbook, startFacts(world))];
    if (command !== undefined) index.push({ kind: 'command', id: command.id, stream, open: false, summary: { runId, digest: command.digest } });
    const appended = await journal.append({ stream, expectedVersion: 0, events: [event], index, at });
    if (!appended.ok) throw new Error(`run id ${runId} is taken`);
    if (busyCount() < BUSY_MAX) actorOf(runId).poke();
    return { ok: true, runId, created: true };
  };

  /** An apply that an earlier process began holds its items from the first moment, also while it pauses or waits for a person. */
  const holdClaims = async (): Promise<void> => {
    let before: string | undefined;
    for (;;) {
      const rows = await journal.query({ kind: 'approval', open: true, key: 'redeemed', limit: CLAIMS_BATCH, ...(before === undefined ? {} : { before }) });
      for (const { id, summary } of rows) {
        await actorOf(String(summary['runId'])).read();
        before = id;
      }
      if (rows.length < CLAIMS_BATCH) return;
    }
  };

  world.killSwitch.onSwitch(() => {
    for (const actor of actors.values()) actor.poke();
  });

  return {
    async start() {
      await world.killSwitch.load();
      const { breaker, loop } = world.policy().limits;
      await world.ledger.load(Math.max(breaker.withinMs, loop.withinMs));
      await holdClaims();
      // Who asks for something before this is stored, and acted on from here.
      started = true;
      await sweep();
      sweepOn();
    },
    async stop() {
      stopping = true;
      cancelSweep();
      const all = [...actors.values()];
      const cancelDeadline = clock.schedule(clock.now() + DRAIN_MS, () => {
        for (const actor of all) actor.abort();
      });
      await Promise.all(all.map((actor) => actor.stop()));
      cancelDeadline();
    },
    startRun(request) {
      const key = request.idempotencyKey;
      if (key === undefined) return begin(request);
      // Two requests with one key at the same time: the second waits for the first and then finds its run.
      const turn = (starting.get(key) ?? Promise.resolve()).then(() => begin(request));
      const settled = turn.catch(() => undefined);
      starting.set(key, settled as Promise<Started>);
      void settled.then(() => {
        if (starting.get(key) === settled) starting.delete(key);
      });
      return turn;
    },
    async read(runId) {
      const read = await actorOf(runId).read();
      if (read === undefined) actors.delete(runId);
      return read;
    },
    preview: (of) => previewOf(world, of),
    change: (runId, actor, make) => actorOf(runId).change(actor, make),
  };
}

function commandOf(request: StartRequest): { readonly id: string; readonly digest: string } | undefined {
  if (request.idempotencyKey === undefined) return undefined;
  const { runbook, target, inputs, dryRun, incidentId } = request;
  return { id: sha256(request.idempotencyKey), digest: digestOf({ runbook: runbook.name, target, inputs, dryRun, incidentId }) };
}

function earlierRun(entry: IndexEntry, digest: string): Started {
  const runId = String(entry.summary['runId']);
  if (entry.summary['digest'] !== digest) return { ok: false, conflict: 'this Idempotency-Key was used for something else', runId };
  return { ok: true, runId, created: false };
}

function startFacts(world: World): Parameters<typeof indexOf>[2] {
  const { limits } = world.policy();
  return { now: world.clock.now(), killSwitch: false, freeze: undefined, freezeBeginsAt: undefined, limits, inFlight: new Set() };
}
