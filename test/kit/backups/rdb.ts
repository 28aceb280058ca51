/** RDB files with a right checksum after a change (CRC-64 Jones, as Redis computes it), and small ones written record by record. */
const POLYNOMIAL = 0x95ac9329ac4bc9b5n;
const TABLE = Array.from({ length: 256 }, (_, n) => {
  let crc = BigInt(n);
  for (let k = 0; k < 8; k += 1) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
  return crc;
});

export function crc64(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) crc = (TABLE[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n) ^ (crc >> 8n);
  return crc;
}

/** The body with its end and its checksum. */
export function sealRdb(body: Uint8Array): Buffer {
  const whole = Buffer.concat([body, Buffer.from([0xff]), Buffer.alloc(8)]);
  whole.writeBigUInt64LE(crc64(whole.subarray(0, -8)), whole.length - 8);
  return whole;
}

/** Everything before the end. */
export function bodyOf(rdb: Buffer): Buffer {
  return Buffer.from(rdb.subarray(0, -9));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length < 64) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  if (bytes.length < 16_384) return Buffer.concat([Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 0xff]), bytes]);
  const head = Buffer.alloc(5, 0x80);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export interface SmallRdb {
  readonly version?: string;
  readonly aux?: Readonly<Record<string, string>>;
  /** What the file says of itself: keys, and keys with a time to live. */
  readonly size?: readonly [number, number];
  readonly strings: readonly (readonly [string, string])[];
}

/** Strings only, database 0. */
export function writeRdb({ version = '0010', aux = { 'redis-ver': '7.0.15' }, strings, size = [strings.length, 0] }: SmallRdb): Buffer {
  return sealRdb(
    Buffer.concat([
      Buffer.from(`REDIS${version}`),
      ...Object.entries(aux).map(([key, value]) => Buffer.concat([Buffer.from([0xfa]), text(key), text(value)])),
      Buffer.from([0xfe, 0, 0xfb, ...size]),
      ...strings.map(([key, value]) => Buffer.concat([Buffer.from([0]), text(key), text(value)])),
    ]),
  );
}
