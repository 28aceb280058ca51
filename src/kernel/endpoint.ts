import { Secret } from './secret.ts';
import type { TlsMaterial } from './tls.ts';

/** How an HTTP API is reached, as configuration gives it. */
export interface EndpointParts {
  /** With its path prefix, if it has one; credentials in it are sent as basic authentication. */
  readonly url: string;
  readonly bearerToken?: Secret;
  readonly basic?: { readonly username: string; readonly password: Secret };
  /** For https only. */
  readonly tls?: TlsMaterial;
}

export interface Endpoint {
  /** Scheme, host and prefix, without credentials and without a slash at the end: paths are put behind it. */
  readonly root: string;
  /** For messages. */
  readonly host: string;
  /** The value of the Authorization header. */
  readonly authorization: Secret | undefined;
}

/** Takes the credentials out of a URL, so that none can stand in a message. A credential of its own wins over one in the URL. */
export function endpointOf(parts: EndpointParts): Endpoint {
  const base = new URL(parts.url);
  const inUrl = base.username === '' ? undefined : { username: decode(base.username), password: new Secret(decode(base.password)) };
  base.username = '';
  base.password = '';
  return { root: base.href.replace(/[?#].*$/, '').replace(/\/+$/, ''), host: base.host, authorization: authorizationOf(parts, parts.basic ?? inUrl) };
}

function authorizationOf({ bearerToken }: EndpointParts, basic: EndpointParts['basic']): Secret | undefined {
  if (bearerToken !== undefined) return new Secret(`Bearer ${bearerToken.reveal()}`);
  if (basic === undefined) return undefined;
  return new Secret(`Basic ${Buffer.from(`${basic.username}:${basic.password.reveal()}`).toString('base64')}`);
}

/** A percent sign that begins no escape is one of the password's own. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
