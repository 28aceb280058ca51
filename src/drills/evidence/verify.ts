/**
 * Checks evidence with nothing but its files: form, parts, signature, reports, and the chain back to the first bundle that is
 * there. Every byte of a bundle, its signature and its reports is covered: whichever is changed, something here fails.
 */
import { createHash, createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '#kernel/digest.ts';
import type { JsonObject } from '#kernel/json.ts';
import { failed, passed, someOf, warning, type Check } from '../check.ts';
import { BUNDLE_MAX_BYTES, bundleFile, bundleShape, readSignatureLine, sectionsOf, signatureFile, type Bundle } from './bundle.ts';
import { CHAIN_MAX, readLinks } from './chain.ts';
import { keyIdOf } from './keys.ts';

const REPORT_MAX_BYTES = 64 * 1024 * 1024;

export interface Verified {
  readonly status: 'valid' | 'invalid';
  readonly bundle: string;
  readonly id: string;
  /** What the drill said of itself; empty when it cannot be read. */
  readonly drill: string;
  readonly keyId: string;
  /** How many bundles were checked, this one among them. */
  readonly links: number;
  readonly checks: readonly Check[];
}

export async function verifyBundle(path: string, keys: readonly KeyObject[]): Promise<Verified> {
  const directory = dirname(path);
  const checks: Check[] = [];
  let link = await verifyOne(path, keys);
  checks.push(...link.checks);
  const head = link;
  const seen = new Set<string>([head.bundle?.id ?? '']);
  let links = 1;
  while (link.bundle?.previous != null && links < CHAIN_MAX) {
    const { previous, sequence, id, key } = link.bundle;
    if (seen.has(previous.id)) {
      checks.push(failed('chain.order', `${id} names ${previous.id}, which comes after it.`));
      break;
    }
    const before = join(directory, bundleFile(previous.id));
    if (!(await isThere(before))) {
      checks.push(await missing(directory, previous.id, sequence));
      break;
    }
    link = await verifyOne(before, keys);
    links += 1;
    seen.add(previous.id);
    checks.push(...link.checks.filter(({ name, status }) => status === 'failed' || (status === 'warning' && name !== 'bundle.key')).map((check) => ({ ...check, detail: `${previous.id}: ${check.detail}` })));
    if (link.sha256 !== previous.sha256) checks.push(failed('chain.digest', `${previous.id} is not the bundle that ${id} was chained to: its SHA-256 is another.`));
    if (link.bundle === undefined) break;
    if (link.bundle.sequence !== sequence - 1) checks.push(failed('chain.order', `${id} is number ${sequence}, and the one before it number ${link.bundle.sequence}.`));
    if (keys.length === 0 && link.bundle.key.keyId !== key.keyId) checks.push(failed('chain.key', `The key changes from ${link.bundle.key.keyId} (${previous.id}) to ${key.keyId} (${id}): if that was meant, give both with --public-key.`));
  }
  if (link.bundle !== undefined && !checks.some(({ name, status }) => name.startsWith('chain.') && status !== 'passed')) checks.push(passed('chain.whole', `${links} bundle(s), back to the first.`));
  return {
    status: checks.some(({ status }) => status === 'failed') ? 'invalid' : 'valid',
    bundle: path,
    id: head.bundle?.id ?? '',
    drill: head.bundle === undefined ? '' : `${head.bundle.drill.store} ${head.bundle.drill.status}`,
    keyId: head.bundle?.key.keyId ?? '',
    links,
    checks,
  };
}

interface One {
  readonly checks: readonly Check[];
  /** Undefined when it cannot be read as one. */
  readonly bundle?: Bundle;
  readonly sha256?: string;
}

async function verifyOne(path: string, keys: readonly KeyObject[]): Promise<One> {
  const name = basename(path);
  const bytes = await readBytes(path, BUNDLE_MAX_BYTES);
  if (typeof bytes === 'string') return { checks: [failed('bundle.readable', `${name} cannot be read: ${bytes}.`)] };
  const digest = sha256OfBytes(bytes);
  const read = readForm(bytes, name);
  if (!read.ok) return { checks: [failed('bundle.form', read.because), await checkSignatureOnly(path, bytes, keys)], sha256: digest };
  const { bundle, json } = read;
  const checks: Check[] = [passed('bundle.form', `${bytes.length} bytes of canonical JSON.`)];
  if (name !== bundleFile(bundle.id)) checks.push(warning('bundle.name', `${name} holds the drill ${bundle.id}: it was renamed.`));
  checks.push(checkSections(bundle, json), ...(await checkSignature(path, bytes, bundle, keys)), ...(await checkReports(dirname(path), bundle)));
  return { checks, bundle, sha256: digest };
}

type Form = { readonly ok: true; readonly bundle: Bundle; readonly json: JsonObject } | { readonly ok: false; readonly because: string };

/** One value has one form: a space or an escape more is a change as well, and here it is said where. */
function readForm(bytes: Buffer, name: string): Form {
  const text = bytes.toString('utf8');
  const written = Buffer.from(text, 'utf8');
  if (!written.equals(bytes)) return { ok: false, because: `${name} is not UTF-8 at byte ${firstDifference(bytes, written)}.` };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return { ok: false, because: `${name} is not JSON: ${error instanceof Error ? error.message.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200) : 'no reason given'}.` };
  }
  const json = z.record(z.string(), z.unknown()).safeParse(raw);
  const read = bundleShape.safeParse(raw);
  if (!read.success || !json.success) {
    const [issue] = read.error?.issues ?? [];
    return { ok: false, because: `${name} is no bundle of a drill: ${issue?.path.join('.') || 'its top'}: ${issue?.message ?? 'unreadable'}.` };
  }
  const canonical = Buffer.from(`${canonicalJson(json.data as JsonObject)}\n`);
  if (!canonical.equals(bytes)) return { ok: false, because: `${name} is not in its canonical form at byte ${firstDifference(bytes, canonical)}.` };
  return { ok: true, bundle: read.data, json: json.data as JsonObject };
}

function firstDifference(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i += 1) if (a[i] !== b[i]) return i;
  return most;
}

function checkSections(bundle: Bundle, json: JsonObject): Check {
  const is = sectionsOf(json);
  const names = [...new Set([...Object.keys(is), ...Object.keys(bundle.sections)])];
  const changed = names.filter((name) => is[name] !== bundle.sections[name]);
  return changed.length > 0 ? failed('bundle.parts', `Changed since it was signed: ${someOf(changed)}.`) : passed('bundle.parts', `${names.length} parts, each with its digest.`);
}

async function checkSignature(path: string, bytes: Buffer, bundle: Bundle, keys: readonly KeyObject[]): Promise<readonly Check[]> {
  const own = ownKey(bundle);
  if (own === undefined || keyIdOf(own) !== bundle.key.keyId) return [failed('bundle.key', 'The key that the bundle names is not the one that it holds.')];
  const wanted = keys.length === 0 ? own : keys.find((key) => keyIdOf(key) === bundle.key.keyId);
  if (wanted === undefined) return [failed('bundle.key', `It names the key ${bundle.key.keyId}; given was ${keys.map(keyIdOf).join(', ')}.`)];
  const signed = await signatureBy(path, bytes, wanted);
  const trust = keys.length === 0 ? [warning('bundle.key', `The key ${bundle.key.keyId} stands in the bundle itself: whose it is, only --public-key can say.`)] : [passed('bundle.key', `The key ${bundle.key.keyId} is one that was given.`)];
  return [signed, ...trust];
}

/** Of a bundle that cannot be read: the signature says whether it ever could. */
function checkSignatureOnly(path: string, bytes: Buffer, keys: readonly KeyObject[]): Promise<Check> {
  const [key] = keys;
  return key === undefined ? Promise.resolve(failed('bundle.signature', 'It cannot be told who has signed it.')) : signatureBy(path, bytes, key);
}

async function signatureBy(path: string, bytes: Buffer, key: KeyObject): Promise<Check> {
  const file = signatureFile(path);
  const text = await readBytes(file, 4_096);
  if (typeof text === 'string') return failed('bundle.signature', `Its signature ${basename(file)} cannot be read: ${text}.`);
  const line = readSignatureLine(text.toString('latin1'));
  if (line === undefined) return failed('bundle.signature', `${basename(file)} is no signature: expected one line, ed25519, the id of the key and 128 hexadecimal digits.`);
  const keyId = keyIdOf(key);
  if (line.keyId !== keyId) return failed('bundle.signature', `${basename(file)} is of the key ${line.keyId}, not of ${keyId}.`);
  return verifySignature(null, bytes, key, line.signature) ? passed('bundle.signature', `Signed by the Ed25519 key ${keyId}.`) : failed('bundle.signature', 'The signature is not one over these bytes: the bundle or the signature was changed.');
}

function ownKey(bundle: Bundle): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(bundle.key.publicKey, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

async function checkReports(directory: string, bundle: Bundle): Promise<readonly Check[]> {
  const changed: string[] = [];
  const gone: string[] = [];
  for (const { file, sha256: wanted } of bundle.reports) {
    const bytes = await readBytes(join(directory, file), REPORT_MAX_BYTES);
    if (typeof bytes === 'string') gone.push(file);
    else if (sha256OfBytes(bytes) !== wanted) changed.push(file);
  }
  if (changed.length > 0) return [failed('bundle.reports', `Changed since the drill: ${someOf(changed)}.`)];
  if (gone.length > 0) return [warning('bundle.reports', `Not here: ${someOf(gone)}.`)];
  return [passed('bundle.reports', `${bundle.reports.length} report(s) as they were written.`)];
}

/** A bundle may be handed on by itself. But where older ones lie beside the gap, one was taken out. */
async function missing(directory: string, id: string, sequence: number): Promise<Check> {
  const older = (await readLinks(directory)).filter(({ bundle }) => bundle.sequence < sequence - 1);
  if (older.length > 0) return failed('chain.missing', `${id} is missing, though ${older.length} older bundle(s) are here.`);
  return warning('chain.missing', `${id} and what came before it are not here: the chain is checked back to number ${sequence} only.`);
}

async function readBytes(path: string, most: number): Promise<Buffer | string> {
  try {
    const { size } = await stat(path);
    return size > most ? `it is ${size} bytes long` : await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given';
    return code === 'EISDIR' ? 'it is a directory; name the bundle in it that is to be verified' : code === 'ENOENT' ? 'there is no such file' : code;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

function sha256OfBytes(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
