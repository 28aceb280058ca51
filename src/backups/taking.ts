/** What taking a backup has in common: files under a temporary name until they are whole, digests, the manifest at the end. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { Manifest } from './manifest.ts';
import { manifestFile, type Store } from './names.ts';

/** Files with this ending are not backups yet: nobody takes them for one. */
export const UNFINISHED = '.part';
const READ_BYTES = 1024 * 1024;

export interface Taken {
  readonly manifest: Manifest;
  /** Relative to the directory. */
  readonly manifestPath: string;
  readonly directory: string;
}

/** A directory that can be written, or why not. */
export async function prepareDirectory(directory: string): Promise<Result<null>> {
  try {
    await mkdir(directory, { recursive: true });
    const probe = join(directory, `.probe${UNFINISHED}`);
    await writeFile(probe, '');
    await rm(probe);
    return succeed(null);
  } catch (error) {
    return fail('forbidden', `${directory} cannot be written: ${codeOf(error)}.`);
  }
}

/** On disk, and under its own name. */
export async function finishFile(directory: string, path: string): Promise<void> {
  const part = join(directory, path + UNFINISHED);
  const file = await open(part, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, join(directory, path));
}

export async function discard(directory: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(join(directory, path + UNFINISHED), { force: true });
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

/** The manifest is written last: a set with a manifest is a set that was finished. */
export async function writeManifest(directory: string, store: Store, stamp: string, manifest: Manifest): Promise<Taken> {
  const path = manifestFile(store, stamp);
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path + UNFINISHED), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600 });
  await finishFile(directory, path);
  return { manifest, manifestPath: path, directory };
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'for no reason given';
  return 'code' in error ? String(error.code) : error.message;
}
