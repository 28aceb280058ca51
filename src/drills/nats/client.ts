/** What a drill asks of the nats-server in its sandbox. */
import type { Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';

export interface RestoredStream {
  readonly messages: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the newest message was stored, ms since the epoch; 0 without messages. */
  readonly newestMs: number;
  readonly consumers: readonly { readonly name: string; readonly delivering: boolean }[];
}

export interface NatsSandboxClient {
  /** Restores through the protocol, and says what the server then holds. What a failure has left of the stream is removed. */
  restore(backup: { readonly config: JsonObject; readonly state: JsonObject; readonly source: AsyncIterable<Uint8Array>; readonly chunkBytes: number; readonly signal: AbortSignal }): Promise<Result<RestoredStream>>;
  /** Lets the server verify the checksums of all messages. */
  check(stream: string, signal: AbortSignal): Promise<Result<null>>;
  /** SHA-256 over sequence, subject, headers and payload of every message, in order; undefined when they cannot all be read. */
  digest(stream: string, range: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number }, signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}
