/** What was started, so that it can be stopped: last in, first out, each with a name, once, and within a time. */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';

/** The whole shutdown, ms. Kubernetes gives 30 s by default; half of it is left for what comes before us. */
export const STOP_WITHIN_MS = 15_000;

export interface Lifecycle {
  /** To be called at stop, before everything that was added earlier. */
  onStop(name: string, stop: () => Promise<void> | void): void;
  /** Idempotent. Resolves when all is stopped or the time is over; a part that fails does not keep the others. */
  stop(): Promise<void>;
}

export function createLifecycle(clock: Clock, log: Log): Lifecycle {
  const parts: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  let stopped: Promise<void> | undefined;

  const stopAll = async (): Promise<void> => {
    for (;;) {
      const part = parts.pop();
      if (part === undefined) return;
      try {
        await part.stop();
      } catch (error) {
        log.error({ error, part: part.name }, 'could not be stopped cleanly');
      }
    }
  };

  return {
    onStop(name, stop) {
      parts.push({ name, stop });
    },
    stop() {
      stopped ??= new Promise((resolve) => {
        const cancel = clock.schedule(clock.now() + STOP_WITHIN_MS, () => {
          log.error({ left: parts.map(({ name }) => name) }, 'stopping took too long');
          resolve();
        });
        void stopAll().finally(() => {
          cancel();
          resolve();
        });
      });
      return stopped;
    },
  };
}
