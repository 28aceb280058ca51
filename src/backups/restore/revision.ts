/** The revision of one of Cordum's documents, found and set without touching another byte: large numbers survive no other way. */

interface Place {
  readonly from: number;
  readonly to: number;
  readonly revision: number;
}

/** −1 where the text is no document, or has none. */
export function revisionOf(text: string): number {
  return findRevision(text)?.revision ?? -1;
}

/**
 * The same document with a revision of at least so much. Services go by the revision to see that a document has changed, and
 * refuse a change that was made on an older one: a restored document must not count backwards. Anything else is left as it is.
 */
export function withRevision(text: string, least: number): string {
  if (least < 0) return text;
  const place = findRevision(text);
  if (place !== undefined) return place.revision >= least ? text : `${text.slice(0, place.from)}${least}${text.slice(place.to)}`;
  const end = text.lastIndexOf('}');
  if (!isDocument(text) || end < 0) return text;
  const empty = /^\s*\{\s*$/.test(text.slice(0, end));
  return `${text.slice(0, end)}${empty ? '' : ','}"revision":${least}${text.slice(end)}`;
}

/** What the document says apart from its revision: equal texts need no restore. */
export function withoutRevision(text: string): string {
  const place = findRevision(text);
  return place === undefined ? text : `${text.slice(0, place.from)}0${text.slice(place.to)}`;
}

function isDocument(text: string): boolean {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null && !Array.isArray(read);
  } catch {
    return false;
  }
}

/** The number behind `"revision":` at the top of the document; strings and what is nested are passed over. */
function findRevision(text: string): Place | undefined {
  if (!isDocument(text)) return undefined;
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  let depth = 0;
  let found: Place | undefined;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [word] = match;
    if (word === '{' || word === '[') depth += 1;
    else if (word === '}' || word === ']') depth -= 1;
    else if (depth === 1 && word === '"revision"') {
      const [whole, digits = ''] = /^\s*:\s*(\d{1,15})(?=\s*[,}])/.exec(text.slice(token.lastIndex, token.lastIndex + 64)) ?? [];
      // The last one counts, as in every reader of JSON.
      if (whole !== undefined) found = { from: token.lastIndex + whole.length - digits.length, to: token.lastIndex + whole.length, revision: Number(digits) };
    }
  }
  return found;
}
