/** What goes wrong with a Redis, told apart by what the socket, TLS or the server itself says. */
import type { Failure, FailureReason } from '#kernel/failure.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';

/** The closed list that steps hand out as `why`. `ok` is none of them. */
export const TROUBLES = [
  'refused', // nobody listens at that address
  'timeout', // no answer within the limit: hung, overloaded, or packets are dropped
  'dns', // the name is not found
  'network', // no route, reset
  'closed', // the other side closed: a port that wants TLS, or too many clients
  'tls', // the certificates do not fit, or it is not a TLS port
  'auth', // password or user wrong or missing
  'noPermission', // the ACL of our user does not allow the command
  'protectedMode', // it answers loopback only
  'maxClients',
  'loading', // reading its data from disk after a start
  'masterDown', // a replica that has lost its master and does not serve old data
  'readonly', // a replica: it takes no writes
  'oom', // at its memory limit: writes are refused
  'misconf', // it cannot save to disk: writes are refused
  'noReplicas', // fewer good replicas than min-replicas-to-write: writes are refused
  'clusterDown', // slots are not served
  'busy', // a script blocks it
  'noMaster', // no Sentinel names a master
  'unsupported', // a command that this server does not know, or has renamed
  'moving', // the slot moves faster than we follow
  'unexpected',
  'cancelled',
] as const;
export type Trouble = (typeof TROUBLES)[number];

/** The server itself said so: it is there, and does not serve as it should. Redis says MISCONF even to a PING. */
export const SPOKEN: ReadonlySet<Trouble> = new Set(['loading', 'masterDown', 'readonly', 'oom', 'misconf', 'noReplicas', 'clusterDown', 'busy']);

export interface RedisFailure extends Failure {
  readonly why: Trouble;
  /** Of a cluster that serves the key elsewhere: `MOVED 3999 10.0.0.3:6379`. */
  readonly redirect?: string;
}
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: RedisFailure };

const REASONS: Readonly<Record<Trouble, FailureReason>> = {
  refused: 'unreachable',
  timeout: 'timeout',
  dns: 'unreachable',
  network: 'unreachable',
  closed: 'unreachable',
  tls: 'unreachable',
  auth: 'unauthorised',
  noPermission: 'forbidden',
  protectedMode: 'forbidden',
  maxClients: 'unavailable',
  loading: 'unavailable',
  masterDown: 'unavailable',
  readonly: 'unavailable',
  oom: 'unavailable',
  misconf: 'unavailable',
  noReplicas: 'unavailable',
  clusterDown: 'unavailable',
  busy: 'unavailable',
  noMaster: 'unavailable',
  unsupported: 'invalid',
  moving: 'unavailable',
  unexpected: 'unexpected',
  cancelled: 'cancelled',
};

/** What it means and what to do, for a person. `{at}` is the address. */
const SENTENCES: Readonly<Record<Trouble, string>> = {
  refused: 'Redis at {at} refuses the connection: nothing listens there. Look at whether its process or pod runs.',
  timeout: 'Redis at {at} did not answer in time: it hangs, is overloaded, or packets to it are dropped.',
  dns: 'The name of Redis at {at} is not found. Look at the address in the configuration and at DNS.',
  network: 'Redis at {at} is not reachable over the network.',
  closed: 'Redis at {at} closed the connection. It may want TLS (rediss://), or its process has just ended.',
  tls: 'No TLS connection to Redis at {at}: the certificates or the name in them do not fit, or it does not speak TLS.',
  auth: 'Redis at {at} does not accept our user or password, or wants one and we have none.',
  noPermission: 'Our user may not do this on Redis at {at}: its ACL does not allow the command or the key.',
  protectedMode: 'Redis at {at} is in protected mode and answers loopback only: it needs a password or bind settings.',
  maxClients: 'Redis at {at} has reached its limit of clients and takes no more.',
  loading: 'Redis at {at} is loading its data from disk and does not serve yet.',
  masterDown: 'Redis at {at} is a replica that has lost its master and does not serve.',
  readonly: 'Redis at {at} is a read-only replica and takes no writes.',
  oom: 'Redis at {at} is at its memory limit and refuses writes.',
  misconf: 'Redis at {at} cannot save to disk and therefore refuses writes. Look at its disk and its log.',
  noReplicas: 'Redis at {at} has fewer good replicas than it wants and refuses writes.',
  clusterDown: 'The Redis cluster is down as {at} sees it: not all slots are served.',
  busy: 'Redis at {at} is blocked by a script that runs too long.',
  noMaster: 'No Sentinel names a master.',
  unsupported: 'Redis at {at} does not know this command, or it has been renamed.',
  moving: 'The slot of the key moves about in the Redis cluster faster than we can follow ({at}). Try again.',
  unexpected: 'Redis at {at} gave an answer that cannot be read.',
  cancelled: 'The call to Redis at {at} was cancelled.',
};

const LONGEST_DETAIL = 200;

/** `detail` is what the other side said; secrets are taken out of it. */
export function trouble(why: Trouble, at: string, detail = ''): { readonly ok: false; readonly failure: RedisFailure } {
  const said = detail === '' ? '' : ` (${cutText(redact(detail), LONGEST_DETAIL)})`;
  return { ok: false, failure: { why, reason: REASONS[why], message: `${SENTENCES[why].replace('{at}', at)}${said}` } };
}

/** The first word of an error reply says what it is; servers since 2.8 keep to it. */
const REPLIES: readonly (readonly [RegExp, Trouble])[] = [
  [/^(?:NOAUTH|WRONGPASS)\b|^ERR (?:invalid password|operation not permitted)|^ERR AUTH\b/i, 'auth'],
  [/^NOPERM\b/, 'noPermission'],
  [/^DENIED\b/, 'protectedMode'],
  [/max number of clients/i, 'maxClients'],
  [/^LOADING\b/, 'loading'],
  [/^MASTERDOWN\b/, 'masterDown'],
  [/^READONLY\b/, 'readonly'],
  [/^OOM\b/, 'oom'],
  [/^MISCONF\b/, 'misconf'],
  [/^NOREPLICAS\b/, 'noReplicas'],
  [/^CLUSTERDOWN\b/, 'clusterDown'],
  [/^BUSY\b/, 'busy'],
  [/^TRYAGAIN\b/, 'moving'],
  [/^ERR (?:unknown (?:sub)?command|This instance has cluster support disabled)/i, 'unsupported'],
];

const CODES: Readonly<Record<string, Trouble>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'network',
  ENETUNREACH: 'network',
  EADDRNOTAVAIL: 'network',
  EPIPE: 'closed',
  ECONNRESET: 'closed',
  EPROTO: 'tls',
};

/** An error of the library, of the socket or of TLS, or an error reply of the server. */
export function classify(error: unknown, at: string): { readonly ok: false; readonly failure: RedisFailure } {
  const message = withoutArguments(error instanceof Error ? error.message : String(error));
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (isTlsCode(code) || /before secure TLS connection was established/i.test(message)) return trouble('tls', at, message);
  const byCode = CODES[code];
  if (byCode !== undefined) return trouble(byCode, at);
  if (/^(?:MOVED|ASK) /.test(message)) return { ok: false, failure: { ...trouble('moving', at).failure, redirect: message } };
  for (const [pattern, why] of REPLIES) if (pattern.test(message)) return trouble(why, at, message);
  // The library's own words for a socket that ended, and for one that was never open.
  if (/Connection is closed|Stream isn't writeable/i.test(message)) return trouble('closed', at);
  return trouble('unexpected', at, message);
}

/** Redis repeats the arguments of a command that it does not know ("with args beginning with: 'secret'"): that of AUTH is a password. */
function withoutArguments(message: string): string {
  return message.replace(/,? with args beginning with:[^]*$/i, '');
}

function isTlsCode(code: string): boolean {
  return /^ERR_(?:SSL|TLS)_|^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/.test(code);
}

/** The same without `why`, as steps return it. */
export function plain({ reason, message }: Failure, landed?: 'no' | 'maybe'): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: landed === undefined ? { reason, message } : { reason, message, landed } };
}
