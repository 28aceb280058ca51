/**
 * Reads a tar strictly (POSIX ustar and PAX, as Go's `archive/tar` writes it). Libraries are lenient where a backup must not be:
 * they wait for a header of any length, and take an end without its trailer, or bytes behind it, for an end.
 */
import { createInput, type Input } from './input.ts';
import { DamagedArchive } from './s2.ts';

const BLOCK_BYTES = 512;
/** A message block is at most this (the server's default is 8 to 16 MiB; a single message of 64 MiB may exceed it). */
const ENTRY_MAX_BYTES = 256 * 1024 * 1024;
/** Records of PAX and long names are some hundred bytes. */
const EXTENSION_MAX_BYTES = 1024 * 1024;
const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;

export interface TarEntry {
  readonly name: string;
  /** False: a link, a folder, a device. */
  readonly regular: boolean;
  /** When it was written, ms since the epoch; 0 where it does not say. */
  readonly modifiedMs: number;
  /** Written over when the next entry is asked for. */
  readonly bytes: Buffer;
}

interface Extended {
  path?: string;
  size?: number;
  modifiedMs?: number;
}

export async function* readTar(decoded: AsyncIterable<Buffer>): AsyncGenerator<TarEntry, void, undefined> {
  const input = createInput(decoded);
  let extended: Extended = {};
  for (;;) {
    const at = input.position();
    const header = await input.take(BLOCK_BYTES);
    if (header === undefined) throw new DamagedArchive(input.left() === 0 ? 'its tar has no end: something is missing behind the last entry' : `its tar ends within a header, at byte ${at}`);
    if (isEmpty(header)) return readTrailer(input);
    if (checksumOf(header) !== octal(header, CHECKSUM_AT, 8)) throw new DamagedArchive(`the header at byte ${at} of its tar is damaged`);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = extended.size ?? octal(header, 124, 12);
    const own = { name: extended.path ?? nameOf(header), regular: type === '0' || type === '\0', modifiedMs: extended.modifiedMs ?? (octal(header, 136, 12) ?? 0) * 1_000 };
    const isExtension = type === 'x' || type === 'g' || type === 'L' || type === 'K';
    if (size === undefined || size > (isExtension ? EXTENSION_MAX_BYTES : ENTRY_MAX_BYTES)) throw new DamagedArchive(`the entry at byte ${at} of its tar says that it is larger than any of ours`);
    const bytes = (await input.take(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES))?.subarray(0, size);
    if (bytes === undefined) throw new DamagedArchive(`its tar ends within the entry at byte ${at}`);
    if (isExtension) {
      if (type === 'x') extended = readPax(bytes, at);
      else if (type === 'L') extended = { path: text(bytes) };
      continue;
    }
    extended = {};
    yield { ...own, bytes };
  }
}

/** A second empty block, and nothing behind it but more of them. */
async function readTrailer(input: Input): Promise<void> {
  let blocks = 1;
  for (;;) {
    const block = await input.take(BLOCK_BYTES);
    if (block === undefined) break;
    if (!isEmpty(block)) throw new DamagedArchive('something follows behind the end of its tar');
    blocks += 1;
  }
  if (blocks < 2 || input.left() > 0) throw new DamagedArchive('its tar does not end as a tar ends');
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function checksumOf(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTES; i += 1) sum += i >= CHECKSUM_AT && i < CHECKSUM_END ? 0x20 : (header[i] ?? 0);
  return sum;
}

/** Octal digits, or, since GNU, binary with the highest bit set. Undefined when it is neither. */
function octal(header: Buffer, from: number, length: number): number | undefined {
  if (((header[from] ?? 0) & 0x80) !== 0) return header.readUIntBE(from + length - 6, 6);
  const digits = /^ *([0-7]*)[ \0]*$/.exec(header.toString('latin1', from, from + length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits === '' ? '0' : digits, 8);
}

function nameOf(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header.subarray(345, 500)) : '';
  const name = text(header.subarray(0, 100));
  return prefix === '' ? name : `${prefix}/${name}`;
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Records of `<length> <key>=<value>\n`. */
function readPax(bytes: Buffer, at: number): Extended {
  const extended: Extended = {};
  let from = 0;
  while (from < bytes.length) {
    const space = bytes.indexOf(0x20, from);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', from, Math.min(space, from + 10)));
    if (!Number.isSafeInteger(length) || length <= space - from + 1 || from + length > bytes.length) throw new DamagedArchive(`the extended header at byte ${at} of its tar is damaged`);
    const [, key, value = ''] = /^([^=]+)=([^]*)\n$/.exec(bytes.toString('utf8', space + 1, from + length)) ?? [];
    if (key === 'path') extended.path = value;
    if (key === 'mtime' && /^\d{1,11}(?:\.\d{1,9})?$/.test(value)) extended.modifiedMs = Math.trunc(Number(value) * 1_000);
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw new DamagedArchive(`the extended header at byte ${at} of its tar is damaged`);
      extended.size = Number(value);
    }
    from += length;
  }
  return extended;
}
