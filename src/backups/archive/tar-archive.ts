/**
 * A v1 archive: a tar with the stream's `meta.inf`, its message blocks `msgs/<n>.blk` and its consumers `obs/<name>/…`. A server
 * restores what is left of one that was cut between two entries and calls it a success (measured on 2.9.10), so the trailer,
 * the blocks and `errors.txt`, which the server writes when it could not read something, are looked at here.
 */
import { z } from 'zod';
import { PROBLEMS_MAX, type BlockGap, type StreamArchive } from './archive.ts';
import { isKnownIndex, lostFromBlock, readBlockIndex, type BlockIndex } from './block-index.ts';
import { readBlock, type BlockFacts } from './blocks.ts';
import { CONSUMER_FILE_MAX_BYTES, consumerFaults, isSealed } from './consumers.ts';
import { createContentDigest, createSealDigest } from './content.ts';
import type { ReadHow } from './archive.ts';
import { DamagedArchive } from './s2.ts';
import { readTar, type TarEntry } from './tar.ts';

/** Names that are remembered; a stream has some thousand blocks and consumers at most. */
const ENTRIES_MAX = 1_000_000;
const BLOCK = /^msgs\/(\d{1,9})\.blk$/;
const INDEX = /^msgs\/(\d{1,9})\.(?:idx|fss)$/;
/** What else a server writes there stands below `msgs` and `obs`. */
const KNOWN = /^(?:meta\.inf|meta\.sum|errors\.txt|msgs\/.+|obs\/.+)$/;
const CONSUMER = /^obs\/([^/]{1,255})\/(meta\.inf|meta\.sum|o\.dat)$/;

/** Longer than any snapshot takes. */
const SNAPSHOT_WITHIN_MS = 60 * 60_000;

const meta = z.looseObject({ name: z.string() });

interface Seen {
  readonly names: Set<string>;
  readonly blocks: number[];
  readonly gaps: BlockGap[];
  readonly indexes: Map<number, BlockIndex>;
  readonly consumers: Map<string, Map<string, Buffer>>;
  readonly meta: Map<string, Buffer>;
  writtenMs: number;
  writtenLastMs: number;
  readonly facts: BlockFacts;
  stream: string;
  config: Readonly<Record<string, unknown>> | undefined;
}

/** Reads a whole tar. Damage that ends the reading is among the problems, with what was seen until then. */
export async function readTarArchive(decoded: AsyncIterable<Buffer>, { sinceMs = 0, ttlAtMs, sealsOnly = false }: ReadHow): Promise<StreamArchive> {
  const facts = { messages: 0, bytes: 0, firstSeq: 0, lastSeq: 0, newestMs: 0, messagesSince: 0, deletionMarks: 0, sinceMs, ttlAtMs, content: sealsOnly ? undefined : createContentDigest(), seals: createSealDigest() };
  const seen: Seen = { names: new Set(), blocks: [], gaps: [], indexes: new Map(), consumers: new Map(), meta: new Map(), writtenMs: 0, writtenLastMs: 0, facts, stream: '', config: undefined };
  const problems: string[] = [];
  const problem = (sentence: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(sentence);
  };
  try {
    for await (const entry of readTar(decoded)) {
      if (seen.names.size >= ENTRIES_MAX) throw new DamagedArchive(`it has more than ${ENTRIES_MAX} entries`);
      readEntry(entry, seen, problem);
    }
    checkEntries(seen, problem);
  } catch (error) {
    problem(error instanceof DamagedArchive ? error.message : `its tar cannot be read: ${error instanceof Error ? error.message : 'for no reason given'}`);
  }
  const { messages, firstSeq, lastSeq, newestMs, messagesSince, deletionMarks } = facts;
  return {
    format: 'v1',
    stream: seen.stream,
    messages,
    firstSeq,
    lastSeq,
    newestMs,
    messagesSince,
    deletionMarks,
    indexedAsOne: seen.names.has('msgs/index.db'),
    ...(facts.content === undefined ? {} : { recordsSha256: facts.content.hex() }),
    sealsSha256: facts.seals.hex(),
    recordBytes: facts.bytes,
    // Servers give all entries the time of the snapshot (2.9 to 2.11); where they differ they are the times of files, and say nothing of it.
    writtenMs: seen.writtenLastMs - seen.writtenMs > SNAPSHOT_WITHIN_MS ? 0 : seen.writtenMs,
    consumers: [...seen.consumers.keys()].map((name) => ({ name })),
    gaps: seen.gaps.slice(0, PROBLEMS_MAX),
    ...(seen.config === undefined ? {} : { config: seen.config }),
    problems,
  };
}

function readEntry({ name, regular, modifiedMs, bytes }: TarEntry, seen: Seen, problem: (sentence: string) => void): void {
  if (!regular) problem(`the entry ${shown(name)} is no plain file`);
  if (name.startsWith('/') || name.split('/').includes('..')) problem(`the entry ${shown(name)} would stand outside of the stream`);
  if (seen.names.has(name)) problem(`the entry ${shown(name)} stands in it twice`);
  seen.names.add(name);
  if (!KNOWN.test(name)) problem(`the entry ${shown(name)} is none of a stream`);
  if (seen.writtenMs === 0 || modifiedMs < seen.writtenMs) seen.writtenMs = modifiedMs;
  seen.writtenLastMs = Math.max(seen.writtenLastMs, modifiedMs);
  if (name === 'meta.inf' || name === 'meta.sum') seen.meta.set(name, Buffer.from(bytes));
  if (name === 'errors.txt') problem(`the server could not read the stream when the backup was taken: ${bytes.subarray(0, 200).toString('utf8').replace(/\s+/g, ' ').trim()}`);
  if (name === 'meta.inf') {
    const read = meta.safeParse(parse(bytes));
    if (read.success) {
      seen.stream = read.data.name;
      seen.config = read.data;
    } else problem('its meta.inf cannot be read');
  }
  const index = name.endsWith('.idx') ? INDEX.exec(name)?.[1] : undefined;
  if (index !== undefined && isKnownIndex(bytes)) {
    const read = readBlockIndex(bytes);
    if (read === undefined) problem(`the index of block ${index} cannot be read`);
    else seen.indexes.set(Number(index), read);
  }
  const block = BLOCK.exec(name)?.[1];
  if (block !== undefined) readMessages(Number(block), bytes, seen, problem);
  const [, consumer, part] = CONSUMER.exec(name) ?? [];
  if (consumer === undefined || part === undefined) return;
  if (bytes.length > CONSUMER_FILE_MAX_BYTES) problem(`the entry ${shown(name)} is larger than any of its kind`);
  else seen.consumers.set(consumer, (seen.consumers.get(consumer) ?? new Map<string, Buffer>()).set(part, Buffer.from(bytes)));
}

function readMessages(block: number, bytes: Buffer, seen: Seen, problem: (sentence: string) => void): void {
  const before = seen.facts.lastSeq;
  const messages = seen.facts.messages;
  const read = readBlock(bytes, seen.facts);
  const previous = seen.blocks.at(-1);
  if (previous !== undefined && block > previous + 1) seen.gaps.push({ said: `block ${block} follows block ${previous}: blocks between them are missing`, sequences: read.ok && read.firstSeq > 0 ? read.firstSeq - before - 1 : 0 });
  seen.blocks.push(block);
  if (!read.ok) return problem(`block ${block} is damaged: ${read.because}`);
  if (read.firstSeq > 0 && read.firstSeq <= before) problem(`block ${block} holds messages that stand before those of the block before it`);
  // It stands before its block. Servers since 2.10 write none.
  const index = seen.indexes.get(block);
  if (index === undefined) return seen.indexes.size > 0 ? problem(`block ${block} is without its index`) : undefined;
  const lost = lostFromBlock(index, { records: seen.facts.messages - messages, firstSeq: read.firstSeq, lastSeq: read.lastSeq });
  if (lost !== '') problem(`block ${block} is damaged: ${lost}`);
}

function checkEntries({ names, blocks, consumers, meta: described, stream }: Seen, problem: (sentence: string) => void): void {
  if (!names.has('meta.inf')) problem('its meta.inf is missing');
  if (!names.has('meta.sum')) problem('its meta.sum is missing');
  blocks.forEach((block, i) => {
    const before = blocks[i - 1];
    if (before !== undefined && block <= before) problem(`block ${block} follows block ${before}: they are out of order`);
  });
  // Servers up to 2.9 write an index beside each block (measured on 2.9.10).
  for (const name of names) {
    const block = INDEX.exec(name)?.[1];
    if (block !== undefined && !blocks.includes(Number(block))) problem(`block ${block} is missing: only its index is there`);
  }
  const [inf, sum] = [described.get('meta.inf'), described.get('meta.sum')];
  if (stream !== '' && inf !== undefined && sum !== undefined && !isSealed(stream, inf, sum)) problem('its meta.inf is not the one that was sealed');
  for (const [name, files] of consumers) for (const fault of consumerFaults(name, files, stream)) problem(`the consumer ${shown(name)} ${fault}`);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Names in an archive are outside text. */
function shown(name: string): string {
  return /^[\w./@:-]{1,120}$/.test(name) ? name : '(unusual name)';
}
