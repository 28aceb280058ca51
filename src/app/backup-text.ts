/** Backups as a table for people. */
import type { Listing } from '#backups/listing.ts';
import type { SetFacts } from '#systems/backup/client.ts';
import { formatDuration } from '#kernel/duration.ts';
import { printable } from '#kernel/text.ts';

const HEAD = ['BACKUP', 'AGE', 'BYTES', 'FILES', 'SHARDS', 'MANIFEST', 'COMPLETE', 'SIZE'] as const;

export function listingText({ directory, stores, sets, skewSeconds, unfinished, strangers, warnings }: Listing): string {
  const rows = [HEAD, ...sets.map(rowOf)];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd());
  return [
    `Backups in ${directory}`,
    ...(sets.length === 0 ? [] : ['', ...lines]),
    '',
    ...stores.map(({ store, sets: count, shown, newestAgeSeconds, oldestAt, bytes }) =>
      count === 0 ? `${store}: none` : `${store}: ${count} set(s)${shown < count ? `, the newest ${shown} shown` : ''}, newest ${age(newestAgeSeconds ?? 0)} old, oldest of ${oldestAt ?? ''}, ${bytes} bytes`,
    ),
    ...(skewSeconds === null ? [] : [`Between the newest of redis and nats: ${age(skewSeconds)}`]),
    ...(unfinished.length === 0 ? [] : [`Left by backups that broke off, or are being taken: ${printable(unfinished.join(', '))}`]),
    ...(strangers.length === 0 ? [] : [`No backups by their name: ${printable(strangers.join(', '))}`]),
    ...warnings.map((warning) => `warning: ${printable(warning)}`),
  ].join('\n');
}

function rowOf({ set, ageSeconds, bytes, files, shards, manifest, complete, size }: SetFacts): readonly string[] {
  return [set, age(ageSeconds), String(bytes), String(files), String(shards), manifest, complete, size];
}

function age(seconds: number): string {
  return seconds === 0 ? '0s' : formatDuration(seconds * 1_000);
}
