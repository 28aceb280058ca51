/**
 * What the files of a backup directory are called. Cordum's CronJobs name them so (`prod/backup.yaml`), and so do we:
 * `redis-<ts>.rdb` or `redis-<ts>-node<i>.rdb`, `nats-<ts>/<STREAM>.snapshot/`, `config-<ts>.json`, each with our manifest beside it.
 */
export const STORES = ['redis', 'nats', 'config'] as const;
export type Store = (typeof STORES)[number];

/** `20261121T060000Z`: the start of the backup, UTC. */
const STAMP = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

export function stampOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]/g, '').replace(/\.\d{3}/, '');
}

/** Undefined when it is no time that there is: a 31st of February is not one. */
export function timeOfStamp(stamp: string): number | undefined {
  const [, y, mo, d, h, mi, s] = STAMP.exec(stamp) ?? [];
  if (y === undefined) return undefined;
  const ms = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  return Number.isNaN(ms) || stampOf(ms) !== stamp ? undefined : ms;
}

export type BackupName =
  | { readonly kind: 'redis'; readonly stamp: string; readonly node: number | null }
  | { readonly kind: 'nats'; readonly stamp: string }
  | { readonly kind: 'config'; readonly stamp: string }
  | { readonly kind: 'manifest'; readonly store: Store; readonly stamp: string };

/** What an entry of the directory is by its name; undefined: nothing of ours. */
export function readName(name: string): BackupName | undefined {
  const [, store, stamp = '', rest = ''] = /^(redis|nats|config)-(\d{8}T\d{6}Z)(.*)$/.exec(name) ?? [];
  if (store === undefined || timeOfStamp(stamp) === undefined) return undefined;
  if (rest === '.manifest.json') return { kind: 'manifest', store: store as Store, stamp };
  if (store === 'redis') {
    const [whole, node] = /^(?:-node(\d{1,4}))?\.rdb$/.exec(rest) ?? [];
    return whole === undefined ? undefined : { kind: 'redis', stamp, node: node === undefined ? null : Number(node) };
  }
  if (store === 'nats') return rest === '' ? { kind: 'nats', stamp } : undefined;
  return rest === '.json' ? { kind: 'config', stamp } : undefined;
}

export function redisFile(stamp: string, node: number | null): string {
  return node === null ? `redis-${stamp}.rdb` : `redis-${stamp}-node${node}.rdb`;
}

export function manifestFile(store: Store, stamp: string): string {
  return `${store}-${stamp}.manifest.json`;
}
