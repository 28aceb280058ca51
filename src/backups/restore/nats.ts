/**
 * Streams from a backup back into a live JetStream. A server refuses to restore over a stream that is there, so it is removed first:
 * only when a backup that has just been read through holds it as it is, and nobody writes.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { readInventory, type BackupSet } from '../inventory.ts';
import type { Manifest, NatsFacts } from '../manifest.ts';
import type { LiveStream, StreamSource } from '../take-nats.ts';
import { verifySet } from '../verify.ts';
import { whyNotRestorable } from './config.ts';

export interface StreamPort extends StreamSource {
  restore(backup: { readonly config: JsonObject; readonly state: JsonObject; readonly source: AsyncIterable<Uint8Array>; readonly signal?: AbortSignal }): Promise<Result<LiveStream>>;
  remove(stream: string): Promise<Result<null>>;
}

export interface StreamSide {
  readonly present: boolean;
  readonly messages: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly consumers: number;
}

export interface StreamChange {
  readonly stream: string;
  readonly now: StreamSide;
  readonly next: StreamSide;
  /** Messages that are older than this are gone as soon as they are restored; 0: none. */
  readonly maxAgeSeconds: number;
}

export interface StreamComparison {
  readonly takenAtMs: number;
  readonly changes: readonly StreamChange[];
  readonly same: readonly string[];
}

type Noted = NatsFacts['streams'][number];
const ABSENT: StreamSide = { present: false, messages: 0, firstSeq: 0, lastSeq: 0, consumers: 0 };
const SETS_LOOKED_AT = 10;
const CHUNK_BYTES = 64 * 1024;
const backupJson = z.looseObject({ config: z.looseObject({ name: z.string(), max_age: z.number().default(0) }), state: z.looseObject({}) });

export async function compareStreams(directory: string, asked: { readonly stamp: string; readonly streams: readonly string[] | undefined }, port: StreamPort): Promise<Result<StreamComparison>> {
  const set = await wholeSet(directory, asked.stamp);
  if (!set.ok) return set;
  const noted = set.value.manifest.nats?.streams ?? [];
  const wanted = asked.streams ?? noted.map(({ name }) => name);
  const changes: StreamChange[] = [];
  const same: string[] = [];
  for (const name of wanted) {
    const backup = noted.find((one) => one.name === name);
    if (backup === undefined) return fail('notFound', `nats-${asked.stamp} does not hold the stream ${name}.`, 'no');
    const described = await describe(directory, backup);
    if (!described.ok) return described;
    const now = await sideOf(port, name);
    if (!now.ok) return now;
    const next: StreamSide = { present: true, messages: backup.state.messages, firstSeq: backup.state.firstSeq, lastSeq: backup.state.lastSeq, consumers: backup.state.consumers };
    if (isSide(now.value, next)) same.push(name);
    else changes.push({ stream: name, now: now.value, next, maxAgeSeconds: Math.round(described.value.config.max_age / 1e9) });
  }
  return succeed({ takenAtMs: Date.parse(set.value.manifest.takenAt), changes, same });
}

/** Removes what is there and restores; what a failure leaves is said, since then the stream may be gone. */
export async function putStream(directory: string, stamp: string, change: StreamChange, port: StreamPort, signal: AbortSignal): Promise<Result<'done' | 'changed'>> {
  const { stream } = change;
  const again = await compareStreams(directory, { stamp, streams: [stream] }, port);
  if (!again.ok) return { ok: false, failure: { ...again.failure, landed: 'no' } };
  const [now] = again.value.changes;
  if (now === undefined || !isSide(now.now, change.now) || !isSide(now.next, change.next)) return succeed('changed');
  const set = await wholeSet(directory, stamp);
  if (!set.ok) return { ok: false, failure: { ...set.failure, landed: 'no' } };
  const noted = set.value.manifest.nats?.streams.find(({ name }) => name === stream);
  const described = noted === undefined ? undefined : await describe(directory, noted);
  if (noted === undefined || described?.ok !== true) return fail('refused', `nats-${stamp} does not say what ${stream} was.`, 'no');
  let safety: string | undefined;
  if (change.now.present) {
    safety = await findSavedStreams(directory, 0, [{ stream, side: change.now }]);
    if (safety === undefined) return fail('refused', `${stream} as it is now is in no backup in ${directory}: it would be lost. Back it up first.`, 'no');
    const removed = await port.remove(stream);
    if (!removed.ok) return { ok: false, failure: { ...removed.failure, landed: 'maybe' } };
  }
  const { config, state } = described.value;
  const restored = await port.restore({ config: config as JsonObject, state: state as JsonObject, source: createReadStream(join(directory, noted.file), { highWaterMark: CHUNK_BYTES }), signal });
  if (restored.ok) return succeed('done');
  const gone = safety === undefined ? '' : ` ${stream} was removed before: restore it from nats-${safety}, which holds it as it was.`;
  return fail(restored.failure.reason, `${restored.failure.message}${gone}`, 'maybe');
}

/** Undefined where the stream holds something else; else how it is as the backup holds it. */
export function isRestored(seen: StreamSide, { next, maxAgeSeconds }: StreamChange): boolean {
  if (!seen.present || seen.lastSeq !== next.lastSeq || seen.consumers !== next.consumers) return false;
  if (seen.messages === next.messages && (next.messages === 0 || seen.firstSeq === next.firstSeq)) return true;
  return maxAgeSeconds > 0 && seen.messages < next.messages && seen.firstSeq > next.firstSeq;
}

export function isSide(a: StreamSide, b: StreamSide): boolean {
  return a.present === b.present && a.messages === b.messages && a.lastSeq === b.lastSeq && a.consumers === b.consumers && (a.messages === 0 || a.firstSeq === b.firstSeq);
}

/** The newest set, not older than that, that holds these streams just so; its archives are read from end to end. */
export async function findSavedStreams(directory: string, sinceMs: number, wanted: readonly { readonly stream: string; readonly side: StreamSide }[]): Promise<string | undefined> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return undefined;
  const sets = inventory.value.sets.filter(({ store, namedMs }) => store === 'nats' && namedMs >= Math.floor(sinceMs / 1_000) * 1_000).slice(0, SETS_LOOKED_AT);
  for (const set of sets) {
    const noted = typeof set.manifest === 'object' && 'version' in set.manifest ? (set.manifest.nats?.streams ?? []) : [];
    const holds = wanted.every(({ stream, side }) => noted.some(({ name, state }) => name === stream && isSide({ present: true, messages: state.messages, firstSeq: state.firstSeq, lastSeq: state.lastSeq, consumers: state.consumers }, side)));
    if (holds && (await wholeSet(directory, set.stamp)).ok) return set.stamp;
  }
  return undefined;
}

export async function sideOf(port: StreamPort, stream: string): Promise<Result<StreamSide>> {
  const listed = await port.streams();
  if (!listed.ok) return listed;
  if (!listed.value.includes(stream)) return succeed(ABSENT);
  const state = await port.state(stream);
  if (!state.ok) return state;
  const { messages, firstSeq, lastSeq, consumers } = state.value;
  return succeed({ present: true, messages, firstSeq, lastSeq, consumers: consumers.length });
}

/** Every byte of it as its manifest says; a part of the streams may be missing in it, which the caller sees. */
async function wholeSet(directory: string, stamp: string): Promise<Result<{ readonly set: BackupSet; readonly manifest: Manifest }>> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return inventory;
  const set = inventory.value.sets.find((one) => one.store === 'nats' && one.stamp === stamp);
  if (set === undefined) return fail('notFound', `There is no backup nats-${stamp} in ${directory}.`);
  const because = whyNotRestorable(set);
  if (because !== '') return fail('refused', because);
  const { problems } = await verifySet(directory, set, { checkRdb: undefined });
  const [first] = problems;
  if (first !== undefined) return fail('refused', `nats-${stamp} is damaged: ${first.file === '' ? '' : `${first.file}: `}${first.problem}`);
  return succeed({ set, manifest: set.manifest as Manifest });
}

async function describe(directory: string, { name, file }: Noted): Promise<Result<z.output<typeof backupJson>>> {
  const path = file.replace(/[^/]+$/, 'backup.json');
  try {
    const read = backupJson.safeParse(JSON.parse(await readFile(join(directory, path), 'utf8')));
    if (read.success && read.data.config.name === name) return succeed(read.data);
  } catch {
    // Told below.
  }
  return fail('refused', `${path} does not say what the stream ${name} was.`);
}
