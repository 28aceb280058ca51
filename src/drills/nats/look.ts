/**
 * Reads the archives of a backup and digests every file of it: beside the restore, which reads the same copies. One after the other:
 * on a machine of two processors the server has the other one.
 */
import { readArchivesInWorker } from '#backups/archive/read-worker.ts';
import { digestInWorker } from '#backups/digest-worker.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { DrillContext } from '../context.ts';
import type { Copied, Fetched } from '../fetch.ts';
import type { Looked } from './archive-checks.ts';
import type { StreamBackup } from './backup-files.ts';

export interface Look {
  readonly files: readonly Fetched[];
  readonly streams: readonly Looked[];
}

export async function lookInto(backups: readonly StreamBackup[], { copies, manifest }: { readonly copies: readonly Copied[]; readonly manifest: Manifest | undefined }, ctx: DrillContext): Promise<Look> {
  const notedOf = ({ stream }: StreamBackup) => manifest?.nats?.streams.find(({ name }) => name === stream);
  const archives = backups.flatMap((backup) => (backup.archive === undefined ? [] : [{ path: backup.archive.path, copy: backup.archive.copy, sealed: notedOf(backup)?.sealsSha256 !== undefined }]));
  const seen = await readArchivesInWorker(archives.map(({ copy, sealed }) => ({ path: copy, sealsOnly: sealed, checkedElsewhere: sealed })), ctx.signal);
  const digests = await digestInWorker(copies.map(({ copy }) => copy), ctx.signal);
  const byPath = new Map(archives.map(({ path }, i) => [path, seen[i]]));
  return {
    files: copies.map((copy, i) => ({ ...copy, sha256: '', ...digests[i] })),
    streams: backups.map((backup) => ({ ...backup, noted: notedOf(backup), seen: byPath.get(backup.archive?.path ?? '') })),
  };
}

/**
 * The server that restores an archive compares the checksums of its chunks (2.9.10 answers "s2: corrupt input, crc mismatch",
 * measured). Where it did not restore it, nobody has: then the archive is read once more, so that what is damaged is told.
 */
export async function readUnchecked(looked: readonly Looked[], isRestored: (stream: string) => boolean, ctx: DrillContext): Promise<readonly Looked[]> {
  const unchecked = looked.flatMap(({ stream, archive, seen }) => (archive === undefined || seen?.checkedElsewhere !== true || isRestored(stream) ? [] : [{ stream, path: archive.copy }]));
  if (unchecked.length === 0) return looked;
  const seen = await ctx.during('verify', 'reading what was not restored once more', () => readArchivesInWorker(unchecked.map(({ path }) => ({ path, sealsOnly: true })), ctx.signal));
  const byStream = new Map(unchecked.map(({ stream }, i) => [stream, seen[i]]));
  return looked.map((backup) => ({ ...backup, seen: byStream.get(backup.stream) ?? backup.seen }));
}
