/**
 * What is known of each job, for millions of them: ids are kept as 64-bit hashes in flat memory, 10 bytes a place. Two jobs of a
 * million share a hash with a chance of about one in forty million; then one of them is overlooked.
 */

const FIRST_PLACES = 1 << 12;
/** Places in use, at most, as a share of all. */
const FULL = 0.7;
/** In 170 MB. */
export const JOBS_MAX = 8_000_000;

export interface JobTable {
  readonly size: number;
  /** The bits that are kept of this job: 0 for one that is not known. */
  get(id: string): number;
  /** Changes the bits of a job. False: the table is full, and the job is not in it. */
  set(id: string, change: (bits: number) => number): boolean;
  /** The bits of every job. */
  all(): Iterable<number>;
}

export function createJobTable(jobsMax = JOBS_MAX): JobTable {
  let places = FIRST_PLACES;
  let high = new Uint32Array(places);
  let low = new Uint32Array(places);
  let bits = new Uint16Array(places);
  let size = 0;

  /** Where the hash stands, or would stand. No hash is 0, so a place of zeros is free. */
  const placeOf = (up: number, down: number): number => {
    let at = down & (places - 1);
    while ((high[at] !== 0 || low[at] !== 0) && (high[at] !== up || low[at] !== down)) at = (at + 1) & (places - 1);
    return at;
  };
  const grow = (): void => {
    const [ups, downs, values] = [high, low, bits];
    places *= 2;
    high = new Uint32Array(places);
    low = new Uint32Array(places);
    bits = new Uint16Array(places);
    for (let i = 0; i < ups.length; i += 1) {
      const up = ups[i] ?? 0;
      const down = downs[i] ?? 0;
      if (up === 0 && down === 0) continue;
      const at = placeOf(up, down);
      high[at] = up;
      low[at] = down;
      bits[at] = values[i] ?? 0;
    }
  };

  return {
    get size() {
      return size;
    },
    get(id) {
      const [up, down] = hashOf(id);
      return bits[placeOf(up, down)] ?? 0;
    },
    set(id, change) {
      const [up, down] = hashOf(id);
      let at = placeOf(up, down);
      if (high[at] === 0 && low[at] === 0) {
        if (size >= jobsMax) return false;
        if (size + 1 > places * FULL) {
          grow();
          at = placeOf(up, down);
        }
        high[at] = up;
        low[at] = down;
        size += 1;
      }
      bits[at] = change(bits[at] ?? 0);
      return true;
    },
    *all() {
      for (let i = 0; i < places; i += 1) if (high[i] !== 0 || low[i] !== 0) yield bits[i] ?? 0;
    },
  };
}

/** Two halves, each by its own multiplier and start, mixed at the end. Never both 0. */
function hashOf(id: string): readonly [number, number] {
  let up = 0x9e37_79b9;
  let down = 0x85eb_ca6b;
  for (let i = 0; i < id.length; i += 1) {
    const code = id.charCodeAt(i);
    up = Math.imul(up ^ code, 0x0100_0193);
    down = Math.imul(down ^ code, 0x27d4_eb2f);
    down ^= down >>> 15;
  }
  return [mix(up ^ id.length), mix(down ^ Math.imul(up, 0x1656_67b1)) || 1];
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0_aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a_2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
