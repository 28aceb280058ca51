/** Reads the archive of a stream, whichever of the two forms it has. */
import type { ReadHow, StreamArchive } from './archive.ts';
import { NATSARC_MAGIC, readNatsArchive } from './natsarc.ts';
import { decodeS2, DamagedArchive } from './s2.ts';
import { readTarArchive } from './tar-archive.ts';

export async function readStreamArchive(source: AsyncIterable<Uint8Array>, how: ReadHow = {}): Promise<StreamArchive> {
  const decoded = decodeS2(source, how)[Symbol.asyncIterator]();
  let first: IteratorResult<Buffer, void>;
  try {
    first = await decoded.next();
  } catch (error) {
    if (!(error instanceof DamagedArchive)) throw error;
    return nothing(error.message);
  }
  if (first.done === true) return nothing('it is empty');
  const begin = first.value;
  async function* whole(): AsyncGenerator<Buffer, void, undefined> {
    yield begin;
    yield* { [Symbol.asyncIterator]: () => decoded };
  }
  const seen = begin.subarray(0, NATSARC_MAGIC.length).toString('latin1') === NATSARC_MAGIC ? await readNatsArchive(whole(), how) : await readTarArchive(whole(), how);
  return how.checkedElsewhere === true ? { ...seen, checkedElsewhere: true } : seen;
}

/** By its first bytes; one that cannot be read is taken for one of the old form. */
export async function formatOf(source: AsyncIterable<Uint8Array>): Promise<StreamArchive['format']> {
  try {
    for await (const begin of decodeS2(source)) return begin.subarray(0, NATSARC_MAGIC.length).toString('latin1') === NATSARC_MAGIC ? 'v2' : 'v1';
  } catch (error) {
    if (!(error instanceof DamagedArchive)) throw error;
  }
  return 'v1';
}

function nothing(problem: string): StreamArchive {
  return { format: 'v1', stream: '', messages: 0, firstSeq: 0, lastSeq: 0, newestMs: 0, consumers: [], problems: [problem] };
}
