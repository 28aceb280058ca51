/** Reading the log of one container. The API cuts a long answer at its end, where the reason of a crash stands. */
import { type Failure, type Result, succeed } from '#kernel/failure.ts';
import type { HttpAnswer } from './failure.ts';

/** The most that one log may hold, in bytes. */
export const MOST_LOG_BYTES = 1024 * 1024;
/** When a log is cut, it is asked for again with fewer lines, so many times at most. */
const MOST_ASKS = 3;
/** Lines differ in length: a little fewer than fitted the last time. */
const SHARE_THAT_FITS = 0.8;

/** Asks for the last so many lines; answers the log, cut to its limit. */
export type AskLog = (tailLines: number) => Promise<Result<HttpAnswer>>;

export async function readLog(tailLines: number, ask: AskLog, refused: (answer: HttpAnswer) => Failure): Promise<Result<{ text: string; truncated: boolean }>> {
  let lines = tailLines;
  for (let asks = 1; ; asks += 1) {
    const answer = await ask(lines);
    if (!answer.ok) return answer;
    if (answer.value.status === 204) return succeed({ text: '', truncated: false });
    if (answer.value.status !== 200) return { ok: false, failure: refused(answer.value) };
    // A cut may go through the middle of a character.
    const text = answer.value.body.replace(/\uFFFD$/, '');
    if (Buffer.byteLength(answer.value.body) < MOST_LOG_BYTES) return succeed({ text, truncated: lines < tailLines });
    const fewer = Math.floor((text.split('\n').length - 1) * SHARE_THAT_FITS);
    if (asks >= MOST_ASKS || fewer < 1) return succeed({ text, truncated: true });
    lines = Math.min(fewer, lines - 1);
  }
}
