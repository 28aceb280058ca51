/**
 * The RDB of one server, over the wire: `redis-cli --rdb` speaks the protocol of replication. It writes what it gets and does not
 * look at it, so whoever asked checks the file afterwards.
 */
import { spawn } from 'node:child_process';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';

const OUTPUT_KEPT = 8_000;
/** A server that hangs in the middle would be waited for without end. */
const WITHIN_MS = 2 * 60 * 60_000;

export interface DumpSource {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: Secret;
  /** Files, as redis-cli takes them. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string; readonly serverName?: string };
}

export function dumpRdb(command: string, from: DumpSource, file: string, cancel?: AbortSignal): Promise<Result<null>> {
  const where = `Redis at ${from.host}:${from.port}`;
  return new Promise((resolve) => {
    let output = '';
    const limit = AbortSignal.timeout(WITHIN_MS);
    const signal = cancel === undefined ? limit : AbortSignal.any([cancel, limit]);
    // The password goes by the environment: arguments are seen by every user of the machine.
    const env = { PATH: '/usr/bin:/bin:/usr/local/bin', LC_ALL: 'C', ...(from.password === undefined ? {} : { REDISCLI_AUTH: from.password.reveal() }) };
    const child = spawn(command, argsOf(from, file), { stdio: ['ignore', 'pipe', 'pipe'], env, signal });
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => {
      if (cancel?.aborted === true) resolve(fail('cancelled', 'The backup was cancelled.'));
      else if (limit.aborted) resolve(fail('timeout', `${where} gave no whole RDB within ${WITHIN_MS / 60_000} minutes.`));
      else resolve(fail('unexpected', `redis-cli does not run: ${error.message}.`));
    });
    child.once('close', (code) => {
      if (code === 0 && /Transfer finished with success/.test(output)) resolve(succeed(null));
      else resolve(failureOf(where, output));
    });
  });
}

function argsOf({ host, port, username, tls }: DumpSource, file: string): string[] {
  const args = ['-h', host, '-p', String(port), '--no-auth-warning'];
  if (username !== undefined && username !== '') args.push('--user', username);
  if (tls !== undefined) {
    args.push('--tls');
    if (tls.caFile !== undefined) args.push('--cacert', tls.caFile);
    if (tls.certFile !== undefined) args.push('--cert', tls.certFile);
    if (tls.keyFile !== undefined) args.push('--key', tls.keyFile);
    if (tls.serverName !== undefined) args.push('--sni', tls.serverName);
  }
  return [...args, '--rdb', file];
}

function failureOf(where: string, output: string): Result<null> {
  if (/NOAUTH|WRONGPASS|AUTH failed/i.test(output)) return fail('unauthorised', `${where} refuses the password.`);
  if (/NOPERM/i.test(output)) return fail('forbidden', `${where} does not let this user copy its data: it needs the commands psync, sync and replconf.`);
  if (/Could not connect/i.test(output)) return fail('unreachable', `${where} cannot be reached.`);
  // A write that was cut short is all that redis-cli says of a full disk.
  if (/No space left|Disk quota|short write/i.test(output)) return fail('unavailable', `There is no room left for the RDB of ${where}.`);
  const last = output.trim().split('\n').at(-1) ?? '';
  return fail('unavailable', `${where} gave no whole RDB: ${last === '' ? 'redis-cli says nothing' : last.slice(0, 300)}.`);
}
