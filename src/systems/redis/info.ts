/** Reads the texts that INFO and CLIENT LIST answer. Pure; whatever is missing or odd becomes the neutral value. */

/** Far above what a server writes (Redis 7 has about 250 lines), so that only a hostile answer is cut. */
const MOST_LINES = 5_000;

export type Info = ReadonlyMap<string, string>;

export function parseInfo(text: string): Info {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/, MOST_LINES)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** A whole number of the field, or `otherwise`. */
export function intOf(info: Info, name: string, otherwise = 0): number {
  return wholeNumber(info.get(name), otherwise);
}

export function decimalOf(info: Info, name: string, otherwise = 0): number {
  const text = info.get(name) ?? '';
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : otherwise;
}

export function wholeNumber(text: string | undefined, otherwise = 0): number {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : otherwise;
}

/** `keys=1,expires=0` as a map. */
function parsePairs(text: string, between: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const part of text.split(between)) {
    const equals = part.indexOf('=');
    if (equals > 0) pairs.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return pairs;
}

export interface KeyspaceRow {
  readonly db: number;
  readonly keys: number;
  readonly expires: number;
  readonly avgTtlMs: number;
}

const MOST_DATABASES = 64;

export function keyspaceOf(info: Info): KeyspaceRow[] {
  const rows: KeyspaceRow[] = [];
  for (const [name, text] of info) {
    const db = /^db(\d{1,6})$/.exec(name)?.[1];
    if (db === undefined || rows.length >= MOST_DATABASES) continue;
    const pairs = parsePairs(text, ',');
    rows.push({ db: Number(db), keys: wholeNumber(pairs.get('keys')), expires: wholeNumber(pairs.get('expires')), avgTtlMs: wholeNumber(pairs.get('avg_ttl')) });
  }
  return rows;
}

export interface ReplicaRow {
  readonly address: string;
  /** `online`, or how far it is: `wait_bgsave`, `send_bulk`. */
  readonly state: string;
  readonly online: boolean;
  /** Seconds since it last acknowledged; -1: it never did. */
  readonly lagSeconds: number;
  /** How many bytes of the stream it is behind. */
  readonly behindBytes: number;
}

const MOST_REPLICAS = 32;

export function replicasOf(info: Info): ReplicaRow[] {
  const masterOffset = intOf(info, 'master_repl_offset');
  const rows: ReplicaRow[] = [];
  for (const [name, text] of info) {
    if (!/^slave\d{1,4}$/.test(name) || rows.length >= MOST_REPLICAS) continue;
    const pairs = parsePairs(text, ',');
    const state = pairs.get('state') ?? '';
    rows.push({
      address: `${pairs.get('ip') ?? '?'}:${pairs.get('port') ?? '?'}`,
      state,
      online: state === 'online',
      lagSeconds: wholeNumber(pairs.get('lag'), -1),
      behindBytes: Math.max(0, masterOffset - wholeNumber(pairs.get('offset'))),
    });
  }
  return rows;
}

export interface ClientRow {
  readonly name: string;
  readonly host: string;
  readonly user: string;
  readonly idleSeconds: number;
  readonly ageSeconds: number;
  readonly blocked: boolean;
  readonly kind: 'normal' | 'replica' | 'master' | 'pubsub';
}

/** More connections than a server takes by default (maxclients 10,000). */
const MOST_CLIENTS = 20_000;

/** CLIENT LIST without the commands: what clients do is none of a runbook's business, and may hold secrets. */
export function parseClients(text: string): { readonly clients: readonly ClientRow[]; readonly truncated: boolean } {
  const lines = text.split(/\r?\n/, MOST_CLIENTS + 1).filter((line) => line !== '');
  const clients = lines.slice(0, MOST_CLIENTS).flatMap((line): ClientRow[] => {
    const pairs = parsePairs(line, ' ');
    const address = pairs.get('addr');
    if (address === undefined) return [];
    const flags = pairs.get('flags') ?? '';
    return [
      {
        name: pairs.get('name') ?? '',
        host: address.slice(0, Math.max(0, address.lastIndexOf(':'))),
        user: pairs.get('user') ?? '',
        idleSeconds: wholeNumber(pairs.get('idle')),
        ageSeconds: wholeNumber(pairs.get('age')),
        blocked: flags.includes('b'),
        kind: kindOf(flags),
      },
    ];
  });
  return { clients, truncated: lines.length > MOST_CLIENTS };
}

/** Flags as `CLIENT LIST` documents them: S a replica, M our master, P subscribed. */
function kindOf(flags: string): ClientRow['kind'] {
  if (flags.includes('S')) return 'replica';
  if (flags.includes('M')) return 'master';
  return flags.includes('P') ? 'pubsub' : 'normal';
}
