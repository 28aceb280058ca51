/** A Cordum gateway that plays back recordings over a real socket. Strict: a request that no rule expects fails the test. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CordumClient, type CordumOptions, createCordumClient } from '#systems/cordum/client.ts';
import { Secret } from '#kernel/secret.ts';
import { silentLog } from '#kernel/log.ts';
import type { ApplyContext, PlanContext, ProbeContext, StepContext } from '#step-kit/index.ts';
import { createVirtualClock, type VirtualClock } from './clock.ts';
import { pageOf, type RawEntry } from './cordum-dlq.ts';

const FIXTURES = new URL('../fixtures/cordum/', import.meta.url);
export const API_KEY = 'ck_not-a-real-key_0123456789';

export interface Recording {
  readonly name: string;
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly status: number;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a rule answers: the name of a recording, a reply, or what is to happen to the connection. */
export type Play = string | Reply | 'drop' | 'hang' | ((request: Seen) => string | Reply);

export interface Seen {
  readonly method: string;
  /** Percent-decoded, with query. */
  readonly path: string;
  /** As it was sent. */
  readonly rawPath: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Replay {
  readonly url: string;
  readonly seen: readonly Seen[];
  readonly clock: VirtualClock;
  readonly client: CordumClient;
  /** Adds a rule; `path` is decoded, with query. Of several plays the last repeats. A later rule for the same path replaces. */
  on(method: string, path: string, ...plays: Play[]): void;
  /** Answers every page of the DLQ from these entries, with Cordum's own cursor. Change the list to change the DLQ. */
  dlq: RawEntry[] | undefined;
  context(more?: Partial<PlanContext & ApplyContext & ProbeContext>): StepContext & PlanContext & ApplyContext & ProbeContext;
  /** Ends the server; throws when a request came that no rule expected. */
  close(): Promise<void>;
}

export function recordingNames(): string[] {
  return readdirSync(FIXTURES).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
}

export function recording(name: string): Recording {
  const raw = JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8')) as {
    request?: { method?: string; path?: string };
    response?: { status?: number; body_json?: unknown; body_text?: string };
  };
  const response = raw.response ?? {};
  const body = response.body_json === undefined ? (response.body_text ?? '') : JSON.stringify(response.body_json);
  return { name, method: raw.request?.method ?? '', path: raw.request?.path ?? '', status: response.status ?? 0, body };
}

/** The body of a recording, to be changed and played as a reply. */
export function recordedBody<T>(name: string): T {
  return JSON.parse(recording(name).body) as T;
}

export async function startReplay(options: Partial<CordumOptions> & { readonly startMs?: number } = {}): Promise<Replay> {
  const rules = new Map<string, Play[]>();
  const seen: Seen[] = [];
  const unexpected: string[] = [];
  const server = createServer((request, response) => {
    const rawPath = request.url ?? '';
    const one: Seen = { method: request.method ?? '', path: decodeURIComponent(rawPath), rawPath, headers: request.headers };
    seen.push(one);
    const plays = rules.get(`${one.method} ${one.path}`);
    const play = plays !== undefined && plays.length > 1 ? plays.shift() : plays?.[0];
    if (play === undefined && replay.dlq !== undefined && one.method === 'GET' && one.path.startsWith('/api/v1/dlq/page?')) {
      const query = new URL(rawPath, 'http://x').searchParams;
      const cursor = query.get('cursor');
      return answer({ body: pageOf(replay.dlq, Number(query.get('limit')), cursor === null ? undefined : Number(cursor)) }, one, response);
    }
    if (play === undefined) unexpected.push(`${one.method} ${one.path}`);
    answer(play, one, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = createVirtualClock(options.startMs ?? Date.parse('2026-11-20T19:30:00Z'));
  const client = createCordumClient({ url, apiKey: new Secret(API_KEY), tenant: 'default', clock, readsPerSecond: 1e9, ...options });
  const context: Replay['context'] = (more = {}) => ({
    target: 'prod',
    use: <Client>(): Client => client as Client,
    now: () => clock.now(),
    // A step that waits in the engine's time waits no time of the test's.
    sleep: async (ms) => clock.advance(ms),
    signal: new AbortController().signal,
    log: silentLog,
    idempotencyKey: 'key-1',
    approvedBy: 'slack:U123',
    approvals: [],
    runId: 'run_1',
    intendedAt: clock.now(),
    ...more,
  });
  const replay: Replay = {
    url,
    seen,
    dlq: undefined,
    clock,
    client,
    on: (method, path, ...plays) => void rules.set(`${method} ${path}`, plays),
    context,
    async close() {
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (unexpected.length > 0) throw new Error(`requests that no rule expected: ${unexpected.join(', ')}`);
    },
  };
  return replay;
}

function answer(play: Play | undefined, request: Seen, response: ServerResponse): void {
  if (play === 'hang') return;
  if (play === 'drop') return void response.destroy();
  const chosen = typeof play === 'function' ? play(request) : play;
  const reply: Reply = typeof chosen === 'string' ? { status: recording(chosen).status, body: recording(chosen).body } : (chosen ?? { status: 599, body: 'no rule' });
  response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
  response.end(typeof reply.body === 'string' ? reply.body : reply.body === undefined ? '' : JSON.stringify(reply.body));
}
