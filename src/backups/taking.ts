/** What taking a backup has in common: files under a temporary name until they are whole, digests, the manifest at the end. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import { makeDirectory } from './directory.ts';
import type { Manifest } from './manifest.ts';
import { manifestFile, readName, stampOf, type Store } from './names.ts';

/** Files with this ending are not backups yet: nobody takes them for one. */
export const UNFINISHED = '.part';
const READ_BYTES = 1024 * 1024;
const STAMP_TRIES = 5;

export interface Taken {
  readonly manifest: Manifest;
  /** Relative to the directory. */
  readonly manifestPath: string;
  readonly directory: string;
}

/** A directory that can be written, or why not. */
export async function prepareDirectory(directory: string): Promise<Result<null>> {
  try {
    await makeDirectory(directory);
    const probe = join(directory, `.probe${UNFINISHED}`);
    await writeFile(probe, '');
    await rm(probe);
    return succeed(null);
  } catch (error) {
    return { ok: false, failure: writeFailure(directory, error) };
  }
}

/**
 * The time in the names of this set. It is claimed by the unfinished manifest: two backups of the same second would write over
 * each other, so the later one waits for the next.
 */
export async function claimStamp(directory: string, store: Store, clock: Clock, signal: AbortSignal): Promise<Result<{ readonly stamp: string; readonly startedMs: number }>> {
  for (let attempt = 0; attempt < STAMP_TRIES && !signal.aborted; attempt += 1) {
    const startedMs = clock.now();
    const stamp = stampOf(startedMs);
    try {
      const taken = (await readdir(directory)).some((name) => {
        const read = readName(name);
        return read !== undefined && read.stamp === stamp && (read.kind === store || (read.kind === 'manifest' && read.store === store));
      });
      if (!taken) {
        await writeFile(join(directory, manifestFile(store, stamp) + UNFINISHED), '', { flag: 'wx', mode: 0o600 });
        return succeed({ stamp, startedMs });
      }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return { ok: false, failure: writeFailure(directory, error) };
    }
    await waitUntil(clock, (Math.floor(startedMs / 1_000) + 1) * 1_000, signal);
  }
  return signal.aborted ? cancelled() : fail('conflict', `Others take backups of ${store} into ${directory} at this moment.`);
}

export function cancelled(): Result<never> {
  return fail('cancelled', 'The backup was cancelled; nothing of it was kept.');
}

/** Everything is on disk before the first file gets its own name, and the manifest gets its own last: a set with a manifest was finished. */
export async function finishSet(directory: string, stamp: string, paths: readonly string[], manifest: Manifest): Promise<Taken> {
  const manifestPath = manifestFile(manifest.store, stamp);
  await writeFile(join(directory, manifestPath + UNFINISHED), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600, flush: true });
  const finished: string[] = [];
  try {
    for (const path of [...paths, manifestPath]) await sync(join(directory, path + UNFINISHED));
    for (const path of [...paths, manifestPath]) {
      await rename(join(directory, path + UNFINISHED), join(directory, path));
      finished.push(path);
    }
    await sync(directory);
  } catch (error) {
    for (const path of finished) await rm(join(directory, path), { recursive: true, force: true });
    throw error;
  }
  return { manifest, manifestPath, directory };
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What has not been finished goes, the claim to the time with it. */
export async function discard(directory: string, store: Store, stamp: string, paths: readonly string[]): Promise<void> {
  for (const path of [...paths, manifestFile(store, stamp)]) await rm(join(directory, path + UNFINISHED), { recursive: true, force: true });
}

export async function digestFile(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Why something could not be written, for a person. */
export function writeFailure(directory: string, error: unknown): Failure {
  const code = codeOf(error);
  const why = WHY.get(code);
  return { reason: code === 'ENOSPC' || code === 'EDQUOT' ? 'unavailable' : 'forbidden', message: `${directory} cannot be written: ${why === undefined ? code : `${why} (${code})`}.` };
}

const WHY: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'there is no room left'],
  ['EDQUOT', 'the quota is used up'],
  ['EROFS', 'it is mounted read-only'],
  ['EACCES', 'this user may not write there'],
  ['EPERM', 'this user may not write there'],
  ['ENOTDIR', 'it is no directory'],
  ['EEXIST', 'it is no directory'],
]);

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'for no reason given';
  return 'code' in error ? String(error.code) : error.message;
}

/** An error of the file system, and not of a server. */
export function isOfSystem(error: unknown): boolean {
  return error instanceof Error && (WHY.has(codeOf(error)) || ('syscall' in error && 'path' in error));
}
