/** Which job a message on Cordum's bus is about: by its message id (cordum.md §5.4), else by its payload (§5.5). */

export interface BusMessage {
  readonly subject: string;
  /** `Nats-Msg-Id`; empty without. */
  readonly msgId: string;
  readonly payload: Uint8Array;
}

const REQUEST = 'jobreq:';
const ABOUT_JOBS = /^(?:job\.|worker\..+\.jobs$|sys\.job\.)/;
/** Of a BusPacket: job_request, job_result, job_progress, job_cancel; in each of them the id of the job is field 1. */
const OF_JOBS: ReadonlySet<number> = new Set([10, 11, 15, 16]);
const JOB_ID = 1;
const ID_MAX_BYTES = 512;

/** Undefined: the message is about no job. */
export function jobOfMessage({ subject, msgId, payload }: BusMessage): string | 'unreadable' | undefined {
  if (!ABOUT_JOBS.test(subject)) return undefined;
  // `jobreq:<subject>:<label>` names no job; ids of jobs in workflows hold colons, but no subject.
  if (msgId.startsWith(REQUEST) && !msgId.startsWith(`${REQUEST}${subject}:`)) return msgId.slice(REQUEST.length);
  if (msgId.startsWith(`${subject}:`)) return msgId.slice(subject.length + 1);
  const packet = [...fieldsOf(payload)].find(({ number }) => OF_JOBS.has(number));
  const id = packet === undefined ? undefined : [...fieldsOf(packet.bytes)].find(({ number }) => number === JOB_ID)?.bytes;
  return id === undefined || id.length === 0 || id.length > ID_MAX_BYTES ? 'unreadable' : Buffer.from(id).toString('utf8');
}

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The fields of a protobuf message that have a length; what is damaged ends the reading. */
function* fieldsOf(bytes: Uint8Array): Generator<Field, void, undefined> {
  let at = 0;
  const varint = (): number | undefined => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 63; scale *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === undefined) return;
    const kind = key % 8;
    if (kind === 0) {
      if (varint() === undefined) return;
    } else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (length === undefined || at + length > bytes.length) return;
      yield { number: Math.floor(key / 8), bytes: bytes.subarray(at, at + length) };
      at += length;
    } else return;
  }
}
