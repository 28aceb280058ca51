/** What the trial of one store's backup answers. */
import type { BackupSet } from '#backups/inventory.ts';
import type { Store } from '#backups/names.ts';
import type { Check } from './check.ts';
import type { SandboxNats, SandboxRedis } from './sandbox/sandbox.ts';

export interface StoreDrill {
  readonly checks: readonly Check[];
  /** When the backup was taken, by its oldest claim. */
  readonly takenMs: number;
  /** The newest record that the restored copy holds; undefined when none says when it was written. */
  readonly newestMs: number | undefined;
  /** Servers of the sandbox, with their versions and ids. */
  readonly servers: readonly { readonly id: string; readonly version: string; readonly address: string }[];
  /** What was restored, with the digests of the bytes. */
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  /** Where it stands until the teardown; absent where it could not be restored. */
  readonly copy?: RestoredCopy;
}

export type RestoredCopy = { readonly store: 'redis'; readonly servers: readonly SandboxRedis[] } | { readonly store: 'nats'; readonly server: SandboxNats; readonly streams: readonly string[] };

export interface Drilled {
  readonly store: Store;
  readonly set: BackupSet;
  readonly result: StoreDrill;
}
