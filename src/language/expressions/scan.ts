/** A piece of a string of the YAML: text as it is, or the inside of a `${{ }}`; `at` is where it begins in the string. */
type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'expression'; readonly text: string; readonly at: number };

type Scanned = { readonly ok: true; readonly pieces: readonly Piece[] } | { readonly ok: false; readonly at: number; readonly message: string };

const OPEN = '${{';

export function hasExpression(text: string): boolean {
  return text.includes(OPEN);
}

/** Cuts a string at its expressions. Quotes and braces inside an expression are CEL's, so `}}` in them does not end it. */
export function scan(text: string): Scanned {
  const pieces: Piece[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf(OPEN, from);
    if (open < 0) break;
    if (open > from) pieces.push({ kind: 'text', text: text.slice(from, open) });
    const at = open + OPEN.length;
    const close = findClose(text, at);
    if (close === undefined) return { ok: false, at: open, message: 'this ${{ has no }}' };
    pieces.push({ kind: 'expression', text: text.slice(at, close), at });
    from = close + 2;
  }
  if (from < text.length) pieces.push({ kind: 'text', text: text.slice(from) });
  return { ok: true, pieces };
}

function findClose(text: string, from: number): number | undefined {
  let depth = 0;
  let i = from;
  while (i < text.length) {
    const char = text.charAt(i);
    if (char === '"' || char === "'") {
      i = skipString(text, i, char);
      continue;
    }
    if (char === '{') depth += 1;
    if (char === '}') {
      if (depth === 0) return text.charAt(i + 1) === '}' ? i : undefined;
      depth -= 1;
    }
    i += 1;
  }
  return undefined;
}

/** The offset after a string of CEL, raw or triple-quoted too. One that does not end reaches to the end of the text. */
function skipString(text: string, start: number, quote: string): number {
  const raw = /[rR]$/.test(text.slice(Math.max(0, start - 1), start));
  const triple = text.startsWith(quote.repeat(3), start);
  const end = triple ? quote.repeat(3) : quote;
  let i = start + end.length;
  while (i < text.length) {
    if (text.startsWith(end, i)) return i + end.length;
    i += !raw && text.charAt(i) === '\\' ? 2 : 1;
  }
  return text.length;
}

/**
 * Where character `index` of a YAML string stands in its source, which may be quoted, escaped or folded over lines. Walks
 * both side by side: an escape counts as one character, and any white space matches any.
 */
export function offsetInSource(source: string, value: string, index: number): number {
  let at = /^["']/.test(source) ? 1 : 0;
  for (let i = 0; i <= index && at < source.length; i += 1) {
    const wanted = value.charAt(i);
    while (at < source.length && !meets(source, at, wanted)) at += 1;
    if (i === index) return at;
    if (source.startsWith('"') && source.charAt(at) === '\\') at += 2;
    else if (source.startsWith("'") && source.startsWith("''", at)) at += 2;
    else at += 1;
  }
  return Math.min(at, source.length);
}

function meets(source: string, at: number, wanted: string): boolean {
  const char = source.charAt(at);
  if (char === wanted) return true;
  if (source.startsWith('"') && char === '\\') return source.charAt(at + 1) === wanted || !/["\\/]/.test(source.charAt(at + 1));
  return /\s/.test(char) && /\s/.test(wanted);
}
