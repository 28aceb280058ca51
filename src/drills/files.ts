/** Checks that every store shares: the manifest, and the digests of the files by it. */
import type { BackupSet } from '#backups/inventory.ts';
import { contradictionsOf } from '#backups/manifest-claims.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { Store } from '#backups/names.ts';
import { failed, passed, someOf, warning, type Check } from './check.ts';
import type { Fetched } from './fetch.ts';

export function checkManifest(store: Store, set: BackupSet, nowMs: number): readonly Check[] {
  const name = `${store}.manifest.readable`;
  if (set.manifest === 'none') return [warning(name, 'The backup has no manifest: that it is what was backed up cannot be proven. `runbook-bot backup take` writes one.')];
  if ('unreadable' in set.manifest) return [failed(name, `Its manifest cannot be read: ${set.manifest.unreadable}.`)];
  if (set.manifest.store !== store) return [failed(name, `Its manifest is that of a backup of ${set.manifest.store}.`)];
  const wrong = contradictionsOf(set.manifest, set, nowMs);
  if (wrong.length > 0) return [failed(`${store}.manifest.consistent`, `The manifest contradicts itself, or its name: ${someOf(wrong)}.`)];
  return [passed(name, `By ${set.manifest.tool.name} ${set.manifest.tool.version}, of ${set.manifest.source.address}.`)];
}

/** Every file that the manifest names, and no other, with the bytes that it had. */
export function checkFiles(store: Store, files: readonly Fetched[], manifest: Manifest | undefined): readonly Check[] {
  const empty = files.filter(({ bytes }) => bytes === 0).map(({ path }) => path);
  const checks: Check[] = [empty.length > 0 ? failed(`${store}.files.present`, `Empty: ${someOf(empty)}.`) : passed(`${store}.files.present`, `${files.length} file(s), ${files.reduce((sum, { bytes }) => sum + bytes, 0)} bytes.`)];
  if (manifest === undefined) return checks;
  const name = `${store}.files.digest`;
  const missing = manifest.files.filter(({ path }) => !files.some((file) => file.path === path)).map(({ path }) => path);
  const strange = files.filter(({ path }) => !manifest.files.some((file) => file.path === path)).map(({ path }) => path);
  const changed = manifest.files.filter((noted) => files.some((file) => file.path === noted.path && (file.sha256 !== noted.sha256 || file.bytes !== noted.bytes))).map(({ path }) => path);
  if (missing.length > 0) checks.push(failed(name, `The manifest names files that are not there: ${someOf(missing)}.`));
  else if (changed.length > 0) checks.push(failed(name, `Changed since the backup was taken: ${someOf(changed)}.`));
  else if (strange.length > 0) checks.push(failed(name, `The manifest does not name ${someOf(strange)}.`));
  else checks.push(passed(name, `SHA-256 of ${manifest.files.length} file(s) as when the backup was taken.`));
  return checks;
}
