/** The operator's log: JSON lines on stderr, through pino. What goes in is redacted first, whoever wrote it. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { DestinationStream } from 'pino';
import type { Json } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import { redact, redactJson } from '#kernel/redact.ts';
import { Secret } from '#kernel/secret.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: stderr, written at once, so that the last words before a crash are there. */
  readonly destination?: DestinationStream | Writable;
}

/** A line is for reading: deeper objects and longer texts are cut. */
const MAX_DEPTH = 8;
const MAX_TEXT = 8_000;
const MAX_ENTRIES = 200;

export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are made plain here, before they are redacted; pino's own reader would read them once more.
      serializers: { err: (plainly: unknown) => plainly },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
  const at =
    (level: Exclude<LogLevel, 'silent'>) =>
    (fields: object, message: string): void => {
      // Redaction costs: not for a line that nobody will read.
      if (!logger.isLevelEnabled(level)) return;
      logger[level](redactJson(plain(fields, 0)) as object, redact(cut(message)));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Any value as JSON that can be redacted: errors with their stack and cause, secrets hidden, circles and depths cut. */
function plain(value: unknown, depth: number): Json {
  switch (typeof value) {
    case 'string':
      return cut(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
    case 'symbol':
    case 'function':
      return String(value);
    case 'undefined':
      return null;
    case 'object':
      return value === null ? null : plainObject(value, depth);
  }
}

function plainObject(value: object, depth: number): Json {
  if (value instanceof Secret) return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return plainError(value, depth);
  if (Buffer.isBuffer(value) || ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return plainEntries(value.entries(), depth);
  if (Array.isArray(value) || value instanceof Set) return [...value].slice(0, MAX_ENTRIES).map((entry) => plain(entry, depth + 1));
  return plainEntries(Object.entries(value), depth);
}

function plainEntries(entries: Iterable<readonly [unknown, unknown]>, depth: number): Json {
  const out: [string, Json][] = [];
  for (const [key, entry] of entries) {
    if (out.length >= MAX_ENTRIES) break;
    if (entry !== undefined) out.push([String(key), plain(entry, depth + 1)]);
  }
  return Object.fromEntries(out);
}

function plainError(error: Error, depth: number): Json {
  // Fields that libraries hang on errors (code, syscall, hostname) say more than the message; the stack holds the message.
  const fields = Object.entries(error).filter(([name]) => name !== 'message' && name !== 'stack' && name !== 'cause');
  return {
    type: error.name,
    message: cut(error.message),
    ...(plainEntries(fields, depth) as Record<string, Json>),
    ...(error.stack === undefined ? {} : { stack: cut(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
  };
}

/** Cut before it is redacted, with a margin that is dropped after: a cut through the middle of a secret must not save its head. */
function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${redact(text.slice(0, 2 * MAX_TEXT)).slice(0, MAX_TEXT)}… [${text.length} characters]`;
}
