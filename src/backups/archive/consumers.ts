/** The consumers of a v1 archive: `obs/<name>/{meta.inf,meta.sum,o.dat}` (nats-server `server/filestore.go`). */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { highwayHash64 } from './highway-hash.ts';
import { readUvarint } from './varint.ts';

const SEAL = /^[0-9a-f]{16}$/;
const STATE_MAGIC = 22;
/** Version 1 does not tell the consumer's own sequence of a pending message. */
const STATE_VERSIONS = [1, 2] as const;
/** What is kept of one file until all three are there; a large state is some MB. */
export const CONSUMER_FILE_MAX_BYTES = 16 * 1024 * 1024;

const described = z.looseObject({ name: z.string().optional(), durable_name: z.string().optional() });

export type ConsumerFiles = ReadonlyMap<string, Buffer>;

/** What is wrong with it; empty when nothing is. `stream`: empty where the archive does not say. */
export function consumerFaults(name: string, files: ConsumerFiles, stream: string): readonly string[] {
  const meta = files.get('meta.inf');
  const sum = files.get('meta.sum');
  const state = files.get('o.dat');
  if (meta === undefined || sum === undefined) return ['is incomplete'];
  // A server writes the state of every consumer, also of one that has never been used (measured on 2.9.10).
  if (state === undefined) return ['is without its state'];
  const read = described.safeParse(parse(meta));
  if (!read.success) return ['cannot be read'];
  const own = read.data.durable_name ?? read.data.name;
  if (own !== undefined && own !== name) return [`is that of ${/^[\w-]{1,80}$/.test(own) ? own : 'another one'}`];
  if (stream !== '' && !isSealed(`${stream}/${name}`, meta, sum)) return ['has another description than was sealed'];
  return isState(state) ? [] : ['has a state that cannot be'];
}

/** `meta.sum` is the hash of `meta.inf`, by a key that is made of the name. A seal of another form than the one that is known (2.9 to 2.11) says nothing. */
export function isSealed(name: string, meta: Buffer, sum: Buffer): boolean {
  const seal = sum.toString('latin1').trim();
  return !SEAL.test(seal) || highwayHash64(createHash('sha256').update(name).digest(), meta) === seal;
}

/** Its sequences, then what is pending and what was delivered again. None can be acknowledged that was not delivered. */
function isState(bytes: Buffer): boolean {
  const [magic, version] = bytes;
  if (magic !== STATE_MAGIC || version === undefined) return false;
  // A later one is the business of the server that restores it.
  if (version > Math.max(...STATE_VERSIONS)) return true;
  if (!STATE_VERSIONS.some((one) => one === version)) return false;
  let next = 2;
  let whole = true;
  const number = (): number => {
    const read = readUvarint(bytes, next);
    if (read === undefined) whole = false;
    next = read?.next ?? bytes.length;
    return read?.value ?? 0;
  };
  const [ackedConsumer, ackedStream, deliveredConsumer, deliveredStream] = [number(), number(), number(), number()];
  const pending = number();
  if (pending > 0) number();
  for (let left = pending * (version === 2 ? 3 : 2); left > 0 && next < bytes.length; left -= 1) number();
  const again = number();
  for (let left = again * 2; left > 0 && next < bytes.length; left -= 1) number();
  if (!whole || next !== bytes.length) return false;
  // Version 1 writes what was delivered as the distance from what was acknowledged.
  return version === 1 || (ackedConsumer <= deliveredConsumer && ackedStream <= deliveredStream);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
