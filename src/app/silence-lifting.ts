/**
 * Silences are scoped for a run: when it has ended, in whatever way, those that its effects made are lifted. What is left to do is
 * read from the journal, so it is done also when the bot was killed between the end of the run and the lifting.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { RunEvent } from '#engine/model/events.ts';
import { type EffectState, approvalOf, type RunState } from '#engine/model/state.ts';
import type { Journal, Recorded, Systems } from '#engine/ports.ts';
import type { Engine } from '#engine/runtime/engine.ts';
import type { KillSwitch } from '#engine/runtime/kill-switch.ts';
import { type Held, type Lifted, liftSilence } from '#systems/alertmanager/lifting.ts';
import { LONGEST_MS } from '#systems/alertmanager/silences.ts';
import { silenceCreate } from '#systems/alertmanager/steps/silence-create.ts';
import { Alertmanager } from '#systems/alertmanager/system.ts';

/** Until Alertmanager can be asked, or writing is allowed again. */
const AGAIN_MS = 15_000;
/** A silence is past its own end for certain this long after its intent: a call may take a while to go out, and clocks differ. */
const OVER_MS = LONGEST_MS + 10 * 60_000;
const READ_BATCH = 1_000;

export interface SilenceLiftingParts {
  readonly engine: Pick<Engine, 'read' | 'change'>;
  readonly journal: Pick<Journal, 'onAppended' | 'positionBefore' | 'readAll'>;
  readonly systems: Systems;
  readonly killSwitch: Pick<KillSwitch, 'state' | 'onSwitch'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SilenceLifting {
  /** Looks once at what an earlier process left, then follows the journal. The engine must have started. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createSilenceLifting(parts: SilenceLiftingParts): SilenceLifting {
  const { journal, killSwitch, clock, log } = parts;
  /** Runs with a silence that is not accounted for; true: the run has ended. */
  const runs = new Map<string, boolean>();
  const stopped = new AbortController();
  let cancelTimer = (): void => undefined;
  let round: Promise<void> | undefined;
  let asked = false;

  const take = (event: Recorded): void => {
    const runId = event.stream.startsWith('run:') ? event.stream.slice(4) : undefined;
    if (runId === undefined) return;
    if (event.type === 'EffectIntended' && event.data['uses'] === silenceCreate.name) runs.set(runId, runs.get(runId) ?? false);
    else if (event.type === 'RunEnded' && runs.has(runId)) runs.set(runId, true);
  };

  const work = async (): Promise<void> => {
    while (asked && !stopped.signal.aborted) {
      asked = false;
      let left = false;
      for (const [runId, ended] of runs) {
        if (!ended || stopped.signal.aborted) continue;
        try {
          if (await liftAll(parts, runId, stopped.signal)) runs.delete(runId);
          else left = true;
        } catch (error) {
          log.error({ run: runId, error }, 'the silences of a run cannot be lifted; trying again');
          left = true;
        }
      }
      cancelTimer();
      if (left && !stopped.signal.aborted) cancelTimer = clock.schedule(clock.now() + AGAIN_MS, poke);
    }
  };

  const poke = (): void => {
    if (stopped.signal.aborted) return;
    asked = true;
    round ??= work().finally(() => {
      round = undefined;
      // Asked for between the last look of the work and its end.
      if (asked) poke();
    });
  };

  return {
    async start() {
      let position = await journal.positionBefore(clock.now() - OVER_MS);
      // First the listener, so that nothing falls between; to be told of an event twice does no harm.
      const forget = journal.onAppended((events) => {
        for (const event of events) take(event);
        if (events.some(({ type }) => type === 'RunEnded') && runs.values().some((ended) => ended)) poke();
      });
      stopped.signal.addEventListener('abort', forget);
      killSwitch.onSwitch(({ on }) => {
        if (!on) poke();
      });
      for (;;) {
        const batch = await journal.readAll(position, READ_BATCH);
        for (const event of batch) take(event);
        const last = batch.at(-1);
        if (last === undefined) break;
        position = last.position;
      }
      poke();
    },
    async stop() {
      stopped.abort();
      cancelTimer();
      await round;
    },
  };
}

/** True: of this run nothing is left to lift. */
async function liftAll({ engine, systems, killSwitch, clock, log }: SilenceLiftingParts, runId: string, signal: AbortSignal): Promise<boolean> {
  const run = (await engine.read(runId))?.run;
  if (run?.ended === undefined) return run === undefined;
  let left = false;
  for (const effect of run.effects.values()) {
    if (effect.released !== undefined || approvalOf(run, effect.approval).plan.uses !== silenceCreate.name) continue;
    const lifted = await liftOne({ systems, killSwitch, clock }, run, effect, signal);
    if (typeof lifted === 'string') {
      log.warn({ run: runId, effect: effect.key, because: lifted }, 'a silence is not lifted yet; trying again');
      left = true;
      continue;
    }
    const event: RunEvent = { type: 'EffectReleased', data: { key: effect.key, ...lifted } };
    await engine.change<never>(runId, 'bot', (now) => ({ events: now.effects.get(effect.key)?.released === undefined ? [event] : [] }));
  }
  return !left;
}

/** What became of it, or why that is still open. */
async function liftOne({ systems, killSwitch, clock }: Pick<SilenceLiftingParts, 'systems' | 'killSwitch' | 'clock'>, run: RunState, effect: EffectState, signal: AbortSignal): Promise<Lifted | string> {
  const client = systems.client(run.target, Alertmanager);
  const over = clock.now() > effect.intendedAt + OVER_MS;
  const lost = (because: string): Lifted | string => (over ? { outcome: 'lost', say: `Whether the silence of ${effect.item} was lifted was never seen; it has ended by itself. ${because}` } : because);
  if (client === undefined) return lost(`The target ${run.target} has no Alertmanager any more.`);
  // A silence is ended by a write, and the kill switch stops every write; it ends by itself all the same.
  if (killSwitch.state().on && !over) return 'the kill switch is on';
  const lifted = await liftSilence(client, heldBy(effect), signal);
  return lifted.ok ? lifted.value : lost(lifted.failure.message);
}

function heldBy({ key, result }: EffectState): Held {
  const text = (name: string): string => {
    const value = result?.[name];
    return typeof value === 'string' ? value : '';
  };
  return { key, silenceId: text('silenceId'), endsAt: text('endsAt') };
}
