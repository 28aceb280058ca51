/** Writes the evidence of a drill: the bundle, its signature, and the reports that people read. */
import { sign } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#backups/directory.ts';
import type { Clock } from '#kernel/clock.ts';
import { canonicalJson, sha256 } from '#kernel/digest.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { DrillOutcome } from '../run.ts';
import { bundleBody, bundleFile, bundleShape, sectionsOf, signatureFile, signatureLine, type BundleContext } from './bundle.ts';
import { readLinks, withLock } from './chain.ts';
import { openSigningKey, type SigningKey } from './keys.ts';
import { htmlReport } from './report-html.ts';
import { markdownReport } from './report-markdown.ts';
import { trendOf } from './trend.ts';

export interface EvidenceTo {
  readonly directory: string;
  /** The file of the private key; made when there is none. */
  readonly key: string;
  readonly clock: Clock;
}

export interface Evidence {
  /** The path of the bundle. */
  readonly bundle: string;
  readonly sha256: string;
  readonly keyId: string;
  readonly sequence: number;
  readonly reports: readonly string[];
  readonly keyIsNew: boolean;
}

export async function writeEvidence(outcome: DrillOutcome, context: BundleContext, to: EvidenceTo): Promise<Result<Evidence>> {
  try {
    await makeDirectory(to.directory);
    const key = await openSigningKey(to.key);
    if (!key.ok) return key;
    return succeed(await withLock(to.directory, to.clock, () => writeNext(outcome, context, to.directory, key.value)));
  } catch (error) {
    return fail('unavailable', `The evidence cannot be written to ${to.directory}: ${error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.message : 'for no reason given'}.`);
  }
}

async function writeNext(outcome: DrillOutcome, context: BundleContext, directory: string, key: SigningKey): Promise<Evidence> {
  await removeHalves(directory);
  const links = await readLinks(directory);
  const last = links.at(-1);
  const body: JsonObject = {
    ...bundleBody(outcome, context),
    sequence: (last?.bundle.sequence ?? 0) + 1,
    previous: last === undefined ? null : { id: last.bundle.id, sha256: last.sha256 },
    key: { algorithm: 'ed25519', keyId: key.keyId, publicKey: key.publicKey },
  };
  const trend = trendOf([...links.map(({ bundle }) => bundle), { ...body, reports: [], sections: {} }]);
  const reports = [
    { file: `drill-${outcome.id}.md`, text: markdownReport(body, trend) },
    { file: `drill-${outcome.id}.html`, text: await htmlReport(body, trend) },
  ];
  const withReports: JsonObject = { ...body, reports: reports.map(({ file, text }) => ({ file, sha256: sha256(text) })) };
  const bundle: JsonObject = { ...withReports, sections: sectionsOf(withReports) };
  bundleShape.parse(bundle);
  const text = `${canonicalJson(bundle)}\n`;
  const path = join(directory, bundleFile(outcome.id));
  for (const report of reports) await writeWhole(join(directory, report.file), report.text);
  // The bundle comes last: what it names is there when it is.
  await writeWhole(signatureFile(path), signatureLine(key.keyId, sign(null, Buffer.from(text), key.privateKey)));
  await writeWhole(path, text);
  return { bundle: path, sha256: sha256(text), keyId: key.keyId, sequence: (last?.bundle.sequence ?? 0) + 1, reports: reports.map(({ file }) => join(directory, file)), keyIsNew: key.fresh };
}

/** Either all of it is there or nothing. */
async function writeWhole(path: string, text: string): Promise<void> {
  const half = `${path}.half`;
  const handle = await open(half, 'w', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(half, path);
}

/** What a drill that was killed while it wrote has left. */
async function removeHalves(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (/^drill-.+\.half$/.test(name)) await rm(join(directory, name), { force: true });
}
