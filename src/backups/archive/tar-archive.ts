/**
 * A v1 archive: a tar with the stream's `meta.inf`, its message blocks `msgs/<n>.blk` and its consumers `obs/<name>/…`. A server
 * restores what is left of one that was cut between two entries and calls it a success (measured on 2.9.10), so the trailer,
 * the blocks and `errors.txt`, which the server writes when it could not read something, are looked at here.
 */
import { z } from 'zod';
import { PROBLEMS_MAX, type StreamArchive } from './archive.ts';
import { readBlock, type BlockFacts } from './blocks.ts';
import { DamagedArchive } from './s2.ts';
import { rememberTail } from './tail.ts';

/** Two empty blocks end a tar. */
const TRAILER_BYTES = 1_024;
/** A message block is at most this (the server's default is 8 to 16 MiB; a single message of 64 MiB may exceed it). */
const ENTRY_MAX_BYTES = 256 * 1024 * 1024;
const BLOCK = /^msgs\/(\d{1,9})\.blk$/;
const CONSUMER = /^obs\/([^/]{1,255})\/(meta\.inf|meta\.sum|o\.dat)$/;

const meta = z.looseObject({ name: z.string() });

interface Seen {
  readonly names: Set<string>;
  readonly blocks: number[];
  readonly consumers: Map<string, Set<string>>;
  readonly facts: BlockFacts;
  stream: string;
}

/** Reads a whole tar. Damage that ends the reading is among the problems, with what was seen until then. */
export async function readTarArchive(decoded: AsyncIterable<Buffer>): Promise<StreamArchive> {
  const seen: Seen = { names: new Set(), blocks: [], consumers: new Map(), facts: { messages: 0, firstSeq: 0, lastSeq: 0, newestMs: 0 }, stream: '' };
  const problems: string[] = [];
  const problem = (sentence: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(sentence);
  };
  const tail = rememberTail(decoded, TRAILER_BYTES);
  try {
    await readEntries(tail.pass, seen, problem);
    if (!endsAsTar(tail.last())) problem('its tar has no end: something is missing behind the last entry');
    checkEntries(seen, problem);
  } catch (error) {
    problem(error instanceof DamagedArchive ? error.message : `its tar cannot be read: ${error instanceof Error ? error.message : 'for no reason given'}`);
  }
  return { format: 'v1', stream: seen.stream, ...seen.facts, consumers: [...seen.consumers.keys()].map((name) => ({ name })), problems };
}

async function readEntries(bytes: AsyncIterable<Buffer>, seen: Seen, problem: (sentence: string) => void): Promise<void> {
  const { extract } = await import('tar-stream');
  const { Readable, pipeline } = await import('node:stream');
  const tar = extract();
  let broken: unknown;
  pipeline(Readable.from(bytes, { objectMode: true, highWaterMark: 1 }), tar, (error) => {
    broken = error ?? undefined;
  });
  for await (const entry of tar) {
    const { header } = entry;
    if ((header.size ?? 0) > ENTRY_MAX_BYTES) throw new DamagedArchive(`the entry ${shown(header.name)} says that it is ${header.size} bytes long`);
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    readEntry(header.name, Buffer.concat(parts), seen, problem);
  }
  if (broken !== undefined) throw broken;
}

function readEntry(name: string, bytes: Buffer, seen: Seen, problem: (sentence: string) => void): void {
  if (seen.names.has(name)) problem(`the entry ${shown(name)} stands in it twice`);
  seen.names.add(name);
  if (name === 'errors.txt') problem(`the server could not read the stream when the backup was taken: ${bytes.subarray(0, 200).toString('utf8').replace(/\s+/g, ' ').trim()}`);
  if (name === 'meta.inf') {
    const read = meta.safeParse(parse(bytes));
    if (read.success) seen.stream = read.data.name;
    else problem('its meta.inf cannot be read');
  }
  const block = BLOCK.exec(name)?.[1];
  if (block !== undefined) {
    const before = seen.facts.lastSeq;
    const messages = seen.facts.messages;
    const read = readBlock(bytes, seen.facts);
    if (!read.ok) problem(`block ${block} is damaged: ${read.because}`);
    else if (seen.facts.messages > messages && seen.facts.lastSeq <= before) problem(`block ${block} holds messages that stand before those of the block before it`);
    seen.blocks.push(Number(block));
  }
  const [, consumer, part] = CONSUMER.exec(name) ?? [];
  if (consumer !== undefined && part !== undefined) seen.consumers.set(consumer, (seen.consumers.get(consumer) ?? new Set()).add(part));
}

function checkEntries({ names, blocks, consumers }: Seen, problem: (sentence: string) => void): void {
  if (!names.has('meta.inf')) problem('its meta.inf is missing');
  if (!names.has('meta.sum')) problem('its meta.sum is missing');
  blocks.forEach((block, i) => {
    const before = blocks[i - 1];
    if (before !== undefined && block !== before + 1) problem(`block ${block} follows block ${before}: ${block > before ? 'blocks between them are missing' : 'they are out of order'}`);
  });
  for (const [name, parts] of consumers) {
    if (!parts.has('meta.inf') || !parts.has('meta.sum')) problem(`the consumer ${shown(name)} is incomplete`);
  }
}

function endsAsTar(tail: Buffer): boolean {
  return tail.length === TRAILER_BYTES && tail.every((byte) => byte === 0);
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
