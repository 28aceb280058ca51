/**
 * Streams from a backup back into a live JetStream. A server refuses to restore over a stream that is there (10130, reliability.md §C.3), so
 * it is removed first: only when a backup that has just been read through holds all that is in it.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { StreamChange, StreamComparison, StreamFound, StreamsAsked, StreamSide, StreamStanding } from '#systems/restore/client.ts';
import { knowsMarks, whyNotReadable } from '../archive/readable.ts';
import { readInventory, type BackupSet } from '../inventory.ts';
import type { Manifest, NatsFacts } from '../manifest.ts';
import type { LiveStream, StreamSource } from '../take-nats.ts';
import { verifySet } from '../verify.ts';
import { whyNotRestorable } from './config.ts';

export interface StreamPort extends StreamSource {
  restore(backup: { readonly config: JsonObject; readonly state: JsonObject; readonly source: AsyncIterable<Uint8Array>; readonly signal?: AbortSignal }): Promise<Result<LiveStream>>;
  remove(stream: string): Promise<Result<null>>;
}

type Noted = NatsFacts['streams'][number];
const ABSENT: StreamSide = { present: false, messages: 0, firstSeq: 0, lastSeq: 0, consumers: 0 };
const SETS_LOOKED_AT = 10;
const CHUNK_BYTES = 64 * 1024;
const backupJson = z.looseObject({ config: z.looseObject({ name: z.string(), max_age: z.number().default(0) }), state: z.looseObject({}) });

export async function compareStreams(directory: string, asked: StreamsAsked, port: StreamPort): Promise<Result<StreamComparison>> {
  const set = await wholeSet(directory, asked.stamp);
  if (!set.ok) return set;
  const noted = set.value.manifest.nats?.streams ?? [];
  const streams: StreamFound[] = [];
  for (const name of asked.streams ?? noted.map((one) => one.name)) {
    const backup = noted.find((one) => one.name === name);
    if (backup === undefined) return fail('notFound', `nats-${asked.stamp} does not hold the stream ${name}.`, 'no');
    const because = whyTooOld(backup, set.value.manifest, port);
    if (because !== '') return fail('refused', because, 'no');
    const described = await describe(directory, backup);
    if (!described.ok) return described;
    const now = await sideOf(port, name);
    if (!now.ok) return now;
    const change = { stream: name, next: notedSide(backup), maxAgeSeconds: Math.round(described.value.config.max_age / 1e9) };
    streams.push({ ...change, now: now.value, same: isRestored(now.value, change) });
  }
  return succeed({ takenAtMs: Date.parse(set.value.manifest.takenAt), streams });
}

/** Removes what is there and restores; what a failure leaves is said, since then the stream may be gone. One that is restored already is left alone. */
export async function putStream(directory: string, stamp: string, change: StreamChange, port: StreamPort, signal: AbortSignal): Promise<Result<'done' | 'changed' | 'part'>> {
  const { stream } = change;
  const set = await wholeSet(directory, stamp);
  if (!set.ok) return unsent(set.failure);
  const noted = set.value.manifest.nats?.streams.find(({ name }) => name === stream);
  if (noted === undefined || !isSide(notedSide(noted), change.next)) return succeed('changed');
  const because = whyTooOld(noted, set.value.manifest, port);
  if (because !== '') return fail('refused', because, 'no');
  const described = await describe(directory, noted);
  if (!described.ok) return unsent(described.failure);
  const standing = await standingOf(directory, change, port);
  if (!standing.ok) return unsent(standing.failure);
  const { is, set: safety } = standing.value;
  if (is === 'restored') return succeed('done');
  if (is === 'part') return succeed('part');
  if (is === 'other') return fail('refused', `${stream} as it is now is in no backup in ${directory}: it would be lost. Back it up first.`, 'no');
  if (is === 'kept') {
    const removed = await port.remove(stream);
    if (!removed.ok) return { ok: false, failure: { ...removed.failure, landed: 'maybe' } };
  }
  const { config, state } = described.value;
  const restored = await port.restore({ config: config as JsonObject, state: state as JsonObject, source: createReadStream(join(directory, noted.file), { highWaterMark: CHUNK_BYTES }), signal });
  if (restored.ok) return succeed('done');
  const gone = safety === '' ? '' : ` ${stream} was removed before: nats-${safety} holds it as it was.`;
  return fail(restored.failure.reason, `${restored.failure.message}${gone}`, 'maybe');
}

export async function standingOf(directory: string, change: StreamChange, port: StreamPort): Promise<Result<StreamStanding>> {
  const seen = await sideOf(port, change.stream);
  if (!seen.ok) return seen;
  const side = seen.value;
  if (isRestored(side, change)) return succeed({ is: 'restored', side, set: '' });
  if (!side.present) return succeed({ is: 'gone', side, set: '' });
  const set = await findSavedStreams(directory, [{ stream: change.stream, side }]);
  if (set !== undefined) return succeed({ is: 'kept', side, set });
  return succeed({ is: isPart(side, change.next) ? 'part' : 'other', side, set: '' });
}

/** Messages that have meanwhile outlived their age are gone from it with right. */
export function isRestored(seen: StreamSide, { next, maxAgeSeconds }: StreamChange): boolean {
  if (!seen.present || seen.lastSeq !== next.lastSeq || seen.consumers !== next.consumers) return false;
  if (seen.messages === next.messages && (next.messages === 0 || seen.firstSeq === next.firstSeq)) return true;
  return maxAgeSeconds > 0 && seen.messages < next.messages && seen.firstSeq > next.firstSeq;
}

/** No more than the backup holds: what a transfer leaves behind that broke off where the server writes while it receives (2.15, reliability.md §C.2). */
export function isPart(seen: StreamSide, next: StreamSide): boolean {
  return seen.present && seen.lastSeq <= next.lastSeq && seen.messages <= next.messages && seen.consumers <= next.consumers && (seen.messages === 0 || seen.firstSeq >= next.firstSeq);
}

/** Nothing came in since; what is gone since has outlived its age or was taken, and stands in the backup. */
export function holds(saved: StreamSide, seen: StreamSide): boolean {
  return saved.lastSeq === seen.lastSeq && saved.consumers >= seen.consumers && saved.messages >= seen.messages && (seen.messages === 0 || saved.firstSeq <= seen.firstSeq);
}

function isSide(a: StreamSide, b: StreamSide): boolean {
  return a.present === b.present && a.messages === b.messages && a.lastSeq === b.lastSeq && a.consumers === b.consumers && (a.messages === 0 || a.firstSeq === b.firstSeq);
}

/** Consumers whose state was kept in memory stand in no archive, and do not come back. */
function notedSide({ state: { messages, firstSeq, lastSeq, consumers }, consumers: named }: Noted): StreamSide {
  return { present: true, messages, firstSeq, lastSeq, consumers: consumers - named.filter(({ memory }) => memory === true).length };
}

/** The newest set that holds all of these streams; its archives are read from end to end. */
export async function findSavedStreams(directory: string, wanted: readonly { readonly stream: string; readonly side: StreamSide }[]): Promise<string | undefined> {
  return newestWhole(directory, ({ nats }) => wanted.every(({ stream, side }) => nats?.streams.some((noted) => noted.name === stream && holds(notedSide(noted), side)) === true));
}

export async function findSavedBy(directory: string, effect: string): Promise<string | undefined> {
  return newestWhole(directory, ({ tool }) => tool.effect === effect);
}

async function newestWhole(directory: string, fits: (manifest: Manifest) => boolean): Promise<string | undefined> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return undefined;
  for (const { stamp, manifest } of inventory.value.sets.filter(({ store }) => store === 'nats').slice(0, SETS_LOOKED_AT)) {
    if (typeof manifest === 'object' && 'version' in manifest && fits(manifest) && (await wholeSet(directory, stamp)).ok) return stamp;
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

/** Before anything is removed: the live server must read what a later one may have written. Whether messages were deleted from it is not asked. */
function whyTooOld({ name, format }: Noted, { source }: Manifest, { server }: StreamPort): string {
  const deleted = knowsMarks(source.serverVersion);
  const because = whyNotReadable({ format, by: source.serverVersion, deleted }, server.version);
  if (because === '') return '';
  return deleted && format === 'v1' ? `The backup is of nats-server ${source.serverVersion}, and ${server.version}, which runs now, does not read all that it writes: 2.10 or later is needed.` : `${name} is not restored. ${because}`;
}

function unsent(failure: Failure): Result<never> {
  return { ok: false, failure: { ...failure, landed: 'no' } };
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
