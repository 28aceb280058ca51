/**
 * Whole outputs that were too large for their events, as files beside the journal: one for each, named by the digest of its text,
 * so what is read can be checked. They are bounded in age, in number and in size together; the oldest go first.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { sha256 } from '#kernel/digest.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import type { Artifacts } from '#engine/ports.ts';

export const ARTIFACT_LIMITS: ArtifactLimits = { ageMs: 14 * 86_400_000, bytes: 256 * 1024 * 1024, files: 1_000 };

export interface ArtifactLimits {
  readonly ageMs: number;
  /** Of all together. */
  readonly bytes: number;
  readonly files: number;
}

export interface FileArtifactsOptions {
  /** Made when the first artifact comes, for this user alone. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log?: Log;
  readonly limits?: ArtifactLimits;
}

export interface FileArtifacts extends Artifacts {
  /** Removes what is too old or too much. Also runs after each `keep`. Rejects never. */
  sweep(): Promise<void>;
}

const ID = /^art_(?<digest>[0-9a-f]{64})$/;
/** What a process that was killed left behind while it was writing. */
const UNFINISHED = /^art_[0-9a-f]{64}\.json\.part\d+$/;

export function createFileArtifacts({ dir, clock, log = silentLog, limits = ARTIFACT_LIMITS }: FileArtifactsOptions): FileArtifacts {
  let writes = 0;
  const writing = new Set<string>();
  let sweeping: Promise<void> = Promise.resolve();

  const fileOf = (id: string): string => join(dir, `${id}.json`);

  const store = async (file: string, text: string): Promise<void> => {
    writes += 1;
    const part = `${file}.part${writes}`;
    writing.add(part);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await writeFile(part, text, { mode: 0o600, flush: true });
      // The age is counted by the bot's clock, from when it was last wanted.
      await touch(part);
      await rename(part, file);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    } finally {
      writing.delete(part);
    }
  };

  const touch = async (file: string): Promise<void> => {
    const seconds = clock.now() / 1_000;
    await utimes(file, seconds, seconds);
  };

  const remove = async (name: string): Promise<void> => rm(join(dir, name), { force: true });

  const sweepOnce = async (): Promise<void> => {
    const kept: { name: string; at: number; bytes: number }[] = [];
    for (const name of await listed(dir)) {
      if (UNFINISHED.test(name) && !writing.has(join(dir, name))) await remove(name);
      if (!ID.test(name.replace(/\.json$/, ''))) continue;
      const facts = await stat(join(dir, name)).catch(() => undefined);
      if (facts !== undefined) kept.push({ name, at: facts.mtimeMs, bytes: facts.size });
    }
    let bytes = 0;
    let files = 0;
    for (const one of kept.toSorted((a, b) => b.at - a.at)) {
      bytes += one.bytes;
      files += 1;
      if (clock.now() - one.at > limits.ageMs || bytes > limits.bytes || files > limits.files) await remove(one.name);
    }
  };

  const sweep = async (): Promise<void> => {
    // One after the other: two at once would count files that the other removes.
    sweeping = sweeping.then(sweepOnce).catch((error: unknown) => log.warn({ error, dir }, 'old artifacts could not be removed'));
    await sweeping;
  };

  return {
    sweep,
    async keep(text) {
      const id = `art_${sha256(text)}`;
      await store(fileOf(id), text);
      void sweep();
      return id;
    },
    async read(id) {
      const digest = ID.exec(id)?.groups?.['digest'];
      // A path is made of nothing but what such an id holds.
      if (digest === undefined) return undefined;
      const text = await readFile(fileOf(id), 'utf8').catch(() => undefined);
      if (text === undefined) return undefined;
      if (sha256(text) === digest) return text;
      log.error({ id, dir }, 'an artifact is not what it was when it was kept');
      return undefined;
    },
  };
}

async function listed(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    // Nothing has been kept yet.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
