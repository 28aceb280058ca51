/** Reads the archives of a backup and digests every file of it: beside the restore, which reads the same copies. */
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
  const archives = backups.flatMap((backup) => (backup.archive === undefined ? [] : [{ path: backup.archive.path, copy: backup.archive.copy, sealsOnly: notedOf(backup)?.sealsSha256 !== undefined }]));
  const [seen, digests] = await Promise.all([readArchivesInWorker(archives.map(({ copy, sealsOnly }) => ({ path: copy, sealsOnly })), ctx.signal), digestInWorker(copies.map(({ copy }) => copy), ctx.signal)]);
  const byPath = new Map(archives.map(({ path }, i) => [path, seen[i]]));
  return {
    files: copies.map((copy, i) => ({ ...copy, sha256: '', ...digests[i] })),
    streams: backups.map((backup) => ({ ...backup, noted: notedOf(backup), seen: byPath.get(backup.archive?.path ?? '') })),
  };
}
