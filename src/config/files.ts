import { readFileSync, statSync } from 'node:fs';

/** A configuration or a secret is small; a path that leads to something else must not fill the memory. */
const LARGEST_FILE_BYTES = 1024 * 1024;
const READABLE_BY_ALL = 0o004;

export type FileRead =
  | { readonly ok: true; readonly text: string; /** Every user of the machine can read it. */ readonly worldReadable: boolean }
  | { readonly ok: false; readonly missing: boolean; readonly because: string };

/** The only way to files that `loadConfig` has. */
export type ReadFile = (path: string) => FileRead;

export const readFileOfDisk: ReadFile = (path) => {
  try {
    const { mode, size } = statSync(path);
    if (size > LARGEST_FILE_BYTES) return { ok: false, missing: false, because: `it is larger than ${LARGEST_FILE_BYTES} bytes` };
    return { ok: true, text: readFileSync(path, 'utf8'), worldReadable: (mode & READABLE_BY_ALL) !== 0 };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { ok: false, missing: true, because: 'it does not exist' };
    if (code === 'EISDIR') return { ok: false, missing: false, because: 'it is a directory' };
    if (code === 'EACCES' || code === 'EPERM') return { ok: false, missing: false, because: 'this user may not read it' };
    return { ok: false, missing: false, because: error instanceof Error ? error.message : String(error) };
  }
};
