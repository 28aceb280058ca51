/** The file of a config backup: keys of Cordum's configuration, each as its text and as Redis dumps it. */
import { z } from 'zod';

export const CONFIG_FILE_MAX_BYTES = 256 * 1024 * 1024;

const entry = z.object({
  key: z.string().min(1).max(1_024),
  type: z.string(),
  /** Of a string; null for other types. */
  value: z.string().nullable(),
  /** What `DUMP` answered, base64. */
  dump: z.base64(),
});

export const configFileShape = z.object({ version: z.literal(1), takenAt: z.iso.datetime(), keys: z.array(entry).max(100_000) });
export type ConfigFile = z.output<typeof configFileShape>;
export type ConfigEntry = ConfigFile['keys'][number];

/** What belongs to Cordum's configuration and policy: `cfg:system:policy_snapshots` is among the first. */
export const CONFIG_PATTERNS = ['cfg:system:*', 'cfg:org:*', 'cfg:team:*', 'cfg:workflow:*', 'cfg:step:*'] as const;

/** What `SCAN` would give for one of the patterns. */
export function isConfigKey(key: string): boolean {
  return CONFIG_PATTERNS.some((pattern) => key.startsWith(pattern.slice(0, -1)));
}
