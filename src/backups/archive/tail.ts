/** Passes bytes on and remembers the last of them: whether a tar ends as a tar ends is only seen there. */
export interface Tail {
  readonly pass: AsyncGenerator<Buffer, void, undefined>;
  /** So many bytes at the end, once everything has passed; fewer when there were fewer. */
  last(): Buffer;
  /** Bytes that have passed. */
  total(): number;
}

export function rememberTail(source: AsyncIterable<Buffer>, bytes: number): Tail {
  let tail = Buffer.alloc(0);
  let total = 0;
  async function* pass(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of source) {
      total += chunk.length;
      tail = chunk.length >= bytes ? Buffer.from(chunk.subarray(chunk.length - bytes)) : Buffer.concat([tail, chunk]).subarray(-bytes);
      yield chunk;
    }
  }
  return { pass: pass(), last: () => tail, total: () => total };
}
