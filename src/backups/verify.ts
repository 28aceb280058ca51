/** Whether the files of a set are what they should be, as far as that is seen without restoring them: a drill sees more. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { differingState, lostBlocks, PROBLEMS_MAX, type StreamArchive } from './archive/archive.ts';
import { cameMeanwhile, makesRoom } from './archive/meanwhile.ts';
import { readStreamArchive } from './archive/read.ts';
import { CONFIG_FILE_MAX_BYTES, configFileShape, isConfigKey } from './config-file.ts';
import type { BackupFile, BackupSet } from './inventory.ts';
import type { Manifest, NatsFacts } from './manifest.ts';
import { contradictionsOf } from './manifest-claims.ts';
import type { CheckedRdb } from './redis/check-rdb.ts';
import { lookAtDump } from './redis/dump.ts';
import { REQUIRED_KEYS } from './redis/facts.ts';
import { POLICY_KEY } from './redis/policy-source.ts';
import { lookAtRdb, readSizes } from './redis/rdb-file.ts';
import { REQUIRED_STREAMS } from './take-nats.ts';
import { codeOf, digestFile } from './taking.ts';

export interface Problem {
  /** Relative to the directory; empty when it is about the set. */
  readonly file: string;
  /** A part of a sentence or a sentence. */
  readonly problem: string;
  /** Nothing speaks against it: the programs of this machine could not look at it. */
  readonly unread?: true;
}

export interface SetVerdict {
  readonly set: string;
  readonly store: BackupSet['store'];
  /** Empty: nothing speaks against it. */
  readonly problems: readonly Problem[];
  /** What could not be looked at. */
  readonly notes: readonly string[];
}

export interface VerifyParts {
  /** Undefined: there is no such program. */
  readonly checkRdb: ((file: string) => Promise<CheckedRdb>) | undefined;
  /** ms since the epoch. Without it a time to come is not told. */
  readonly nowMs?: number;
}

interface Look {
  readonly directory: string;
  readonly set: BackupSet;
  readonly manifest: Manifest | undefined;
  readonly parts: VerifyParts;
  say(file: string, problem: string, unread?: true): void;
}

/** A stream with many consumers has a large state. */
const BACKUP_JSON_MAX = 64 * 1024 * 1024;
const NODE_FILE = /-node(\d+)\.rdb$/;

export async function verifySet(directory: string, set: BackupSet, parts: VerifyParts): Promise<SetVerdict> {
  const problems: Problem[] = [];
  const manifest = typeof set.manifest === 'object' && 'version' in set.manifest ? set.manifest : undefined;
  const look: Look = {
    directory,
    set,
    manifest,
    parts,
    say: (file, problem, unread) => {
      if (problems.length < PROBLEMS_MAX * 5) problems.push({ file, problem, ...(unread === true ? { unread } : {}) });
    },
  };
  if (typeof set.manifest === 'object' && 'unreadable' in set.manifest) look.say('', `Its manifest cannot be read: ${set.manifest.unreadable}.`);
  if (set.files.length === 0) look.say('', 'It has no files.');
  try {
    if (manifest !== undefined) await againstManifest(manifest, look);
    if (set.store === 'redis') await verifyRedis(look);
    else if (set.store === 'nats') await verifyNats(look);
    else await verifyConfig(look);
  } catch (error) {
    look.say('', `It cannot be read: ${codeOf(error)}.`);
  }
  return { set: `${set.store}-${set.stamp}`, store: set.store, problems, notes: set.manifest === 'none' ? ['It has no manifest: whether it is what was backed up cannot be told.'] : [] };
}

async function againstManifest(manifest: Manifest, { directory, set, parts, say }: Look): Promise<void> {
  if (manifest.store !== set.store) say('', `Its manifest is that of a backup of ${manifest.store}.`);
  if (!manifest.complete) say('', `Its manifest says that it is not complete: ${manifest.missing.join(', ')}.`);
  for (const wrong of contradictionsOf(manifest, set, parts.nowMs)) say('', `Its manifest contradicts itself, or its name: ${wrong}.`);
  for (const { path } of set.files) if (!manifest.files.some((noted) => noted.path === path)) say(path, 'the manifest does not name it');
  for (const noted of manifest.files) {
    if (!set.files.some(({ path }) => path === noted.path)) {
      say(noted.path, 'it is not there');
      continue;
    }
    const found = await orSay(noted.path, say, () => digestFile(join(directory, noted.path)));
    if (found === undefined) continue;
    if (found.bytes !== noted.bytes) say(noted.path, `it has ${found.bytes} bytes, by the manifest ${noted.bytes}`);
    else if (found.sha256 !== noted.sha256) say(noted.path, 'its digest is not the one in the manifest');
  }
}

async function verifyRedis({ directory, set, manifest, parts, say }: Look): Promise<void> {
  const nodes = set.files.flatMap(({ path }) => NODE_FILE.exec(path)?.[1] ?? []).map(Number);
  // With a manifest its list of files says what is missing.
  if (manifest === undefined) for (let node = 0; node < Math.max(0, ...nodes); node += 1) if (!nodes.includes(node)) say('', `Shard node${node} is missing.`);
  if (nodes.length > 0 && nodes.length < set.files.length) say('', 'It is a backup of a single server and of a cluster at once.');
  for (const { path, odd } of set.files) {
    if (odd !== undefined) {
      say(path, `it ${odd}`);
      continue;
    }
    const file = join(directory, path);
    const seen = await orSay(path, say, () => lookAtRdb(file));
    if (seen === undefined) continue;
    if (!seen.ok) {
      say(path, seen.because);
      continue;
    }
    if (parts.checkRdb === undefined) {
      say(path, 'its records and its checksum were not looked at: there is no redis-check-rdb on PATH (Debian: redis-tools)', true);
      continue;
    }
    if (seen.head.aofBase) say(path, 'it is the base of an append-only file: what was written since stands in files beside it');
    const checked = await parts.checkRdb(file);
    if (!checked.ok) {
      say(path, checked.because, checked.tooNew ? true : undefined);
      continue;
    }
    if (checked.endsAt !== seen.head.bytes) say(path, `it goes on for ${seen.head.bytes - checked.endsAt} bytes behind its end`);
    const said = checked.databases === undefined ? [undefined] : await readSizes(file, checked.databases.map(({ at }) => at));
    const keys = said.reduce((sum, size) => sum + (size?.keys ?? 0), 0);
    if (!said.includes(undefined) && keys !== checked.keys) say(path, `it says that it holds ${keys} keys, and holds ${checked.keys}`);
    const noted = manifest?.redis?.shards.find((shard) => shard.file === path);
    if (noted !== undefined && (noted.keys !== checked.keys || noted.expires !== checked.volatile)) say(path, `it holds ${checked.keys} keys (${checked.volatile} with a time to live), by the manifest ${noted.keys} (${noted.expires})`);
  }
}

const backupJson = z.looseObject({ config: z.looseObject({ name: z.string() }), state: z.looseObject({ messages: z.int().nonnegative(), first_seq: z.int().nonnegative().default(0), last_seq: z.int().nonnegative(), consumer_count: z.int().nonnegative().default(0) }) });

async function verifyNats(look: Look): Promise<void> {
  const { set, manifest, say } = look;
  const streams = [...new Set(set.files.map(({ stream }) => stream ?? ''))];
  if (manifest === undefined) for (const name of REQUIRED_STREAMS) if (!streams.includes(name)) say('', `The stream ${name} of Cordum is missing.`);
  for (const noted of manifest?.nats?.streams ?? []) if (!streams.includes(noted.name)) say('', `The stream ${noted.name}, which the manifest names, is missing.`);
  for (const stream of streams) {
    const files = set.files.filter((file) => file.stream === stream);
    const json = files.find(({ path }) => path.endsWith('/backup.json'));
    const [archive, second] = files.filter(({ path }) => !path.endsWith('/backup.json'));
    if (second !== undefined) say(second.path, `there is another archive of ${stream}`);
    const folder = files[0]?.path.split('/').slice(0, 2).join('/') ?? '';
    if (archive === undefined) {
      say(folder, 'there is no archive in it');
      continue;
    }
    if (json === undefined && archive.path.includes('.snapshot/')) say(folder, 'there is no backup.json in it');
    if (archive.odd !== undefined) {
      say(archive.path, `it ${archive.odd}`);
      continue;
    }
    const seen = await orSay(archive.path, say, () => readStreamArchive(createReadStream(join(look.directory, archive.path))));
    if (seen === undefined) continue;
    for (const problem of seen.problems) say(archive.path, problem);
    if (seen.stream !== '' && seen.stream !== stream) say(archive.path, `it is of the stream ${seen.stream}`);
    const noted = manifest?.nats?.streams.find(({ name }) => name === stream);
    const inMemory = noted?.consumers.filter(({ memory }) => memory === true).length ?? 0;
    if (json !== undefined) await againstBackupJson(json, { stream, seen, inMemory }, look);
    else for (const problem of lostBlocks(seen, undefined)) say(archive.path, problem);
    if (noted !== undefined) againstFacts(archive, noted, seen, look);
  }
}

async function againstBackupJson({ path, bytes }: BackupFile, { stream, seen, inMemory }: { readonly stream: string; readonly seen: StreamArchive; readonly inMemory: number }, { directory, say }: Look): Promise<void> {
  if (bytes > BACKUP_JSON_MAX) return say(path, 'it is larger than any backup.json');
  const raw = parsed(await readFile(join(directory, path), 'utf8'));
  const read = backupJson.safeParse(raw);
  if (!read.success) return say(path, 'it is not the backup.json of a stream');
  const { config, state } = read.data;
  if (config.name !== stream) say(path, `it is of the stream ${config.name}`);
  const wanted = state.messages + (makesRoom(config) ? 0 : cameMeanwhile(seen, state));
  if (seen.messages < wanted) say(path, `it says ${state.messages} messages up to ${state.last_seq}, the archive holds ${seen.messages} up to ${seen.lastSeq}`);
  if (seen.problems.length === 0) for (const field of differingState(seen, state)) say(path, `it and the archive differ in ${field}`);
  const lost = lostBlocks(seen, state);
  for (const problem of lost) say(path, problem);
  // The last messages may have been deleted: then the last that is left stands before them.
  const deleted = state.messages === 0 ? 0 : state.last_seq - state.first_seq + 1 - state.messages;
  if (state.messages > 0 && state.last_seq - seen.lastSeq > deleted && seen.problems.length === 0) say(path, `its last message is ${state.last_seq}, that of the archive ${seen.lastSeq}`);
  if (seen.consumers.length + inMemory < state.consumer_count) say(path, `it says ${state.consumer_count} consumers, the archive holds ${seen.consumers.length}`);
}

function againstFacts({ path }: BackupFile, noted: NatsFacts['streams'][number], seen: StreamArchive, { say }: Look): void {
  if (seen.format !== noted.format) say(path, `it is of format ${seen.format}, by the manifest ${noted.format}`);
  if (seen.messages < noted.state.messages) say(path, `it holds ${seen.messages} messages, by the manifest ${noted.state.messages}`);
  const names = new Set(seen.consumers.map(({ name }) => name));
  for (const { name, memory } of noted.consumers) if (memory !== true && !names.has(name)) say(path, `the consumer ${name} is missing`);
  if (seen.contentSha256 !== undefined && noted.contentSha256 !== null && seen.contentSha256 !== noted.contentSha256) say(path, 'its messages are not those of the manifest');
}

async function verifyConfig({ directory, set, manifest, say }: Look): Promise<void> {
  for (const { path, bytes, odd } of set.files) {
    if (odd !== undefined) say(path, `it ${odd}`);
    else if (bytes === 0) say(path, 'it is empty');
    if (bytes > CONFIG_FILE_MAX_BYTES) say(path, 'it is larger than any configuration');
    if (bytes === 0 || bytes > CONFIG_FILE_MAX_BYTES) continue;
    if (path.endsWith('.rdb')) {
      const payload = await orSay(path, say, () => readFile(join(directory, path)));
      const because = payload === undefined ? '' : lookAtDump(payload).because;
      if (because !== '') say(path, because);
      continue;
    }
    const raw = parsed((await orSay(path, say, () => readFile(join(directory, path), 'utf8'))) ?? '');
    if (!path.startsWith('config-2')) {
      if (typeof raw !== 'object' || raw === null) say(path, 'it is not the JSON of a configuration');
      continue;
    }
    const read = configFileShape.safeParse(raw);
    if (!read.success) {
      say(path, 'it is not the file of a configuration backup');
      continue;
    }
    const keys = new Map(read.data.keys.map((entry) => [entry.key, entry]));
    if (keys.size < read.data.keys.length) say(path, 'a key stands in it twice');
    for (const { key, dump } of read.data.keys) {
      const { because } = lookAtDump(Buffer.from(dump, 'base64'));
      if (because !== '') say(path, `the dump of ${key}: ${because}`);
      if (!isConfigKey(key)) say(path, `${key} is no key of Cordum's configuration`);
    }
    for (const key of REQUIRED_KEYS) if (!keys.has(key) && !(manifest?.config?.policyFromFile === true && key === POLICY_KEY)) say(path, `${key} is missing`);
    for (const noted of manifest?.config?.keys ?? []) {
      const entry = keys.get(noted.key);
      if (entry === undefined) say(path, `${noted.key}, which the manifest names, is missing`);
      else if (createHash('sha256').update(entry.value ?? Buffer.from(entry.dump, 'base64')).digest('hex') !== noted.sha256) say(path, `${noted.key} is not as the manifest says`);
    }
  }
}

/** A file that cannot be read is a problem of that file; the others are still looked at. */
async function orSay<T>(file: string, say: Look['say'], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    say(file, `it cannot be read: ${codeOf(error)}`);
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
