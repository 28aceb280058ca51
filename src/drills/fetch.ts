/** Copies the files of a backup into the sandbox: what is digested, checked and restored is the copy. */
import { constants } from 'node:fs';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BackupFile } from '#backups/inventory.ts';
import { digestFile } from '#backups/taking.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';

export interface Copied extends BackupFile {
  /** Where the copy stands. */
  readonly copy: string;
}

export interface Fetched extends Copied {
  readonly sha256: string;
}

/** By the kernel, from file to file: where the file system can share the bytes, nothing is copied at all. */
export async function copyFiles(from: string, files: readonly BackupFile[], to: string, signal: AbortSignal): Promise<Result<readonly Copied[]>> {
  const copied: Copied[] = [];
  for (const file of files) {
    if (file.odd !== undefined) return fail('invalid', `${file.path} ${file.odd}.`);
    const copy = join(to, file.path);
    try {
      await mkdir(dirname(copy), { recursive: true, mode: 0o700 });
      await orAborted(copyFile(join(from, file.path), copy, constants.COPYFILE_FICLONE), signal);
      copied.push({ ...file, bytes: (await stat(copy)).size, copy });
    } catch (error) {
      if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
      return fail('unavailable', `${file.path} cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given'}.`);
    }
  }
  return succeed(copied);
}

/** Copies and digests, for files that are small. */
export async function fetchFiles(from: string, files: readonly BackupFile[], to: string, signal: AbortSignal): Promise<Result<readonly Fetched[]>> {
  const copied = await copyFiles(from, files, to, signal);
  return copied.ok ? succeed(await Promise.all(copied.value.map(async (file) => ({ ...file, ...(await digestFile(file.copy)) })))) : copied;
}

/** The kernel does not let go of a copy under way; whoever cancels does not wait for it. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = (): void => reject(new Error('cancelled'));
  signal.addEventListener('abort', listener, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', listener);
  }
}
