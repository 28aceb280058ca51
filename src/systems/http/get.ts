/** One GET on a connection of its own, to an admitted address, with a bounded answer. Redirects are told and not followed. */
import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import type { AllowList, Place } from './allow-list.ts';
import { AddressRefused, guardedLookup, isAddressRefused } from './connect.ts';

const CONNECT_TIMEOUT_MS = 5_000;
export const BODY_MAX_BYTES = 64 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Of a redirect, else empty. */
  readonly location: string;
  readonly body: string;
  readonly truncated: boolean;
}

export async function getOnce(url: URL, place: Place, allowList: AllowList, signal: AbortSignal): Promise<HttpAnswer | 'refused'> {
  // Loaded by the first call: many bots look at no such address.
  const { Agent, buildConnector, request } = await import('undici');
  const connector = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup(allowList, place) });
  const agent = new Agent({
    connect: (options, done) =>
      connector(options, (...[error, socket]: Parameters<typeof done>) => {
        // Besides an error there is no socket, whatever the types say.
        if (error !== null) return done(error, null);
        // The last word has the address at the other end of the connection, before a byte is sent.
        if (allowList.admits(place, (socket as Socket).remoteAddress ?? '')) return done(null, socket);
        socket.destroy();
        done(new AddressRefused('address not admitted'), null);
      }),
  });
  try {
    const answer = await request(url, { dispatcher: agent, signal, headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'cordum-runbook-bot' } });
    const { text, truncated } = await readBounded(answer.body);
    return { status: answer.statusCode, contentType: header(answer.headers['content-type']), location: header(answer.headers['location']), body: text, truncated };
  } catch (error) {
    if (isAddressRefused(error)) return 'refused';
    throw error;
  } finally {
    await agent.destroy();
  }
}

function header(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? (value[0] ?? '') : (value ?? '')).slice(0, 2_000);
}

async function readBounded(body: Dispatcher.ResponseData['body']): Promise<{ readonly text: string; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES) {
      body.destroy();
      break;
    }
  }
  // In streaming mode half a character at the cut is left out rather than replaced.
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, BODY_MAX_BYTES), { stream: bytes > BODY_MAX_BYTES });
  return { text, truncated: bytes > BODY_MAX_BYTES };
}
