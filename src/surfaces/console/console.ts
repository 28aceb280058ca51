/**
 * The console: static pages that use the API like everybody else. On this machine a one-time link opens it as the local
 * principal, whose roles come from the policy alone; from elsewhere a person enters an API key.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Principal } from '#policy/model.ts';
import { createSessions } from './sessions.ts';

const COOKIE = 'runbook_bot_session';
const ASSETS = new URL('./assets/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' };
const ASSET_NAMES = ['console.css', 'app.js', 'api.js', 'dom.js', 'incidents.js', 'runs.js', 'offers.js', 'other.js'] as const;
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export interface ConsoleOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The user of the operating system that runs the bot. */
  readonly osUser: string;
  /** Whether a request comes from this machine, and not through a proxy. */
  isLocal(request: IncomingMessage): boolean;
  /** Told each time there is a new one-time path, such as `/?token=…`. */
  onLink(path: string): void;
}

export interface Console {
  readonly routes: (app: FastifyInstance) => Promise<void>;
  readonly authenticator: (request: IncomingMessage) => Promise<Principal | undefined | 'refused'>;
  /** A new one-time path for this machine's browser. */
  newLink(): string;
}

export function createConsole(options: ConsoleOptions): Console {
  const sessions = createSessions(options.clock);
  const principal: Principal = { id: `local:${options.osUser}`, kind: 'human', roles: [], via: 'console' };
  const newLink = (): string => `/?token=${sessions.newToken()}`;

  const routes = async (app: FastifyInstance): Promise<void> => {
    const page = await readFile(new URL('index.html', ASSETS));
    for (const name of ASSET_NAMES) {
      const body = await readFile(new URL(name, ASSETS));
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      app.get(`/console/${name}`, (_request, reply) => reply.type(type).header('content-security-policy', PAGE_POLICY).send(body));
    }
    // No HEAD: who only looks whether a link is there must not use it up.
    app.get('/', { exposeHeadRoute: false }, (request, reply) => {
      const token = (request.query as Record<string, unknown>)['token'];
      if (typeof token === 'string' && options.isLocal(request.raw)) {
        const session = sessions.open(token);
        if (session !== undefined) void reply.header('set-cookie', `${COOKIE}=${session}; HttpOnly; SameSite=Strict; Path=/`);
        // Used, or nobody opened it in time: whoever sits here needs the next one. A wrong token alone takes away nothing.
        if (!sessions.hasToken()) options.onLink(newLink());
        // A used link must not stay in the history as if it still opened anything.
        return reply.redirect(session === undefined ? '/#/link-used' : '/', 303);
      }
      return reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY).send(page);
    });
  };

  return {
    routes,
    newLink,
    async authenticator(request) {
      const session = cookieOf(request);
      if (session === undefined) return undefined;
      return options.isLocal(request) && sessions.isOpen(session) ? principal : 'refused';
    },
  };
}

function cookieOf(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === COOKIE && value !== undefined && value !== '') return value;
  }
  return undefined;
}
