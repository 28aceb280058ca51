/**
 * A Slack workspace for tests: the real emulator (`emulate`, service slack) behind a front that records every call, adds what the emulator
 * lacks (user groups, response URLs, Socket Mode's `apps.connections.open`) and can lose, refuse or slow down calls.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEmulator } from 'emulate';
import { attachSockets, type FakeSockets } from './sockets.ts';

export const BOT_TOKEN = 'xoxb-test-bot';
export const APP_TOKEN = 'xapp-test-app';

export type Fault =
  /** Carried out, but the connection breaks before the answer. */
  | { readonly kind: 'lose-answer' }
  /** The connection breaks before anything is carried out; the bot cannot tell the two apart. */
  | { readonly kind: 'lose-request' }
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

export interface RecordedCall {
  readonly method: string;
  readonly args: Readonly<Record<string, string>>;
}

export interface SlackMessage {
  readonly ts: string;
  readonly text: string;
  readonly blocks?: readonly { readonly type: string; readonly elements?: readonly Readonly<Record<string, unknown>>[] }[];
  readonly thread_ts?: string;
}

export interface Workspace {
  readonly apiUrl: string;
  readonly responseUrl: string;
  readonly teamId: string;
  readonly channel: string;
  /** Ids by name: alice, bob, robot. */
  readonly users: Readonly<Record<string, string>>;
  readonly calls: RecordedCall[];
  /** What was posted to the response URL. */
  readonly said: string[];
  readonly groups: Map<string, readonly string[] | Fault>;
  readonly sockets: FakeSockets;
  /** The next call of this method meets the fault; several wait in line. */
  fail(method: string, fault: Fault): void;
  /** From now on every call does, until it is undefined again. */
  failAll(fault: Fault | undefined): void;
  /** Overrides what `users.info` says. */
  describe(userId: string, fields: Readonly<Record<string, unknown>>): void;
  callsOf(method: string): readonly RecordedCall[];
  cards(): Promise<readonly SlackMessage[]>;
  thread(ts: string): Promise<readonly SlackMessage[]>;
  /** A trigger id with which a form may be opened once. */
  trigger(userId: string): Promise<string>;
  close(): Promise<void>;
}

const SCOPES = ['chat:write', 'channels:history', 'channels:read', 'groups:history', 'groups:read', 'users:read', 'usergroups:read', 'commands'];

export interface WorkspaceOptions {
  /** Of the bot's token; those of the manifest unless told. */
  readonly scopes?: readonly string[];
}

export async function startWorkspace(options: WorkspaceOptions = {}): Promise<Workspace> {
  const scopes = [...(options.scopes ?? SCOPES)];
  const app = { client_id: '1.1', client_secret: 'x', app_id: 'A0123456789', name: 'Runbook Bot', redirect_uris: [], scopes, bot_id: 'B0RUNBOOK', bot_user_id: 'U0RUNBOOK', bot_name: 'runbook' };
  const token = { token: BOT_TOKEN, user_id: 'U0RUNBOOK', type: 'bot', scopes, app_id: 'A0123456789', bot_id: 'B0RUNBOOK', bot_user_id: 'U0RUNBOOK' };
  const admin = { token: 'xoxp-admin', user: 'admin', scopes: [...SCOPES, 'channels:join', 'channels:manage'] };
  const emulator = await createEmulator({
    service: 'slack',
    port: 0,
    seed: { slack: { users: [{ name: 'alice' }, { name: 'bob' }], channels: [{ name: 'ops' }], oauth_apps: [app], tokens: [token, admin], strict_scopes: true } },
  });
  const direct = (method: string, args: Readonly<Record<string, string>>, as = 'xoxp-admin'): Promise<Record<string, unknown>> =>
    fetch(`${emulator.url}/api/${method}`, { method: 'POST', headers: { authorization: `Bearer ${as}`, 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(args).toString() }).then((answer) => answer.json() as Promise<Record<string, unknown>>);

  const auth = await direct('auth.test', {});
  const members = (await direct('users.list', {}))['members'] as { id: string; name: string }[];
  const channels = (await direct('conversations.list', {}))['channels'] as { id: string; name: string }[];
  const channel = channels.find((one) => one.name === 'ops')?.id ?? '';
  const front = new Front(emulator.url);
  await front.listen();

  return {
    apiUrl: `${front.url}/api/`,
    responseUrl: `${front.url}/response`,
    teamId: String(auth['team_id']),
    channel,
    users: Object.fromEntries(members.map((member) => [member.name, member.id])),
    calls: front.calls,
    said: front.said,
    groups: front.groups,
    sockets: front.sockets,
    fail: (method, fault) => front.faults.push({ method, fault }),
    failAll: (fault) => void (front.always = fault),
    describe: (userId, fields) => void front.described.set(userId, fields),
    callsOf: (method) => front.calls.filter((call) => call.method === method),
    cards: async () => ((await direct('conversations.history', { channel, limit: '1000' }, BOT_TOKEN))['messages'] ?? []) as SlackMessage[],
    thread: async (ts) => (((await direct('conversations.replies', { channel, ts }, BOT_TOKEN))['messages'] ?? []) as SlackMessage[]).filter((message) => message.ts !== ts),
    trigger: async (userId) => String((await direct('views.generateTriggerId', { user_id: userId }, BOT_TOKEN))['trigger_id']),
    async close() {
      await front.close();
      await emulator.close();
    },
  };
}

class Front {
  readonly calls: RecordedCall[] = [];
  readonly said: string[] = [];
  readonly faults: { method: string; fault: Fault }[] = [];
  readonly groups = new Map<string, readonly string[] | Fault>();
  readonly described = new Map<string, Readonly<Record<string, unknown>>>();
  readonly sockets: FakeSockets;
  always: Fault | undefined;
  url = '';
  readonly #emulator: string;
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  constructor(emulator: string) {
    this.#emulator = emulator;
    this.sockets = attachSockets(this.#server);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.sockets.closeAll();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const path = request.url ?? '';
    if (path === '/response') {
      this.said.push(body);
      response.end('ok');
      return;
    }
    const method = path.replace('/api/', '');
    const args = Object.fromEntries(new URLSearchParams(body));
    this.calls.push({ method, args });
    const fault = this.always ?? this.#takeFault(method);
    if (fault?.kind === 'lose-request') return void request.socket.destroy();
    if (fault?.kind === 'answer') return send(response, fault.status, fault.body, fault.headers);
    const answer = await this.#answer(method, args, body, request.headers.authorization ?? '');
    if (fault?.kind === 'lose-answer') return void request.socket.destroy();
    send(response, answer.status, answer.body);
  }

  async #answer(method: string, args: Readonly<Record<string, string>>, body: string, authorization: string): Promise<{ status: number; body: unknown }> {
    if (method === 'apps.connections.open') return { status: 200, body: authorization === `Bearer ${APP_TOKEN}` ? { ok: true, url: `${this.url.replace('http', 'ws')}/socket/${this.calls.length}` } : { ok: false, error: 'invalid_auth' } };
    if (method === 'usergroups.users.list') {
      const members = this.groups.get(args['usergroup'] ?? '');
      if (members === undefined) return { status: 200, body: { ok: false, error: 'no_such_subteam' } };
      return 'kind' in members ? { status: members.kind === 'answer' ? members.status : 500, body: members.kind === 'answer' ? members.body : {} } : { status: 200, body: { ok: true, users: members } };
    }
    const answer = await fetch(`${this.#emulator}/api/${method}`, { method: 'POST', headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' }, body });
    const value = (await answer.json()) as Record<string, unknown>;
    const described = this.described.get(args['user'] ?? '');
    if (method === 'users.info' && described !== undefined) return { status: 200, body: { ...value, user: { ...(value['user'] as object), ...described } } };
    return { status: answer.status, body: value };
  }

  #takeFault(method: string): Fault | undefined {
    const at = this.faults.findIndex((one) => one.method === method);
    return at < 0 ? undefined : this.faults.splice(at, 1)[0]?.fault;
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
