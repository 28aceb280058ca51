/** Reads and writes tars by their entries, so that one can be dropped, changed or doubled with right checksums. */
export interface TarPart {
  readonly name: string;
  readonly bytes: Buffer;
  /** `0` is a plain file, `2` a symbolic link, `x` an extended header. */
  readonly type?: string;
  /** What the header says instead of the length. */
  readonly claim?: string;
}

export const TAR_END = Buffer.alloc(1_024);

export function writeTar(parts: readonly TarPart[], end: Buffer = TAR_END): Buffer {
  return Buffer.concat([...parts.map(writeEntry), end]);
}

function writeEntry({ name, bytes, type = '0', claim }: TarPart): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(claim ?? `${bytes.length.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1');
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** Of a good tar. Extended headers are among them. */
export function readTarParts(tar: Buffer): TarPart[] {
  const parts: TarPart[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + 512);
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
    parts.push({ name: header.toString('latin1', 0, header.indexOf(0)), bytes: Buffer.from(tar.subarray(at + 512, at + 512 + size)), type: header.toString('latin1', 156, 157) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return parts;
}
