import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import type { Path } from '#language/document.ts';
import type { Building } from './building.ts';
import type { TlsYaml } from './target-shape.ts';

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * The files of a `tls` section, checked: a certificate that cannot be read would otherwise show as "TLS failed" at three in the
 * morning. Undefined where the section is absent; `{}` is TLS with the authorities of the machine.
 */
export function buildTls(section: TlsYaml | undefined, path: Path, reading: Building): TlsMaterial | undefined {
  if (section === undefined) return undefined;
  const { mistakes } = reading;
  const { certFile, keyFile } = section;
  if (certFile !== undefined && keyFile === undefined) mistakes.push({ path: [...path, 'certFile'], expected: 'expected keyFile beside it: a certificate is used with its key' });
  if (keyFile !== undefined && certFile === undefined) mistakes.push({ path: [...path, 'keyFile'], expected: 'expected certFile beside it: a key is used with its certificate' });
  const ca = certificates(section.caFile, [...path, 'caFile'], reading);
  const cert = certificates(certFile, [...path, 'certFile'], reading);
  const key = privateKey(keyFile, [...path, 'keyFile'], reading);
  if (cert !== undefined && key !== undefined && !cert.first.checkPrivateKey(key.object)) {
    mistakes.push({ path: [...path, 'keyFile'], expected: 'expected the key that belongs to the certificate in certFile' });
  }
  return {
    ...(ca === undefined ? {} : { ca: ca.text }),
    ...(cert === undefined ? {} : { cert: cert.text }),
    ...(key === undefined ? {} : { key: key.secret }),
    ...(section.serverName === undefined ? {} : { serverName: section.serverName }),
  };
}

function certificates(file: string | undefined, path: Path, reading: Building): { readonly text: string; readonly first: X509Certificate } | undefined {
  const text = textOf(file, path, reading)?.text;
  if (text === undefined || file === undefined) return undefined;
  try {
    const [first] = (text.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
    if (first !== undefined) return { text, first };
  } catch {
    // Base64 that is no certificate is told like a file without any.
  }
  reading.mistakes.push({ path, expected: `expected a certificate in PEM form (-----BEGIN CERTIFICATE-----) in ${reading.resolvePath(file)}` });
  return undefined;
}

function privateKey(file: string | undefined, path: Path, reading: Building): { readonly secret: Secret; readonly object: KeyObject } | undefined {
  const read = textOf(file, path, reading);
  if (read === undefined || file === undefined) return undefined;
  const at = reading.resolvePath(file);
  try {
    const object = createPrivateKey(read.text);
    if (read.worldReadable) reading.warnings.push({ path, expected: `every user of this machine can read ${at}: chmod 600 it` });
    return { secret: new Secret(read.text), object };
  } catch {
    // The older form says it in a header within, the newer one in its first line.
    const locked = /^-----BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(read.text);
    reading.mistakes.push({ path, expected: locked ? `expected a private key without a passphrase in ${at}` : `expected a private key in PEM form (-----BEGIN PRIVATE KEY-----) in ${at}` });
    return undefined;
  }
}

function textOf(file: string | undefined, path: Path, { readFile, resolvePath, mistakes }: Building): { readonly text: string; readonly worldReadable: boolean } | undefined {
  if (file === undefined) return undefined;
  const read = readFile(resolvePath(file));
  if (read.ok) return read;
  mistakes.push({ path, expected: `expected a file that can be read: ${resolvePath(file)}: ${read.because}` });
  return undefined;
}
