/**
 * The keys of a config backup, from our file, or from the files that the seeds' procedure leaves: `GET cfg:system:default >
 * config-backup.json` and `DUMP cfg:system:policy > policies-backup.rdb`, both with the newline that redis-cli puts behind an answer.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CONFIG_FILE_MAX_BYTES, configFileShape, isConfigKey } from '#backups/config-file.ts';
import type { Fetched } from '../fetch.ts';

export interface ConfigKey {
  readonly key: string;
  /** By the backup; absent where it does not say. */
  readonly type?: string;
  /** A text that is set; absent where only the dump is there. */
  readonly value?: string;
  readonly dump?: Buffer;
}

export type ConfigRead = { readonly ok: true; readonly keys: readonly ConfigKey[]; readonly takenMs?: number } | { readonly ok: false; readonly because: string };

export async function readConfig(files: readonly Fetched[]): Promise<ConfigRead> {
  const keys: ConfigKey[] = [];
  let takenMs: number | undefined;
  for (const file of files) {
    const name = basename(file.path);
    if ((await stat(file.copy)).size > CONFIG_FILE_MAX_BYTES) return { ok: false, because: `${name} is larger than any configuration` };
    const bytes = await readFile(file.copy);
    if (name === 'config-backup.json') keys.push({ key: 'cfg:system:default', value: withoutNewline(bytes).toString('utf8') });
    else if (name === 'policies-backup.rdb') keys.push({ key: 'cfg:system:policy', dump: bytes });
    else {
      const read = readOurs(bytes.toString('utf8'));
      if (!read.ok) return { ok: false, because: `${name}: ${read.because}` };
      keys.push(...read.keys);
      takenMs = read.takenMs;
    }
  }
  const double = keys.find(({ key }, i) => keys.findIndex((one) => one.key === key) !== i);
  if (double !== undefined) return { ok: false, because: `${double.key} stands in it twice` };
  return { ok: true, keys, ...(takenMs === undefined ? {} : { takenMs }) };
}

function readOurs(text: string): ConfigRead {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { ok: false, because: 'it is not JSON' };
  }
  const read = configFileShape.safeParse(raw);
  if (!read.success) return { ok: false, because: `${read.error.issues[0]?.path.join('.') || 'its top'} cannot be read: ${read.error.issues[0]?.message ?? ''}` };
  const strange = read.data.keys.find(({ key, type, value }) => !isConfigKey(key) || (type === 'string') !== (value !== null));
  if (strange !== undefined) return { ok: false, because: isConfigKey(strange.key) ? `${strange.key} has a text and is none, or has none` : `${strange.key.slice(0, 80)} is no key of Cordum's configuration` };
  const keys = read.data.keys.map(({ key, type, value, dump }) => ({ key, type, ...(value === null ? {} : { value }), dump: Buffer.from(dump, 'base64') }));
  return { ok: true, keys, takenMs: Date.parse(read.data.takenAt) };
}

function withoutNewline(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}
