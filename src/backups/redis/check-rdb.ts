/** Runs `redis-check-rdb`, which parses every record and compares the checksum. */
import { spawn } from 'node:child_process';
import { dirname, resolve as absolute } from 'node:path';
import { lookAtRdb } from './rdb-file.ts';

const OUTPUT_KEPT = 16_000;
/** What programs and servers say of a file that a newer one has written: the second of one that is Valkey's own, the third Valkey 9 of Redis 7.4 (all measured). */
const TOO_NEW = /Can't handle RDB format version|Wrong signature trying to load DB|in RDB file with foreign version/;

export interface CheckedRdb {
  readonly ok: boolean;
  /** What it says is wrong; empty when nothing is. */
  readonly because: string;
  /** The program is older than the server that wrote the file: nothing was looked at, and nothing speaks against it. */
  readonly tooNew: boolean;
  /** Records in the file, those whose time is over among them. */
  readonly keys: number;
  /** Of these, records with a time to live. */
  readonly volatile: number;
  /** Bytes that it has read: a file may go on behind its end. */
  readonly endsAt: number;
  /** Databases with records, and where each of them begins behind its number; undefined where it said more than is kept. */
  readonly databases: readonly { readonly id: number; readonly at: number }[] | undefined;
}

export function checkRdb(command: string, file: string, signal?: AbortSignal): Promise<CheckedRdb> {
  return new Promise((resolve) => {
    let output = '';
    // It works beside the file: so whoever clears up a sandbox finds it when we are no more.
    const child = spawn(command, [absolute(file)], { cwd: dirname(file), stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, ...(signal === undefined ? {} : { signal }) });
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => resolve({ ok: false, because: `redis-check-rdb does not run: ${error.message}`, tooNew: false, keys: 0, volatile: 0, endsAt: 0, databases: [] }));
    child.once('close', (code) => void answer(output, code, file).then(resolve));
  });
}

async function answer(output: string, code: number | null, file: string): Promise<CheckedRdb> {
  const read = readAnswer(output, code);
  const writer = read.ok ? undefined : await whoWroteTooNew(output, file);
  return writer === undefined ? read : { ...read, tooNew: true, because: `it was written by ${writer.name}, and the redis-check-rdb of this machine cannot read that: install ${writer.wanted}` };
}

/** `Redis 7.4.1 (RDB version 12)`, where a program or a server says of the file that its version is not known; else undefined. */
export async function whoWroteTooNew(output: string, file: string): Promise<{ readonly name: string; readonly wanted: string } | undefined> {
  if (!TOO_NEW.test(output)) return undefined;
  // A file that has gone, or that is none, is not too new.
  const look = await lookAtRdb(file).catch(() => undefined);
  if (look?.ok !== true) return undefined;
  const { writer, rdbVersion } = look.head;
  // Neither reads all that the other has written since 7.4, whichever is newer.
  const kind = /^(?:Redis|Valkey) /.exec(writer)?.[0] ?? 'server ';
  return { name: `${writer} (RDB version ${rdbVersion})`, wanted: `that of a ${kind}that is as new` };
}

/** Its last words: `[info] 12 keys read`, `[info] 3 expires`, and before them `\o/ RDB looks OK! \o/` or `--- RDB ERROR DETECTED ---`. */
function readAnswer(output: string, code: number | null): CheckedRdb {
  const count = (of: string): number => Number(new RegExp(`\\[info\\] (\\d+) ${of}`).exec(output)?.[1] ?? 0);
  const databases = output.length < OUTPUT_KEPT ? [...output.matchAll(/\[offset (\d+)\] Selecting DB ID (\d+)/g)].map(([, at, id]) => ({ id: Number(id), at: Number(at) })) : undefined;
  const facts = { tooNew: false, keys: count('keys read'), volatile: count('expires'), endsAt: Number(/\[offset (\d+)\] Checksum OK/.exec(output)?.[1] ?? 0), databases };
  if (code === 0 && output.includes('Checksum OK')) return { ok: true, because: '', ...facts };
  if (code === 0) return { ok: false, because: 'redis-check-rdb found no checksum to compare', ...facts };
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const error = lines.findIndex((line) => line.includes('RDB ERROR DETECTED'));
  const said = (error >= 0 ? lines.slice(error + 1, error + 2) : lines.slice(-1)).join(' ').replace(/^\[offset \d+\] /, '');
  return { ok: false, because: said === '' ? `redis-check-rdb ended with ${code}` : said, ...facts };
}
