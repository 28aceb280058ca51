/** What a drill of NATS is given: the backup, how the live system looks, and the protocol of the sandbox. */
import type { BackupSet } from '#backups/inventory.ts';
import type { LiveFacts } from '../context.ts';
import type { NatsSandboxClient } from './client.ts';

export interface LiveStream {
  readonly name: string;
  readonly messages: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When its first message was stored, ms since the epoch; 0 without messages, absent where it was not asked. */
  readonly firstMs?: number;
  /** ms since the epoch; 0 where the server does not say. */
  readonly createdMs: number;
  readonly consumers: readonly { readonly name: string; readonly memory: boolean; readonly durable: boolean; readonly createdMs: number }[];
}

export interface NatsLive extends LiveFacts {
  /** Its name; empty for a server that is none. */
  readonly cluster: string;
  readonly streams: readonly LiveStream[];
}

export interface NatsDrill {
  readonly directory: string;
  readonly set: BackupSet;
  readonly live: NatsLive | undefined;
  connectNats(at: { readonly url: string; readonly token: string }): Promise<NatsSandboxClient>;
}
