/** Copies the files of a backup into the sandbox and digests them on the way: what is checked and restored is the copy. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BackupFile } from '#backups/inventory.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';

const READ_BYTES = 1024 * 1024;

export interface Fetched extends BackupFile {
  /** Where the copy stands. */
  readonly copy: string;
  readonly sha256: string;
}

export async function fetchFiles(from: string, files: readonly BackupFile[], to: string, signal: AbortSignal): Promise<Result<readonly Fetched[]>> {
  const fetched: Fetched[] = [];
  for (const file of files) {
    if (file.odd !== undefined) return fail('invalid', `${file.path} ${file.odd}.`);
    const copy = join(to, file.path);
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      await mkdir(dirname(copy), { recursive: true, mode: 0o700 });
      await pipeline(
        createReadStream(join(from, file.path), { highWaterMark: READ_BYTES }),
        async function* digest(source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            hash.update(chunk);
            bytes += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(copy, { mode: 0o600 }),
        { signal },
      );
    } catch (error) {
      if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
      return fail('unavailable', `${file.path} cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given'}.`);
    }
    fetched.push({ ...file, bytes, copy, sha256: hash.digest('hex') });
  }
  return succeed(fetched);
}
