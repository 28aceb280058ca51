/**
 * Reads the parts of a BusPacket (protobuf, cordum.agent.v1) that a dead letter has: bus packet fields trace_id 1, sender_id 2,
 * created_at 3, job_result 11; JobResult fields job_id 1, status 2, worker_id 4, error_code 6, error_message 7 (reference
 * cordum.md §5.5). Bytes come from outside: every read is within bounds, unknown fields are passed over, and no field is trusted to be there.
 */
import { cutClean } from '#kernel/redact.ts';
import { safeInt } from './values.ts';

const LONGEST_ID = 200;
const LONGEST_REASON = 500;
/** A packet has a dozen fields; a thousand is an attack. */
const MOST_FIELDS = 1_000;

export interface DeadLetter {
  readonly jobId: string;
  readonly status: string;
  readonly reasonCode: string;
  readonly reason: string;
  readonly workerId: string;
  readonly traceId: string;
  readonly senderId: string;
  /** 0: it does not say. */
  readonly createdAtMs: number;
}

/** By number: JobStatus of the protocol. */
const STATUS = ['UNSPECIFIED', 'PENDING', 'SCHEDULED', 'DISPATCHED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'DENIED', 'TIMEOUT', 'FAILED_RETRYABLE', 'FAILED_FATAL'] as const;

type Value = { readonly kind: 'varint'; readonly value: bigint } | { readonly kind: 'bytes'; readonly value: Uint8Array } | { readonly kind: 'fixed' };

/** Undefined when it is no packet with the result of a job. */
export function readDeadLetter(data: Uint8Array): DeadLetter | undefined {
  const packet = readFields(data);
  const result = packet === undefined ? undefined : readFields(bytesOf(packet.get(11)));
  if (packet === undefined || result === undefined || !packet.has(11)) return undefined;
  const jobId = textOf(result.get(1), LONGEST_ID);
  if (jobId === '') return undefined;
  return {
    jobId,
    status: statusOf(result.get(2)),
    reasonCode: textOf(result.get(6), LONGEST_ID),
    reason: textOf(result.get(7), LONGEST_REASON),
    workerId: textOf(result.get(4), LONGEST_ID),
    traceId: textOf(packet.get(1), LONGEST_ID),
    senderId: textOf(packet.get(2), LONGEST_ID),
    createdAtMs: timestampOf(packet.get(3)),
  };
}

/** The last value of each field, as protobuf has it. Undefined when the bytes are no message. */
function readFields(data: Uint8Array): ReadonlyMap<number, Value> | undefined {
  const fields = new Map<number, Value>();
  let at = 0;
  for (let count = 0; at < data.length; count += 1) {
    if (count >= MOST_FIELDS) return undefined;
    const key = readVarint(data, at);
    if (key === undefined || key.value > 0xffff_ffffn) return undefined;
    const number = Number(key.value >> 3n);
    const read = readValue(data, key.end, Number(key.value & 7n));
    if (read === undefined || number === 0) return undefined;
    fields.set(number, read.value);
    at = read.end;
  }
  return fields;
}

function readValue(data: Uint8Array, at: number, wireType: number): { value: Value; end: number } | undefined {
  switch (wireType) {
    case 0: {
      const read = readVarint(data, at);
      return read === undefined ? undefined : { value: { kind: 'varint', value: read.value }, end: read.end };
    }
    case 1:
      return at + 8 <= data.length ? { value: { kind: 'fixed' }, end: at + 8 } : undefined;
    case 2: {
      const length = readVarint(data, at);
      if (length === undefined || length.value > BigInt(data.length - length.end)) return undefined;
      const end = length.end + Number(length.value);
      return { value: { kind: 'bytes', value: data.subarray(length.end, end) }, end };
    }
    case 5:
      return at + 4 <= data.length ? { value: { kind: 'fixed' }, end: at + 4 } : undefined;
    default:
      return undefined;
  }
}

function readVarint(data: Uint8Array, at: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let index = 0; index < 10; index += 1) {
    const byte = data[at + index];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + index + 1 };
  }
  return undefined;
}

function bytesOf(value: Value | undefined): Uint8Array {
  return value?.kind === 'bytes' ? value.value : new Uint8Array();
}

function textOf(value: Value | undefined, longest: number): string {
  return cutClean(new TextDecoder().decode(bytesOf(value)).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' '), longest);
}

function statusOf(value: Value | undefined): string {
  const number = value?.kind === 'varint' ? safeInt(Number(value.value)) : 0;
  return `JOB_STATUS_${STATUS[number] ?? number}`;
}

/** google.protobuf.Timestamp: seconds 1, nanos 2. */
function timestampOf(value: Value | undefined): number {
  const fields = readFields(bytesOf(value));
  const number = (field: number): number => {
    const read = fields?.get(field);
    return read?.kind === 'varint' ? Number(BigInt.asIntN(64, read.value)) : 0;
  };
  return Math.max(0, safeInt(number(1) * 1_000 + number(2) / 1_000_000));
}
