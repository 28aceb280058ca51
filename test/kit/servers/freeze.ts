/** Processes that hang. */
import { readdirSync, readFileSync } from 'node:fs';

/** Far more than a stop has ever taken (some 100 looks, a few milliseconds). */
const LOOKS_MAX = 200_000;

/**
 * SIGSTOP, and back only when each of its threads stands: the signal alone returns before, and a server still answered 3 ms later
 * (9 of 60 times, Linux 6.18). SIGCONT wakes it.
 */
export function freeze(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) if (threadsOf(pid).every((state) => state === 'T')) return;
  throw new Error(`process ${pid} goes on after SIGSTOP`);
}

function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      // The name in parentheses may hold spaces; the state follows it.
      return stat.charAt(stat.lastIndexOf(')') + 2);
    } catch {
      // The thread ended meanwhile: look again.
      return '';
    }
  });
}
