/** Labels and annotations come from outside: any string may be a name, `__proto__`, `constructor` and the empty one included. */
export type Labels = Readonly<Record<string, string>>;

/** Its instances inherit nothing at all. Unlike objects of `Object.create(null)` they are copied and written as JSON as fast as plain ones. */
const Inert = function () {} as unknown as new () => Record<string, string>;
Inert.prototype = Object.freeze(Object.create(null));

/** Whether a value from outside is a map of labels. A record schema would drop one that is called `__proto__`; this only looks. */
export function isLabels(value: unknown): value is Labels {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const entry of Object.values(value)) if (typeof entry !== 'string') return false;
  return true;
}

/** No labels yet, to be filled: every name in it will be data. */
export function newLabels(): Record<string, string> {
  return new Inert();
}

/**
 * The same labels without anything inherited: every name in it is data, and a name that is not in it is absent. Labels that are inert already
 * are returned as they are. JSON and the journal keep such a map as it is; what is read back from them must be made inert again.
 */
export function inertLabels(source: Labels): Labels {
  if (source instanceof Inert) return source;
  const out = newLabels();
  for (const name of Object.keys(source)) out[name] = source[name] ?? '';
  return out;
}

/** The value of a label, never an inherited property. */
export function labelOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

/** Whether every wanted label is there with exactly that value. An empty set of wishes holds of everything. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  for (const name of Object.keys(wanted)) if (labelOf(labels, name) !== wanted[name]) return false;
  return true;
}

/** Names and values in a fixed order, for digests. JSON.stringify of it is well formed even with lone surrogates. */
export function labelEntries(labels: Labels): readonly (readonly [string, string])[] {
  return Object.keys(labels)
    .toSorted()
    .map((name) => [name, labels[name] ?? ''] as const);
}
