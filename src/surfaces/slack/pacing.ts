/** How often the bot may speak in one channel: about once a second, with a small burst; and not at all while Slack asks for quiet. */

const BURST = 5;
const REFILL_MS = 1_000;
/** After Slack has said "slower" once, even first posts are paced for this long. */
const PRESSED_MS = 60_000;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;

export class Pacing {
  /** When the bucket would be full, ms since the epoch. */
  #fullAt = 0;
  #pausedUntil = 0;
  #pressedUntil = 0;
  #failures = 0;

  /** When the next message may go out; now or before when it may at once. A card's first post waits only when Slack is pressed. */
  mayAt(nowMs: number, first: boolean): number {
    if (first && nowMs >= this.#pressedUntil) return this.#pausedUntil;
    return Math.max(this.#pausedUntil, this.#fullAt - (BURST - 1) * REFILL_MS);
  }

  /** Takes the place of one message; the returned function gives it back when none was sent. */
  spend(nowMs: number, first: boolean): () => void {
    if (first && nowMs >= this.#pressedUntil) return () => {};
    this.#fullAt = Math.max(this.#fullAt, nowMs) + REFILL_MS;
    return () => {
      this.#fullAt -= REFILL_MS;
    };
  }

  slower(nowMs: number, retryAfterMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, nowMs + retryAfterMs);
    this.#pressedUntil = nowMs + retryAfterMs + PRESSED_MS;
  }

  failed(nowMs: number): void {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#pausedUntil = Math.max(this.#pausedUntil, nowMs + backoffMs);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
