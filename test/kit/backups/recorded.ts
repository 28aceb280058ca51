/** Snapshots that real servers gave, with the answer that came with them (`test/fixtures/nats/archives`). */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readStreamArchive } from '#backups/archive/read.ts';
import type { ReadHow } from '#backups/archive/archive.ts';
import type { StreamSource } from '#backups/take-nats.ts';
import { takeNats } from '#backups/take-nats.ts';
import { systemClock } from '#kernel/clock.ts';
import { fail, succeed } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { chunksOf } from './s2.ts';

/** What was deleted in a stream of 2.10.27; messages that were delivered again, and messages with a time to live of their own, of 2.15.1. */
export type Recorded = 'deleted-2.10.27' | 'redelivered-2.15.1' | 'own-ttl-2.15.1';

type Answer = { readonly config: JsonObject & { readonly name: string }; readonly state: { readonly messages: number; readonly bytes: number; readonly first_seq: number; readonly last_seq: number; readonly consumer_count: number; readonly num_deleted: number; readonly last_ts: string } };

const of = (recorded: Recorded, ending: string): Promise<Buffer> => readFile(new URL(`../../fixtures/nats/archives/${recorded}.${ending}`, import.meta.url));

export async function answerOf(recorded: Recorded): Promise<Answer> {
  return JSON.parse((await of(recorded, 'json')).toString()) as Answer;
}

export async function readRecorded(recorded: Recorded, how: ReadHow = {}) {
  return readStreamArchive(chunksOf(await of(recorded, 's2')), how);
}

/** In the layout of natscli, in a folder of this time. */
export async function layOut(directory: string, stamp: string, recorded: Recorded, archive = 'stream.tar.s2'): Promise<string> {
  const { name } = (await answerOf(recorded)).config;
  const folder = join(directory, `nats-${stamp}`, `${name}.snapshot`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, archive), await of(recorded, 's2'));
  await writeFile(join(folder, 'backup.json'), await of(recorded, 'json'));
  return name;
}

/** With a manifest, as `backup take` writes it from a server that gives this snapshot. */
export async function takeRecorded(directory: string, recorded: Recorded): Promise<string> {
  const [archive, { config, state }] = await Promise.all([of(recorded, 's2'), answerOf(recorded)]);
  const { messages, bytes, first_seq: firstSeq, last_seq: lastSeq, num_deleted: deleted } = state;
  const source: StreamSource = {
    server: { id: 'ID', name: 'recorded', version: recorded.split('-').at(-1) ?? '', cluster: '' },
    streams: async () => succeed([config.name]),
    state: async () => succeed({ messages, bytes, firstSeq, lastSeq, deleted, newestMs: Date.parse(state.last_ts), consumers: [] }),
    snapshot: async (_stream, { write }) => {
      await write(archive);
      return succeed({ config, state, bytes: archive.length });
    },
    digest: async () => undefined,
  };
  const taken = await takeNats({ address: 'nats:4222', directory, tool: { name: 't', version: '1' }, streams: [config.name] }, { clock: systemClock, signal: new AbortController().signal, source });
  if (!taken.ok || !taken.value.manifest.complete) throw new Error(taken.ok ? taken.value.manifest.missing.join() : taken.failure.message);
  return taken.value.manifestPath.replace(/^nats-(.+)\.manifest\.json$/, '$1');
}

export const notAsked = (): Promise<never> => Promise.reject(new Error('not asked for'));
export const noSuch = async () => fail('notFound', 'There is none.');
