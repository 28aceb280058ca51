/** Go's `binary.Uvarint`. Undefined where the bytes end within it, or it is larger than 64 bits. Beyond 2^53 the value is not exact. */
export function readUvarint(bytes: Buffer, from: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[from + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: from + i + 1 };
  }
  return undefined;
}
