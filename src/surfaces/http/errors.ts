/** Every way in which a request can fail, made one kind of answer. Nothing of the inside goes out. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '#kernel/log.ts';
import { problemDocument, PROBLEMS, Refusal, sendProblem } from './problem.ts';
import type { HttpProblem } from './problem.ts';

/** Fastify's own errors that are about the request. Their messages are ours to write: they would name inner things. */
const BY_FASTIFY_CODE: Readonly<Record<string, HttpProblem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'too-large', message: 'The body is larger than this path takes.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'unsupported-media-type', message: 'Send the body as application/json.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid', message: 'The body is not valid JSON.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'invalid', message: 'The body is empty although its type is application/json.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'invalid', message: 'The body is not as long as Content-Length says.' },
  FST_ERR_BAD_URL: { code: 'invalid', message: 'The path is not a valid URL path.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'not-found', message: 'There is no such thing: a part of the path is too long.' },
  FST_ERR_NOT_FOUND: { code: 'not-found', message: 'There is no such path.' },
};

export function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, { code: 'not-found', message: 'There is no such path.' }, request.id));
}

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const problem = problemOf(error);
  if (problem.code === 'internal') log.error({ err: error, requestId: request.id, method: request.method, route: request.routeOptions.url ?? 'none' }, 'a request failed by a mistake of ours');
  return sendProblem(reply, problem, request.id);
}

function problemOf(error: unknown): HttpProblem {
  if (error instanceof Refusal) return error.problem;
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = typeof code === 'string' && Object.hasOwn(BY_FASTIFY_CODE, code) ? BY_FASTIFY_CODE[code] : undefined;
  if (known !== undefined) return known;
  if (error instanceof SyntaxError && statusCode === 400) return { code: 'invalid', message: 'The body is not valid JSON.' };
  // Other surfaces on this listener throw errors with a status; what they say may be about the inside.
  if (statusCode === 401) return { code: 'unauthenticated', message: 'The credentials are missing or wrong.' };
  if (statusCode === 413) return { code: 'too-large', message: 'The body is larger than this path takes.' };
  if (statusCode === 415) return { code: 'unsupported-media-type', message: 'The body is of a type that this path does not take.' };
  if (statusCode === 503) return { code: 'unavailable', message: 'The bot cannot do this now.' };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return { code: 'invalid', message: 'The request cannot be read.' };
  return { code: 'internal', message: 'The bot made a mistake; its log says more under the request id.' };
}

/** Answers what Node's parser refuses before there is a request: broken HTTP, headers too large, too slow. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem: HttpProblem =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? { code: 'timeout', message: 'The request did not arrive in time.' }
      : { code: 'invalid', message: error.code === 'HPE_HEADER_OVERFLOW' ? 'The headers are too large.' : 'This is not valid HTTP.' };
  const body = JSON.stringify(problemDocument(problem, randomUUID()));
  const { status, title } = PROBLEMS[problem.code];
  socket.end(`HTTP/1.1 ${status} ${title}\r\nconnection: close\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
