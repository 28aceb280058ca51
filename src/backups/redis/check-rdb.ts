/** Runs `redis-check-rdb`, which parses every record and compares the checksum. */
import { spawn } from 'node:child_process';
import { dirname, resolve as absolute } from 'node:path';

const OUTPUT_KEPT = 16_000;

export interface CheckedRdb {
  readonly ok: boolean;
  /** What it says is wrong; empty when nothing is. */
  readonly because: string;
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
    child.once('error', (error) => resolve({ ok: false, because: `redis-check-rdb does not run: ${error.message}`, keys: 0, volatile: 0, endsAt: 0, databases: [] }));
    child.once('close', (code) => resolve(readAnswer(output, code)));
  });
}

/** Its last words: `[info] 12 keys read`, `[info] 3 expires`, and before them `\o/ RDB looks OK! \o/` or `--- RDB ERROR DETECTED ---`. */
function readAnswer(output: string, code: number | null): CheckedRdb {
  const count = (of: string): number => Number(new RegExp(`\\[info\\] (\\d+) ${of}`).exec(output)?.[1] ?? 0);
  const databases = output.length < OUTPUT_KEPT ? [...output.matchAll(/\[offset (\d+)\] Selecting DB ID (\d+)/g)].map(([, at, id]) => ({ id: Number(id), at: Number(at) })) : undefined;
  const facts = { keys: count('keys read'), volatile: count('expires'), endsAt: Number(/\[offset (\d+)\] Checksum OK/.exec(output)?.[1] ?? 0), databases };
  if (code === 0 && output.includes('Checksum OK')) return { ok: true, because: '', ...facts };
  if (code === 0) return { ok: false, because: 'redis-check-rdb found no checksum to compare', ...facts };
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const error = lines.findIndex((line) => line.includes('RDB ERROR DETECTED'));
  const said = (error >= 0 ? lines.slice(error + 1, error + 2) : lines.slice(-1)).join(' ').replace(/^\[offset \d+\] /, '');
  return { ok: false, because: said === '' ? `redis-check-rdb ended with ${code}` : said, ...facts };
}
