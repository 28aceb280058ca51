/** Which job a message on Cordum's bus is about: by its message id (cordum.md §5.4), else by its payload (§5.5). */

export interface BusMessage {
  readonly subject: string;
  /** `Nats-Msg-Id`; empty without. */
  readonly msgId: string;
  readonly payload: Uint8Array;
  /** When the server stored it, ms since the epoch. */
  readonly storedMs: number;
}

/** What a message does to its job. `other`: progress, a cancellation. */
export const MESSAGE_KINDS = ['request', 'dispatch', 'end', 'other'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** Null: the message is about a job that cannot be read from it. */
export interface AboutJob {
  readonly kind: MessageKind;
  readonly job: string | null;
}

const REQUEST = 'jobreq:';
/** Of a BusPacket: job_request, job_result, job_progress, job_cancel; in each of them the id of the job is field 1. */
const OF_JOBS: ReadonlySet<number> = new Set([10, 11, 15, 16]);
const JOB_ID = 1;
const ID_MAX_BYTES = 512;

/** Undefined: the message is about no job (heartbeats, events, audit). */
export function jobOfMessage({ subject, msgId, payload }: BusMessage): AboutJob | undefined {
  const kind = kindOf(subject);
  if (kind === undefined) return undefined;
  // `jobreq:<subject>:<label>` names no job; ids of jobs in workflows hold colons, but no subject.
  if (msgId.startsWith(REQUEST) && msgId.length > REQUEST.length && !msgId.startsWith(`${REQUEST}${subject}:`)) return { kind, job: msgId.slice(REQUEST.length) };
  if (msgId.startsWith(`${subject}:`) && msgId.length > subject.length + 1) return { kind, job: msgId.slice(subject.length + 1) };
  return { kind, job: jobOfPacket(payload) };
}

function kindOf(subject: string): MessageKind | undefined {
  if (subject.startsWith('job.') || /^worker\..+\.jobs$/.test(subject)) return 'dispatch';
  if (subject === 'sys.job.submit') return 'request';
  if (subject === 'sys.job.result' || subject === 'sys.job.dlq') return 'end';
  return subject.startsWith('sys.job.') ? 'other' : undefined;
}

function jobOfPacket(payload: Uint8Array): string | null {
  const packet = fieldWhere(payload, (number) => OF_JOBS.has(number));
  const id = packet === undefined ? undefined : fieldWhere(packet, (number) => number === JOB_ID);
  return id === undefined || id.length === 0 || id.length > ID_MAX_BYTES ? null : Buffer.from(id).toString('utf8');
}

/** The first field with a length that fits, of a protobuf message; what is damaged ends the reading. */
function fieldWhere(bytes: Uint8Array, fits: (number: number) => boolean): Uint8Array | undefined {
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
    if (key === undefined) return undefined;
    const kind = key % 8;
    if (kind === 0) {
      if (varint() === undefined) return undefined;
    } else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (length === undefined || at + length > bytes.length) return undefined;
      if (fits(Math.floor(key / 8))) return bytes.subarray(at, at + length);
      at += length;
    } else return undefined;
  }
  return undefined;
}
