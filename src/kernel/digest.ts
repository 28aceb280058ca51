import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { toJson, type Json } from './json.ts';

/** SHA-256, in hex, of the canonical JSON (RFC 8785) of a value: equal values have equal digests whatever their key order. */
export function digestOf(value: Json): string {
  return sha256(canonicalJson(value));
}

export function canonicalJson(value: Json): string {
  // RFC 8785 has no form for half a surrogate pair, which any cut or any answer may hold: it becomes U+FFFD instead of an error.
  const text = canonicalize(toJson(value));
  if (text === undefined) throw new TypeError('a value without a JSON form cannot be digested');
  return text;
}

export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** What a person compares by eye: the first eight hex characters. The whole digest is what is compared by machine. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 8);
}
