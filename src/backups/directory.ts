/** Directories for what is to be kept. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory, and those above it. `mkdir` of Node never ends with `recursive` where a file system says of a directory that is
 * there that nothing can be made in it since it is not (`/proc`, seen on Node 26), and cannot be stopped either.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const above = dirname(directory);
  if (above !== directory && !(await exists(above))) await makeDirectory(above);
  try {
    await mkdir(directory);
  } catch (error) {
    if (!isThere(error) || !(await stat(directory)).isDirectory()) throw error;
  }
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
