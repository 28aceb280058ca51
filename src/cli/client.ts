/** The API of a running bot. Answers are read by their schemas; refusals become a sentence that says what to do. */
import type { z } from 'zod';
import type { Secret } from '#kernel/secret.ts';
import { ProblemShape } from '#operations/shapes.ts';
import { CommandFailed } from './failure.ts';
import { visible } from './format.ts';

export interface ClientOptions {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiKey: Secret | undefined;
}

export interface Client {
  readonly url: string;
  get<T>(path: string, shape: z.ZodType<T>): Promise<T>;
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: object | undefined, shape: z.ZodType<T>): Promise<T>;
  /** The lines of a server-sent event stream; ends with the stream. Rejects with CommandFailed when it is refused. */
  lines(path: string, lastEventId: number, signal: AbortSignal): AsyncGenerator<string>;
}

const TIMEOUT_MS = 30_000;
const AGENT = 'runbook-bot-cli';

export function createClient({ url, apiKey }: ClientOptions): Client {
  const headers = { 'user-agent': AGENT, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey.reveal()}` }) };

  // A redirect would carry the API key to wherever it points.
  const call = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(`${url}/api/v1${path}`, { ...init, headers: { ...headers, ...(init.headers as Record<string, string> | undefined) }, redirect: 'error' });
    } catch (error) {
      throw unreachable(url, error);
    }
  };

  const ask = async <T>(path: string, init: RequestInit, shape: z.ZodType<T>): Promise<T> => {
    const response = await call(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = await readJson(url, response);
    if (!response.ok) throw refused(url, response.status, body);
    const read = shape.safeParse(body);
    if (!read.success) throw notTheBot(url);
    return read.data;
  };

  return {
    url,
    get: (path, shape) => ask(path, {}, shape),
    send: (method, path, body, shape) => ask(path, body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }, shape),
    async *lines(path, lastEventId, signal) {
      const response = await call(path, { signal, headers: { accept: 'text/event-stream', ...(lastEventId > 0 ? { 'last-event-id': String(lastEventId) } : {}) } });
      if (response.status === 204) return;
      if (!response.ok) throw refused(url, response.status, await readJson(url, response));
      yield* linesOf(url, response);
    },
  };
}

async function* linesOf(url: string, response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw unreachable(url, error);
  }
}

async function readJson(url: string, response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw notTheBot(url);
  }
}

function refused(url: string, status: number, body: unknown): CommandFailed {
  const read = ProblemShape.safeParse(body);
  if (!read.success) return notTheBot(url);
  const problem = read.data;
  const where = [problem.field === undefined ? '' : `field ${problem.field}`, problem.rule === undefined ? '' : `rule ${problem.rule}`, problem.code].filter((part) => part !== '').join(', ');
  const advice = status === 401 ? '\nSet RUNBOOK_BOT_API_KEY to a key of auth.apiKeys in the configuration of the bot.' : (ADVICE[problem.code] ?? '');
  return new CommandFailed(`${visible(problem.detail)} (${visible(where)})${advice}`, problem);
}

const ADVICE: Readonly<Record<string, string>> = {
  'stale-digest': '\nLook at the plan again (runbook-bot show RUN) and decide with its digest.',
  expired: '\nPlan the offer again, from the console, Slack or the API.',
  'kill-switch': '\nSomebody of the roles of R3 lets writes happen again: runbook-bot kill-switch off --reason R',
  unavailable: '\nThe bot cannot store it now; see its log, and try again.',
  internal: '\nThe log of the bot says more.',
};

function notTheBot(url: string): CommandFailed {
  return new CommandFailed(`${url} does not answer like the bot. Check --url or RUNBOOK_BOT_URL.`, { code: 'not-the-bot', detail: `${url} does not answer like the bot.` });
}

function unreachable(url: string, error: unknown): CommandFailed {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  const because = name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1_000} s` : (cause?.code ?? cause?.message ?? 'the connection failed');
  const message = `Cannot reach ${url} (${because}). Is the bot running there? Start it with "runbook-bot start", or say where it is with --url or RUNBOOK_BOT_URL.`;
  return new CommandFailed(message, { code: 'unreachable', detail: message });
}
