/** A JSON value, as it stands in the journal and on the wire. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Undefined, which no schema of ours accepts, for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Integers of CEL are BigInt; in JSON they are numbers. Larger than 2^53 they become strings rather than wrong. */
export function toJson(value: unknown): Json {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'bigint':
      return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'string':
      // Half a surrogate pair has no canonical JSON, so nothing that holds one could be digested or stored.
      return value.toWellFormed();
    case 'object':
      return objectToJson(value);
    default:
      return String(value);
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), toJson(v)]));
  const out: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) out[key.toWellFormed()] = toJson(entry);
  return { ...out };
}
