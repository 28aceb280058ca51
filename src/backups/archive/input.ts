/** Bytes by number out of pieces of any size. */

export interface Input {
  /** Bytes taken so far. */
  position(): number;
  /** Bytes that are there but were not enough for the last `take`. */
  left(): number;
  /** Up to so many bytes, without taking them: fewer only where the source ends. */
  peek(bytes: number): Promise<Buffer>;
  /** So many bytes, or undefined when the source ends before. What was handed out is written over by the next call. */
  take(bytes: number): Promise<Buffer | undefined>;
  skip(bytes: number): Promise<boolean>;
  /** Nothing more is taken. */
  close(): Promise<void>;
}

const SKIPPED_AT_ONCE = 65_536;

/**
 * A piece of the source need only last until the next one is asked for: it is copied, into memory that is used again and again. An
 * archive passes through here twice, and to make new memory for each part of it took a quarter of the time (by profile).
 */
export function createInput(source: AsyncIterable<Uint8Array>): Input {
  const iterator = source[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  let from = 0;
  let to = 0;
  let taken = 0;
  /** Makes room for so many bytes behind those that are held. */
  const makeRoom = (bytes: number): void => {
    if (to + bytes <= held.length) return;
    const size = to - from;
    const target = size + bytes > held.length ? Buffer.allocUnsafeSlow(Math.max(size + bytes, held.length * 2)) : held;
    held.copy(target, 0, from, to);
    held = target;
    from = 0;
    to = size;
  };
  const fill = async (bytes: number): Promise<boolean> => {
    while (to - from < bytes) {
      const next = await iterator.next();
      if (next.done === true) return false;
      makeRoom(next.value.length);
      held.set(next.value, to);
      to += next.value.length;
    }
    return true;
  };
  const take = async (bytes: number): Promise<Buffer | undefined> => {
    if (to - from < bytes && !(await fill(bytes))) return undefined;
    const whole = held.subarray(from, from + bytes);
    from += bytes;
    taken += bytes;
    return whole;
  };
  return {
    position: () => taken,
    left: () => to - from,
    take,
    async peek(bytes) {
      if (to - from < bytes) await fill(bytes);
      return held.subarray(from, Math.min(from + bytes, to));
    },
    async skip(bytes) {
      for (let still = bytes; still > 0; still -= SKIPPED_AT_ONCE) {
        if ((await take(Math.min(still, SKIPPED_AT_ONCE))) === undefined) return false;
      }
      return true;
    },
    async close() {
      await iterator.return?.();
    },
  };
}
