/** The Ed25519 key that signs evidence: made on first use, readable by its owner only, its public half beside it. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, open, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from '#backups/directory.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';

const KEY_FILE_MAX_BYTES = 64 * 1024;

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly keyId: string;
  /** SPKI, base64. */
  readonly publicKey: string;
  /** It was made just now. */
  readonly fresh: boolean;
}

/** `key.pem` → `key.pub.pem`. */
export function publicKeyFile(file: string): string {
  return `${file.replace(/\.pem$/, '')}.pub.pem`;
}

export function keyIdOf(key: KeyObject): string {
  return createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 16);
}

export async function openSigningKey(file: string): Promise<Result<SigningKey>> {
  try {
    const fresh = await makeUnlessThere(file);
    const { mode, size } = await stat(file);
    if (size > KEY_FILE_MAX_BYTES) return fail('invalid', `${file} is no key: it is ${size} bytes long.`);
    if ((mode & 0o077) !== 0) return fail('refused', `${file} can be read by others: a key that signs evidence must not be (chmod 600).`);
    const privateKey = createPrivateKey(await readFile(file, 'utf8'));
    if (privateKey.asymmetricKeyType !== 'ed25519') return fail('invalid', `${file} holds a key of ${privateKey.asymmetricKeyType ?? 'an unknown kind'}; evidence is signed with Ed25519.`);
    const publicKey = createPublicKey(privateKey);
    await writePublic(file, publicKey);
    return succeed({ privateKey, keyId: keyIdOf(publicKey), publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'), fresh });
  } catch (error) {
    return fail('invalid', `The key ${file} cannot be used: ${codeOf(error)}.`);
  }
}

/** Created only where nothing is, so that two drills at once do not make two keys. */
async function makeUnlessThere(file: string): Promise<boolean> {
  await makeDirectory(dirname(file));
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(file, 0o600);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function writePublic(file: string, key: KeyObject): Promise<void> {
  const text = key.export({ type: 'spki', format: 'pem' });
  const path = publicKeyFile(file);
  try {
    if ((await readFile(path, 'utf8')) === text) return;
  } catch {
    // It is not there yet.
  }
  try {
    await writeFile(path, text, { mode: 0o644 });
  } catch {
    // A key on a read-only disk (a Kubernetes secret) has its public half elsewhere; the bundle holds it too.
  }
}

/** A public key in PEM; a private one is taken for its public half. */
export function readPublicKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it is not readable as PEM';
}
