/**
 * What a server says first, before any credentials: `INFO {...}`. It tells a dead server from one that refuses us, and one that
 * hangs from one that answers; the client of NATS would leave a socket behind at each try on a server that hangs.
 */
import { connect, type Socket } from 'node:net';
import type { Clock } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import type { ServerAddress } from './address.ts';
import { cancelled, failureOfError, timedOut, unreadable } from './failure.ts';
import { type Greeting, greetingInfo } from './schema.ts';

const DOING = 'greet us';
/** With the addresses of a hundred servers an INFO is about 3 KiB. */
const MOST_GREETING_BYTES = 64 * 1024;
const GREETING = /^INFO\s+(\{[^\r\n]*)\r\n/i;

export interface Greeted {
  readonly address: ServerAddress;
  readonly info: Greeting;
  /** From opening the connection to the whole greeting. */
  readonly tookMs: number;
}

export function greet(address: ServerAddress, options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<Result<Greeted>> {
  const { clock, timeoutMs, signal } = options;
  if (signal?.aborted === true) return Promise.resolve({ ok: false, failure: cancelled(address.label, DOING) });
  const startMs = clock.now();
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port });
    const end = (answer: Result<Greeted>): void => {
      stopTimer();
      signal?.removeEventListener('abort', onAbort);
      // Nobody listens any more, but an error event without a listener would end the process.
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = (): void => end({ ok: false, failure: cancelled(address.label, DOING) });
    const stopTimer = clock.schedule(startMs + timeoutMs, () => end({ ok: false, failure: timedOut(address.label, DOING, timeoutMs) }));
    signal?.addEventListener('abort', onAbort, { once: true });
    listen(socket, address, (answer) => end(answer.ok ? succeed({ address, info: answer.value, tookMs: Math.max(0, clock.now() - startMs) }) : answer));
  });
}

function listen(socket: Socket, address: ServerAddress, end: (answer: Result<Greeting>) => void): void {
  let text = '';
  socket.setNoDelay(true).setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const line = GREETING.exec(text)?.[1];
    if (line !== undefined) return end(readGreeting(line, address));
    if (text.includes('\n') || text.length > MOST_GREETING_BYTES) end({ ok: false, failure: unreadable(address.label, DOING, 'no INFO: is it the client port, 4222?') });
  });
  socket.on('error', (error) => end({ ok: false, failure: failureOfError(error, address.label, DOING) }));
  socket.on('close', () => end({ ok: false, failure: failureOfError({ code: 'ECONNRESET' }, address.label, DOING) }));
}

function readGreeting(line: string, address: ServerAddress): Result<Greeting> {
  const read = greetingInfo.safeParse(parseJson(Buffer.from(line, 'latin1').toString('utf8')));
  return read.success ? succeed(read.data) : { ok: false, failure: unreadable(address.label, DOING, 'an INFO without server_id') };
}
