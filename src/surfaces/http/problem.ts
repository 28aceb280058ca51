/** Errors as RFC 9457 problem documents. `code` is stable; the table in docs/api.md lists what stands here, and a test compares. */
import type { FastifyReply } from 'fastify';
import type { Problem, ProblemCode } from '#operations/operations.ts';

/** Refusals that the HTTP surface makes itself, before any operation. */
export const HTTP_CODES = ['unauthenticated', 'cross-site', 'too-large', 'unsupported-media-type', 'timeout', 'too-many-streams', 'internal'] as const;
export type HttpCode = (typeof HTTP_CODES)[number];

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Worth another try after this long. */
  readonly retryAfterSeconds?: number;
}

export const PROBLEMS: Readonly<Record<ProblemCode | HttpCode, ProblemKind>> = {
  invalid: { status: 400, title: 'The request is not valid' },
  unauthenticated: { status: 401, title: 'Authentication is needed' },
  forbidden: { status: 403, title: 'The policy says no' },
  'cross-site': { status: 403, title: 'The request comes from another site' },
  'not-found': { status: 404, title: 'There is no such thing' },
  timeout: { status: 408, title: 'The request took too long to arrive' },
  'stale-digest': { status: 409, title: 'The plan has moved' },
  'already-decided': { status: 409, title: 'It has been decided' },
  expired: { status: 409, title: 'The approval has expired' },
  withdrawn: { status: 409, title: 'The approval was withdrawn' },
  conflict: { status: 409, title: 'Something else came first' },
  'kill-switch': { status: 409, title: 'The kill switch is on' },
  frozen: { status: 409, title: 'Changes are frozen' },
  'not-open': { status: 409, title: 'It has ended' },
  'too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is of the wrong type' },
  internal: { status: 500, title: 'The bot made a mistake' },
  unavailable: { status: 503, title: 'The bot cannot do this now', retryAfterSeconds: 5 },
  'too-many-streams': { status: 503, title: 'Too many event streams are open', retryAfterSeconds: 30 },
};

export interface HttpProblem {
  readonly code: ProblemCode | HttpCode;
  readonly message: string;
  readonly field?: string;
  readonly rule?: string;
}

/** Thrown on the way to a handler, by hooks and readers of input; the error handler makes the answer of it. */
export class Refusal extends Error {
  readonly problem: HttpProblem;

  constructor(problem: HttpProblem | Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export function problemDocument(problem: HttpProblem, requestId: string): Record<string, string | number> {
  const { status, title } = PROBLEMS[problem.code];
  return {
    type: `urn:cordum-runbook-bot:problem:${problem.code}`,
    title,
    status,
    code: problem.code,
    detail: problem.message,
    ...(problem.field === undefined ? {} : { field: problem.field }),
    ...(problem.rule === undefined ? {} : { rule: problem.rule }),
    requestId,
  };
}

export function sendProblem(reply: FastifyReply, problem: HttpProblem, requestId: string): FastifyReply {
  const { status, retryAfterSeconds } = PROBLEMS[problem.code];
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', String(retryAfterSeconds));
  if (problem.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer realm="runbook-bot"');
  // As bytes: to a text Fastify would add a charset, which JSON does not have.
  return reply.code(status).type('application/problem+json').send(Buffer.from(JSON.stringify(problemDocument(problem, requestId))));
}
