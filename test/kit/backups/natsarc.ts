/** Writes v2 archives by the layout of reliability.md §C.2, whole or with one thing wrong. */
import { encodeS2, uvarint, type S2Options } from './s2.ts';

export interface ArcMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly timeMs: number;
  readonly header?: Buffer;
  readonly payload: Buffer;
}

export interface ArcState {
  readonly messages: number;
  readonly bytes: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly consumer_count: number;
  readonly num_deleted?: number;
}

export interface Arc {
  readonly state: ArcState;
  readonly consumers: readonly string[];
  readonly messages: readonly ArcMessage[];
}

export function makeArc(count: number, consumers: readonly string[] = ['worker'], first = 1): Arc {
  const messages = Array.from({ length: count }, (_, i): ArcMessage => ({ subject: `job.${i % 3}`, sequence: first + i, timeMs: Date.parse('2026-11-21T05:00:00Z') + i, ...(i % 4 === 0 ? { header: Buffer.from(`NATS/1.0\r\nId: ${i}\r\n\r\n`) } : {}), payload: Buffer.from(JSON.stringify({ i, text: 'abc'.repeat(i % 20) })) }));
  return { state: { messages: count, bytes: count * 40, first_seq: first, last_seq: first + count - 1, consumer_count: consumers.length }, consumers, messages };
}

export const SENTINEL = Buffer.alloc(5);

export function entryOf({ name, timeMs = 0, sequence = 0, header = Buffer.alloc(0), payload }: { readonly name: string; readonly timeMs?: number; readonly sequence?: number; readonly header?: Buffer; readonly payload: Buffer }): Buffer {
  const time = BigInt(timeMs) * 1_000_000n;
  return Buffer.concat([uvarint(Buffer.byteLength(name)), uvarint(time << 1n), uvarint(sequence), uvarint(header.length), uvarint(payload.length), Buffer.from(name), header, payload]);
}

export function arcEntries({ state, consumers, messages }: Arc): Buffer[] {
  return [
    entryOf({ name: 'state.json', payload: Buffer.from(JSON.stringify(state)) }),
    ...consumers.map((name) => entryOf({ name: `consumers/${name}`, payload: Buffer.from(JSON.stringify({ config: { durable_name: name }, state: {} })) })),
    ...messages.map(({ subject, ...message }) => entryOf({ name: subject, ...message })),
    SENTINEL,
  ];
}

export function writeArc(entries: readonly Buffer[], options: S2Options & { readonly magic?: string } = {}): Buffer {
  return encodeS2(Buffer.concat([Buffer.from(options.magic ?? 'NATSARC1', 'latin1'), ...entries]), options);
}
