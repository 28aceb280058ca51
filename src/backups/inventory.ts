/** What backups a directory holds: sets by store and time, their files, and what speaks against each at first sight. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { MANIFEST_MAX_BYTES, readManifest, type Manifest } from './manifest.ts';
import { readName, stampOf, STORES, timeOfStamp, type Store } from './names.ts';

/** A directory with more entries than this is not one of backups. */
const ENTRIES_MAX = 100_000;
/** As the seeds' procedure names them; they carry no time, so that of the file is taken. */
const SEED_CONFIG_FILES: ReadonlySet<string> = new Set(['config-backup.json', 'policies-backup.rdb']);
/** Archives of one NATS set. */
const STREAMS_MAX = 1_000;

export interface BackupFile {
  /** Relative to the directory. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Redis: the number in `-node<i>`. */
  readonly node?: number;
  /** NATS: the stream by its folder or file. */
  readonly stream?: string;
  /** It has the name of a backup and is none: a folder, a link to nowhere, nothing. A sentence's end for a person. */
  readonly odd?: string;
}

export interface BackupSet {
  readonly store: Store;
  readonly stamp: string;
  /** By its name, ms since the epoch. */
  readonly namedMs: number;
  readonly files: readonly BackupFile[];
  readonly bytes: number;
  /** `none`: the backup has no manifest. A text: it has one that cannot be read, and why. */
  readonly manifest: Manifest | 'none' | { readonly unreadable: string };
}

export interface Inventory {
  readonly directory: string;
  /** The newest first, by store. */
  readonly sets: readonly BackupSet[];
  /** Entries that are no backups by their name: told, since a misspelt name is a backup that nobody finds. */
  readonly strangers: readonly string[];
}

/** `wanted` chooses among the entries of the directory: of the others not even the size is asked. */
export async function readInventory(directory: string, wanted: (names: readonly string[]) => readonly string[] = (names) => names): Promise<Result<Inventory>> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const reason = reasonOf(error);
    return fail('notFound', `The directory of backups ${directory} ${reason === 'ENOENT' ? 'does not exist (ENOENT)' : `cannot be read: ${reason}`}.`);
  }
  if (names.length > ENTRIES_MAX) return fail('tooLarge', `${directory} holds ${names.length} entries; a directory of backups has at most ${ENTRIES_MAX}.`);
  const found = new Map<string, { store: Store; stamp: string; files: BackupFile[]; manifest: BackupSet['manifest'] }>();
  const strangers: string[] = [];
  const setOf = (store: Store, stamp: string) => {
    const key = `${store} ${stamp}`;
    const set = found.get(key) ?? { store, stamp, files: [], manifest: 'none' as const };
    found.set(key, set);
    return set;
  };
  const seeds: BackupFile[] = [];
  for (const name of wanted(names).toSorted()) {
    if (SEED_CONFIG_FILES.has(name)) {
      seeds.push(await fileOf(directory, name));
      continue;
    }
    const read = readName(name);
    if (read === undefined) strangers.push(name);
    else if (read.kind === 'manifest') setOf(read.store, read.stamp).manifest = await manifestOf(join(directory, name));
    else if (read.kind === 'nats') setOf('nats', read.stamp).files.push(...(await streamFiles(directory, name)));
    else {
      const file = await fileOf(directory, name);
      setOf(read.kind, read.stamp).files.push(read.kind === 'redis' && read.node !== null ? { ...file, node: read.node } : file);
    }
  }
  if (seeds.length > 0) setOf('config', stampOf(Math.min(...seeds.map(({ modifiedMs }) => modifiedMs)))).files.push(...seeds);
  const sets = [...found.values()].map((set): BackupSet => ({ ...set, namedMs: timeOfStamp(set.stamp) ?? 0, bytes: set.files.reduce((sum, file) => sum + file.bytes, 0) }));
  return succeed({ directory, strangers, sets: sets.toSorted((a, b) => STORES.indexOf(a.store) - STORES.indexOf(b.store) || b.namedMs - a.namedMs) });
}

async function manifestOf(path: string): Promise<BackupSet['manifest']> {
  try {
    const found = await stat(path);
    // A pipe would be waited for without end.
    if (!found.isFile()) return { unreadable: 'it is no plain file' };
    if (found.size > MANIFEST_MAX_BYTES) return { unreadable: `it is ${found.size} bytes long` };
    const read = readManifest(await readFile(path, 'utf8'));
    return read.ok ? read.manifest : { unreadable: read.because };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
}

/** The archives of one NATS set: `<STREAM>.snapshot/` as natscli lays it out, or a bare `<STREAM>.tar.s2`, `<STREAM>.arc.s2`, `<STREAM>.narc` or `<STREAM>.snapshot`. */
async function streamFiles(directory: string, folder: string): Promise<BackupFile[]> {
  let names: string[];
  try {
    names = await readdir(join(directory, folder));
  } catch {
    return [];
  }
  const files: BackupFile[] = [];
  for (const name of names.toSorted().slice(0, STREAMS_MAX)) {
    const stream = /^(.{1,255})\.(?:snapshot|tar\.s2|arc\.s2|narc)$/.exec(name)?.[1];
    if (stream === undefined) continue;
    const bare = !name.endsWith('.snapshot') || (await fileOf(directory, `${folder}/${name}`)).odd === undefined;
    const inner = bare ? [''] : ['backup.json', ...(await archivesIn(join(directory, folder, name)))];
    for (const part of inner) {
      const file = await fileOf(directory, part === '' ? `${folder}/${name}` : `${folder}/${name}/${part}`);
      // A missing backup.json is told by whoever reads the stream.
      if (part !== 'backup.json' || file.odd === undefined) files.push({ ...file, stream });
    }
  }
  return files;
}

/** natscli calls what a server since 2.15 gives `stream.arc.s2`; one that knew no other name, and our own backups, `stream.tar.s2`. */
async function archivesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const there = ['stream.tar.s2', 'stream.arc.s2'].filter((name) => names.includes(name));
  return there.length > 0 ? there : ['stream.tar.s2'];
}

/** What is no plain file is kept in the inventory: without it, a broken backup would be overlooked and an older one taken. */
async function fileOf(directory: string, path: string): Promise<BackupFile> {
  try {
    const found = await stat(join(directory, path));
    const file = { path, bytes: found.isFile() ? found.size : 0, modifiedMs: Math.trunc(found.mtimeMs) };
    return found.isFile() ? file : { ...file, odd: found.isDirectory() ? 'is a folder' : 'is no plain file' };
  } catch (error) {
    return { path, bytes: 0, modifiedMs: 0, odd: `cannot be read (${reasonOf(error)})` };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given';
}
