/** Which live system a command is about, and how to get into it: an URL and files, read and checked. */
import { readFileSync } from 'node:fs';
import type { Store } from '#backups/names.ts';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import type { Given } from './commands.ts';
import type { LiveSystem } from './live-system.ts';

const SCHEMES: Readonly<Record<Store, readonly string[]>> = { redis: ['redis', 'rediss'], nats: ['nats', 'tls'], config: ['redis', 'rediss'] };
const FILE_MAX_BYTES = 1024 * 1024;

const CREDS = /-----BEGIN NATS USER JWT-----[^]+END NATS USER JWT[^]+BEGIN USER NKEY SEED[^]+END USER NKEY SEED/;

/** A mistake of who typed the command. */
export class Misuse extends Error {}

type Options = Given['options'];

export function readServer(store: Store, { flag, url }: { readonly flag: string; readonly url: string }, options: Options): LiveSystem {
  const schemes = SCHEMES[store];
  const scheme = /^([a-z]+):\/\/./.exec(url)?.[1] ?? '';
  // The URL itself may hold a password, so it is not repeated.
  if (!schemes.includes(scheme) || url.split(',').some((part) => !URL.canParse(part.includes('://') ? part : `${scheme}://${part}`))) throw new Misuse(`--${flag} must be ${schemes.map((one) => `${one}://host:port`).join(' or ')} for ${store}.`);
  const password = textOf(options, 'password-file');
  const credentials = readCredentials(store, options);
  const tls = readTls(options);
  const speaksTls = scheme === 'rediss' || url.includes('tls://');
  if (tls !== undefined && !speaksTls) throw new Misuse(`--ca, --cert and --cert-key go with ${store === 'nats' ? 'tls' : 'rediss'}://.`);
  return {
    url: new Secret(url),
    ...(options['username'] === undefined ? {} : { username: options['username'] }),
    ...(password === undefined ? {} : { password: new Secret(password.replace(/\r?\n$/, '')) }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(speaksTls ? { tls: tls ?? {} } : {}),
  };
}

function readCredentials(store: Store, options: Options): Secret | undefined {
  const text = textOf(options, 'creds-file');
  if (text === undefined) return undefined;
  if (store !== 'nats') throw new Misuse('--creds-file is for nats.');
  if (options['username'] !== undefined || options['password-file'] !== undefined) throw new Misuse('--creds-file stands alone: it holds who we are and the key.');
  // Beginning and end of both parts: the client would try anything else, and say that the server cannot be reached.
  if (!CREDS.test(text)) throw new Misuse('--creds-file must hold a .creds file: -----BEGIN NATS USER JWT----- and the seed behind it.');
  return new Secret(text);
}

function readTls(options: Options): TlsMaterial | undefined {
  const ca = textOf(options, 'ca');
  const cert = textOf(options, 'cert');
  const key = textOf(options, 'cert-key');
  if ((cert === undefined) !== (key === undefined)) throw new Misuse('--cert and --cert-key go together.');
  if (ca === undefined && cert === undefined) return undefined;
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key: new Secret(key) }) };
}

function textOf(options: Options, name: string): string | undefined {
  const path = options[name];
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > FILE_MAX_BYTES) throw new Misuse(`--${name}: ${path} is too large.`);
    return text;
  } catch (error) {
    if (error instanceof Misuse) throw error;
    throw new Misuse(`--${name}: ${path} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given'}).`);
  }
}

/** Undefined after a mistake, which has been said. */
export function orMisuse<T>(read: () => T, note: (text: string) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Misuse)) throw error;
    note(error.message);
    return undefined;
  }
}
