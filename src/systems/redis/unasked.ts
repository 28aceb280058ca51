/**
 * What a server says unasked before it hangs up: that it has too many clients, that it answers loopback only, or, over TLS, that
 * it wants a certificate. A command that is sent meanwhile makes the system throw these last words away (the answer to it is a
 * reset), so a second connection listens and sends nothing.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Clock } from '#kernel/clock.ts';
import { classify, type RedisFailure } from './failure.ts';
import { type Address, writeAddress } from './target.ts';

/** A server that has something to say does so at once. */
const LISTEN_MS = 500;
const MOST_BYTES = 512;

/** Undefined: it says nothing, or nothing that tells more. */
export function hearUnasked(to: Address, tls: ConnectionOptions | undefined, clock: Clock): Promise<RedisFailure | undefined> {
  return new Promise((resolve) => {
    const at = { host: to.host, port: to.port };
    const socket: Socket = tls === undefined ? connect(at) : connectTls({ ...tls, ...at });
    let said = '';
    const end = (failure: RedisFailure | undefined): void => {
      cancel();
      socket.destroy();
      resolve(failure !== undefined && failure.why !== 'closed' && failure.why !== 'unexpected' ? failure : undefined);
    };
    const cancel = clock.schedule(clock.now() + LISTEN_MS, () => end(undefined));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      said += text.slice(0, MOST_BYTES - said.length);
    });
    // It may also come after the end was told, from a socket that is being destroyed.
    socket.on('error', (error) => end(classify(error, writeAddress(to)).failure));
    socket.on('close', () => end(said.startsWith('-') ? classify(new Error(said.slice(1).trim()), writeAddress(to)).failure : undefined));
  });
}
