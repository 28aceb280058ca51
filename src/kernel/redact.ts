/**
 * Takes secrets out of text and JSON, by the look of a value and by the name of its field. It is the last net, not the
 * first: code keeps secrets in `Secret`; this catches what comes back in an error, an answer or a label. Every pattern runs
 * in time linear in the text: what follows an unbounded part is optional or cannot occur within it.
 */
import type { Json } from './json.ts';
import { newLabels } from './labels.ts';
import { cutText } from './text.ts';

export const REDACTED = '[redacted]';

/** Deeper than anything that we store on purpose; a hostile answer must not overflow the stack. */
const MAX_DEPTH = 100;

/** Names whose last word makes the value a secret, in lower case without `-`, `_`, `.` and spaces. */
const SECRET_NAME = /(?:authorization|password|passwd|passphrase|secret|token|apikey|privatekey|accesskey|secretkey|signingkey|encryptionkey|cookie|signature|credentials?)$|^(?:auth|pass|pwd|cookies|secrets|tokens|passwords)$/;
/** Cursors of paged lists are called tokens too, and a later step needs them. */
const CURSOR_NAME = /(?:page|next|continue|continuation)token$/;

/** The same names and the same texts come again with every alert and every field, so what was found out about them is kept. */
const secretNames = new Map<string, boolean>();
/** Texts without a secret, and none other. */
const cleanTexts = new Set<string>();
const KEPT_MAX = 2_000;
const KEPT_CHARS_MAX = 200;

/** Words in a text, not of ours: a name, then a value. `=` and quoted names are data; a colon may be prose. */
const NAMES = 'authorization|passw(?:or)?d|passphrase|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|signature|cookie|credentials?';
const VALUE = String.raw`(?:\\?"(?:[^"\\]|\\(?!"))*|'[^']*|[^\s"'\\,;&<>(){}\[\]]+)`;
const NOT_A_VALUE = String.raw`(?!\\?["']?(?:\[redacted|\[secret|true\b|false\b|null\b|none\b|undefined\b|(?:bearer|basic|digest)\s))`;
/** A plain word after a colon (`invalid token: expired`) is prose. */
const NOT_A_WORD = String.raw`(?!\\?["']?[A-Za-z]?[a-z]{0,24}(?![A-Za-z0-9+/=_~@#$%^&*!-]))`;

interface Pattern {
  readonly find: RegExp;
  readonly replace: string;
}

const PATTERNS: readonly Pattern[] = [
  // PEM private keys; one that was cut off goes to the end of the text.
  { find: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:(?!-----END)[^])*(?:-----END [A-Z0-9 ]{0,40}-----)?/g, replace: REDACTED },
  // The password of a URL (redis://:pw@host, https://user:pw@host); an at sign within the password included.
  { find: /:\/\/([^\s/?#@:"'<>]*):[^\s/?#"'<>]*@/g, replace: `://$1:${REDACTED}@` },
  // A token alone in front of the host, as NATS has it; a name without a password in a URL of Redis is no loss.
  { find: /\b((?:nats|tls|wss?|rediss?):\/\/)[^\s/?#@:,"'<>]+@/g, replace: `$1${REDACTED}@` },
  // Slack tokens and incoming webhooks, and the signature of a Slack request.
  { find: /xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}/g, replace: REDACTED },
  { find: /(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9/_-]+/g, replace: `$1${REDACTED}` },
  { find: /\bv0=[0-9a-f]{64}/g, replace: `v0=${REDACTED}` },
  // API keys of Cordum, GitHub, Google and AWS, by their published forms.
  { find: /ck_[0-9A-Fa-f]{32,}/g, replace: REDACTED },
  { find: /gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}/g, replace: REDACTED },
  { find: /AIza[0-9A-Za-z_-]{35}/g, replace: REDACTED },
  { find: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g, replace: REDACTED },
  // JSON web tokens.
  { find: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, replace: REDACTED },
  // The credentials of an Authorization header; "Basic authentication" is prose.
  { find: /\b(bearer|basic)( +)(?!(?:[A-Za-z][a-z]*|[A-Z]+)(?![A-Za-z0-9._~+/=-]))[A-Za-z0-9._~+/=-]{6,}/gi, replace: `$1$2${REDACTED}` },
  // name=value and "name": "value".
  { find: new RegExp(String.raw`((?:${NAMES})(?:[ \t]*=|\\?["'][ \t]*[:=])[ \t]*)${NOT_A_VALUE}${VALUE}`, 'gi'), replace: `$1${REDACTED}` },
  { find: new RegExp(String.raw`((?:passw(?:or)?d|passphrase|secret)[ \t]*:[ \t]*)${NOT_A_VALUE}${VALUE}`, 'gi'), replace: `$1${REDACTED}` },
  { find: new RegExp(String.raw`((?:${NAMES})[ \t]*:[ \t]*)${NOT_A_VALUE}${NOT_A_WORD}${VALUE}`, 'gi'), replace: `$1${REDACTED}` },
];

/** In the first and in the last line of a private key. */
const KEY_EDGE = 'PRIVATE KEY-----';
/** A line of base64, perhaps behind the time at which it was logged. */
const KEY_LINE = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{16,}={0,2}\s*$/;

/** What every pattern needs a part of: most text has none, and one look is much cheaper than all of them. */
const HINT = new RegExp(String.raw`@|PRIVATE KEY|xox|xapp-|hooks\.slack|v0=|ck_|gh[pousr]_|github_pat_|AIza|AKIA|ASIA|eyJ|bearer|basic|${NAMES}`, 'i');

/** The text without what looks like a secret; other text is returned as it is. */
export function redact(text: string): string {
  if (cleanTexts.has(text)) return text;
  if (!HINT.test(text)) {
    if (text.length <= KEPT_CHARS_MAX) {
      // They come from outside; whoever sends ever new ones must not fill the memory.
      if (cleanTexts.size >= KEPT_MAX) cleanTexts.clear();
      cleanTexts.add(text);
    }
    return text;
  }
  let out = text;
  for (const { find, replace } of PATTERNS) out = out.replace(find, replace);
  return out;
}

/** Redacted, and only then cut: half a secret looks like nothing. */
export function cutClean(text: string, length: number): string {
  return cutText(redact(text), length);
}

/** Foreign text, made fit for one sentence: no control characters, no secret, not long. `clean` knows the secrets of a system besides. */
export function quoteForeign(said: string, length: number, clean: (text: string) => string = redact): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  return cutText(clean(said).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim(), length);
}

/** Whether a field of this name holds a secret whatever its value looks like. */
export function isSecretName(name: string): boolean {
  const known = secretNames.get(name);
  if (known !== undefined) return known;
  const secret = looksSecret(name);
  if (name.length <= KEPT_CHARS_MAX) {
    if (secretNames.size >= KEPT_MAX) secretNames.clear();
    secretNames.set(name, secret);
  }
  return secret;
}

function looksSecret(name: string): boolean {
  const word = name.toLowerCase().replaceAll(/[-_.\s]/g, '');
  return SECRET_NAME.test(word) && !CURSOR_NAME.test(word);
}

/**
 * Labels without their secrets. Names are kept, and so is the value of `secret`: in Kubernetes that label names an object.
 * A label of any name may occur, `__proto__` included, so the copy is inert.
 */
export function redactLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const out = newLabels();
  for (const [name, value] of Object.entries(labels)) out[name] = value !== '' && name !== 'secret' && isSecretName(name) ? REDACTED : redact(value);
  return out;
}

/** The same shape without its secrets: strings by their look, and every string or number under a secret name. */
export function redactJson(value: Json): Json {
  return redactAt(value, false, 0);
}

/** The lines of a log are a list: a key that is printed there begins in one entry and ends in another, and what is between looks like nothing. */
function redactList(list: readonly Json[], secret: boolean, depth: number): Json[] {
  let within = false;
  return list.map((entry) => {
    const text = typeof entry === 'string' ? entry : typeof entry === 'object' && entry !== null ? Object.values(entry).find((part): part is string => typeof part === 'string' && part.includes(KEY_EDGE)) : undefined;
    const hidden = within ? withoutKeyLines(entry) : entry;
    if (text?.includes(KEY_EDGE) === true) within = text.lastIndexOf('-----BEGIN ') > text.lastIndexOf('-----END ');
    return redactAt(hidden, secret, depth);
  });
}

function withoutKeyLines(entry: Json): Json {
  if (typeof entry === 'string') return entry.replace(KEY_LINE, REDACTED);
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry;
  return Object.fromEntries(Object.entries(entry).map(([key, part]) => [key, typeof part === 'string' ? part.replace(KEY_LINE, REDACTED) : part]));
}

function redactAt(value: Json, secret: boolean, depth: number): Json {
  if (typeof value === 'string') return secret && value !== '' ? REDACTED : redact(value);
  if (typeof value === 'number') return secret ? REDACTED : value;
  if (value === null || typeof value === 'boolean') return value;
  if (depth >= MAX_DEPTH) return `[cut: deeper than ${MAX_DEPTH} levels]`;
  if (Array.isArray(value)) return redactList(value, secret, depth + 1);
  // Built from entries, so that a key named __proto__ stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [redact(key), redactAt(entry, secret || isSecretName(key), depth + 1)]));
}
