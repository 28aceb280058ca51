/** The streams of a NATS backup: which files belong to which, and what they say the stream was. */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import type { Copied } from '../fetch.ts';

/** natscli writes configuration and state here; a stream with many consumers has a large state. */
const BACKUP_JSON_MAX_BYTES = 64 * 1024 * 1024;

const count = z.number().int().nonnegative();
export const stateShape = z.looseObject({ messages: count, bytes: count.default(0), first_seq: count, last_seq: count, consumer_count: count.default(0), num_deleted: count.default(0) });
export type WireState = z.output<typeof stateShape>;
const backupJson = z.looseObject({ config: z.looseObject({ name: z.string() }), state: stateShape });

export interface StreamBackup {
  /** By the folder or file. */
  readonly stream: string;
  readonly archive: Copied | undefined;
  /** From `backup.json`; undefined for a raw archive. */
  readonly config: JsonObject | undefined;
  readonly state: WireState | undefined;
  /** Why `backup.json` says nothing; empty when it does, or when there is none. */
  readonly because: string;
}

export async function readStreamBackups(files: readonly Copied[]): Promise<readonly StreamBackup[]> {
  const byStream = Map.groupBy(files, ({ stream = '' }) => stream);
  return Promise.all([...byStream].map(([stream, parts]) => readOne(stream, parts)));
}

async function readOne(stream: string, parts: readonly Copied[]): Promise<StreamBackup> {
  const [archive, second] = parts.filter(({ path }) => !path.endsWith('/backup.json'));
  if (second !== undefined) return { stream, archive, config: undefined, state: undefined, because: 'there are two archives of it' };
  const described = parts.find(({ path }) => path.endsWith('/backup.json'));
  const natscliLayout = parts.some(({ path }) => path.includes('.snapshot/'));
  if (described === undefined) return { stream, archive, config: undefined, state: undefined, because: natscliLayout ? 'its backup.json is missing' : '' };
  const read = await readJson(described.copy);
  const parsed = backupJson.safeParse(read);
  if (!parsed.success) return { stream, archive, config: undefined, state: undefined, because: 'its backup.json cannot be read' };
  return { stream, archive, config: parsed.data.config as JsonObject, state: parsed.data.state, because: '' };
}

async function readJson(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > BACKUP_JSON_MAX_BYTES) return undefined;
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
