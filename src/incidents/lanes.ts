/**
 * One family of incidents, one lane: its tasks are decided one after another, each on what the journal has stored of the
 * ones before, so a repeat is acknowledged only when the thing that it repeats is durable. What arrives while a lane is
 * storing is decided together and stored in one go. Lanes of different families do not wait for each other.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Change, KnownEnd, Remembered } from './decide.ts';
import type { Ends } from './known-ends.ts';
import type { Family, Ledger, Write } from './ledger.ts';
import { endsIn, evolve, nextWork, type Folded, type IncidentState } from './state.ts';

/** Tasks that are decided and stored together. */
const BATCH_MAX = 256;
/** Tasks that may wait, over all lanes. Beyond it the sender is told to come again. */
const WAITING_MAX = 10_000;
/** How often a task is decided again because another process wrote to the same incident. */
const ATTEMPTS_MAX = 5;

export interface Situation {
  readonly open: readonly IncidentState[];
  /** The incident that the task named, open or closed. */
  readonly named: IncidentState | undefined;
  readonly now: number;
  lastEnd(fingerprint: string): KnownEnd | undefined;
}

export interface Decision<T> {
  readonly actor: string;
  readonly changes: readonly Change[];
  readonly remembered: readonly Remembered[];
  readonly value: T;
}

export interface Task<T> {
  readonly target: string;
  /** Fingerprints whose newest ends the decision asks for. */
  readonly fingerprints: readonly string[];
  /** An incident that must be at hand even when it is closed. */
  readonly incident?: string;
  /** Done while the lane stands still, before the decision. It must be repeatable. */
  before?(open: readonly IncidentState[]): Promise<void>;
  decide(situation: Situation): Decision<T>;
}

export interface Lanes {
  /** Resolves when what the task decided, and what it relied on, is durable. */
  submit<T>(family: string, task: Task<T>): Promise<T>;
}

interface Waiting {
  readonly task: Task<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** `onDue` is called when something new is durable and in memory, and has work to follow up at that time. */
export function createLanes(ledger: Ledger, clock: Clock, onDue: (atMs: number) => void): Lanes {
  const lanes = new Map<string, Waiting[]>();
  let waiting = 0;

  async function run(family: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const batch = takeBatch(queue);
      try {
        const values = await carryOut({ ledger, clock, onDue }, family, batch.map(({ task }) => task));
        batch.forEach(({ resolve }, i) => resolve(values[i]));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      waiting -= batch.length;
    }
    lanes.delete(family);
  }

  return {
    submit<T>(family: string, task: Task<T>): Promise<T> {
      if (waiting >= WAITING_MAX) return Promise.reject(new Error(`more than ${WAITING_MAX} changes of incidents wait to be stored`));
      waiting += 1;
      return new Promise<T>((resolve, reject) => {
        const entry: Waiting = { task, resolve: resolve as (value: unknown) => void, reject };
        const queue = lanes.get(family);
        if (queue !== undefined) return void queue.push(entry);
        const fresh = [entry];
        lanes.set(family, fresh);
        void run(family, fresh);
      });
    },
  };
}

function takeBatch(queue: Waiting[]): Waiting[] {
  if (queue[0]?.task.before !== undefined) return queue.splice(0, 1);
  const alone = queue.findIndex(({ task }) => task.before !== undefined);
  return queue.splice(0, Math.min(BATCH_MAX, alone === -1 ? queue.length : alone));
}

async function carryOut({ ledger, clock, onDue }: { ledger: Ledger; clock: Clock; onDue: (atMs: number) => void }, key: string, tasks: readonly Task<unknown>[]): Promise<readonly unknown[]> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const family = ledger.cached(key) ?? (await ledger.load(key));
    const ends = await endsFor(ledger, tasks);
    const named = await namedBy(ledger, family, tasks);
    const sole = tasks[0];
    if (sole?.before !== undefined) await sole.before(family.open.map(({ state }) => state));
    const draft = createDraft(family, named, ends, Math.trunc(clock.now()));
    const values = tasks.map((task) => draft.take(task));
    if (draft.writes().length === 0 && draft.remembered.length === 0) return values;
    if ((await ledger.store(family, draft.writes(), draft.remembered, ends)) === 'conflict') continue;
    for (const { after } of draft.writes()) {
      const work = nextWork(after);
      if (work !== undefined) onDue(work.dueAt);
    }
    return values;
  }
  throw new Error(`an incident was changed by others ${ATTEMPTS_MAX} times in a row`);
}

/** All tasks of a lane have the same target. Without a wait when everything is in memory: then the append follows at once. */
function endsFor(ledger: Ledger, tasks: readonly Task<unknown>[]): Ends | Promise<Ends> {
  const target = tasks[0]?.target ?? '';
  const fingerprints = tasks.flatMap((task) => task.fingerprints);
  return ledger.ends.cached(target, fingerprints) ?? ledger.ends.load(target, fingerprints);
}

async function namedBy(ledger: Ledger, family: Family, tasks: readonly Task<unknown>[]): Promise<readonly Folded[]> {
  const out: Folded[] = [];
  for (const { incident } of tasks) {
    if (incident === undefined || family.open.some(({ state }) => state.id === incident)) continue;
    const folded = await ledger.incident(incident);
    if (folded !== undefined) out.push(folded);
  }
  return out;
}

/** The family as it will be once everything that was decided so far is stored: what the next task of the batch decides on. */
function createDraft(family: Family, named: readonly Folded[], ends: Ends, now: number) {
  const bases = new Map([...named, ...family.open].map((folded) => [folded.state.id, folded]));
  const states = new Map<string, IncidentState>([...bases].map(([id, { state }]) => [id, state]));
  const events = new Map<string, Write['events'][number][]>();
  const newer = new Map<string, KnownEnd>();
  const remembered = new Map<string, Remembered>();

  function noteEnd(fingerprint: string, staleBefore: number, incident: string | null): void {
    const before = newer.get(fingerprint) ?? ends.get(fingerprint);
    newer.set(fingerprint, { staleBefore: Math.max(before?.staleBefore ?? Number.NEGATIVE_INFINITY, staleBefore), incident: incident ?? before?.incident ?? null });
  }

  function apply(actor: string, change: Change): void {
    const list = events.get(change.incident) ?? [];
    for (const event of change.events) {
      const next = evolve(states.get(change.incident), { ...event, at: now });
      if (next !== undefined) states.set(change.incident, next);
      for (const end of endsIn(event)) noteEnd(end.fingerprint, end.staleBefore, change.incident);
      list.push({ actor, event });
    }
    if (list.length > 0) events.set(change.incident, list);
  }

  return {
    take(task: Task<unknown>): unknown {
      const open = [...states.values()].filter((state) => state.closed === null);
      const decision = task.decide({
        open,
        named: task.incident === undefined ? undefined : states.get(task.incident),
        now,
        lastEnd: (fingerprint) => newer.get(fingerprint) ?? ends.get(fingerprint),
      });
      for (const change of decision.changes) apply(decision.actor, change);
      for (const one of decision.remembered) {
        noteEnd(one.fingerprint, one.staleBefore, null);
        remembered.set(one.fingerprint, one);
      }
      return decision.value;
    },
    writes(): readonly Write[] {
      return [...events].map(([id, list]) => ({ at: now, before: bases.get(id), after: states.get(id) as IncidentState, events: list }));
    },
    get remembered(): readonly Remembered[] {
      return [...remembered.values()];
    },
  };
}
