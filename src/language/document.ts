import { Alias, type Document, LineCounter, type Node, Scalar, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Json } from '#kernel/json.ts';
import type { Diagnostic } from './diagnostic.ts';

const MAX_FILE_CHARS = 256 * 1024;
/** Values in one file, aliases counted as often as they are used. */
const MAX_VALUES = 20_000;
const MAX_DEPTH = 32;
/** After so many brackets in a row the parser itself would run out of stack. */
const MAX_FLOW_DEPTH = 64;

export type Path = readonly (string | number)[];

/** A parsed YAML file: its plain value, and where each part of it stands. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
  readonly value: Json;
  /** Where the value at this path begins; the nearest part above it when there is none. */
  offsetOf(path: Path): number;
  /** Where the key of the value at this path begins. */
  keyOffsetOf(path: Path): number;
  /** The text of a value as it stands in the file. */
  textAt(path: Path): string;
  /** Whether the string at this path stands without quotes. */
  isPlain(path: Path): boolean;
}

/** Collects mistakes, with offsets turned into lines and columns. */
export class Problems {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  add(offset: number, code: string, message: string, hint?: string, severity: 'error' | 'warning' = 'error'): void {
    const { line, col } = this.#lines.linePos(Math.max(0, offset));
    const found: Diagnostic = { file: this.#file, line: Math.max(1, line), column: Math.max(1, col), severity, code, message };
    this.diagnostics.push(hint === undefined ? found : { ...found, hint });
  }

  get failed(): boolean {
    return this.diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  }

  /** In the order of the file. */
  sorted(): Diagnostic[] {
    return this.diagnostics.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** Reads YAML 1.2 (core schema). Undefined, with diagnostics, when the text is none. */
export function readSource(file: string, text: string): { source: SourceFile | undefined; problems: Problems } {
  const lines = new LineCounter();
  const problems = new Problems(file, lines);
  lines.addNewLine(0);
  if (text.length > MAX_FILE_CHARS) {
    problems.add(0, 'too-large', `a file may be at most ${MAX_FILE_CHARS} characters, this one has ${text.length}`);
    return { source: undefined, problems };
  }
  const deep = tooDeep(text);
  const counter = new LineCounter();
  const parsed = deep === undefined ? parse(text, counter) : undefined;
  const placed = new Problems(file, counter);
  if (deep !== undefined) {
    for (let i = 0; i < text.length; i += 1) if (text.charAt(i) === '\n') lines.addNewLine(i + 1);
    problems.add(deep, 'bad-yaml', `brackets may be nested at most ${MAX_FLOW_DEPTH} deep`);
    return { source: undefined, problems };
  }
  if (parsed === undefined) {
    problems.add(0, 'bad-yaml', 'the YAML parser gave up on this file');
    return { source: undefined, problems };
  }
  reportSyntax(parsed, text, placed);
  const reader = new Reader(placed);
  const value = reader.read(parsed.contents, [], 0);
  if (placed.failed) return { source: undefined, problems: placed };
  return { source: sourceOf(file, text, value, parsed), problems: placed };
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    return parseDocument(text, { version: '1.2', schema: 'core', strict: true, uniqueKeys: true, prettyErrors: false, lineCounter, merge: false });
  } catch {
    return undefined;
  }
}

/** The parser is recursive: hostile nesting is refused before it is parsed. Brackets inside strings count too, which errs on the safe side. */
function tooDeep(text: string): number | undefined {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth = Math.max(0, depth - 1);
    if (depth > MAX_FLOW_DEPTH) return i;
  }
  return undefined;
}

/** Errors of the parser that only follow from an earlier one. */
const FOLLOW_UPS: ReadonlySet<string> = new Set(['UNEXPECTED_TOKEN', 'BLOCK_AS_IMPLICIT_KEY', 'MISSING_CHAR', 'MULTILINE_IMPLICIT_KEY', 'BAD_INDENT']);

function reportSyntax(parsed: Document.Parsed, text: string, problems: Problems): void {
  const unquoted = parsed.errors.length > 0 ? unquotedExpressions(text) : [];
  for (const offset of unquoted) {
    problems.add(offset, 'needs-quotes', 'YAML reads a part of this expression as its own syntax', `YAML reads ": ", " #", "{" and "," itself: put the whole value in quotes, '\${{ … }}'`);
  }
  const [firstUnquoted] = unquoted;
  let followed = false;
  for (const error of [...parsed.errors, ...parsed.warnings]) {
    const [offset] = error.pos;
    if (FOLLOW_UPS.has(error.code)) {
      if (followed || (firstUnquoted !== undefined && lineStart(text, firstUnquoted) <= offset)) continue;
      followed = true;
    }
    if (error.code === 'DUPLICATE_KEY') problems.add(offset, 'duplicate-key', 'this key is written twice', 'keep one of them');
    else problems.add(offset, error.code === 'TAB_AS_INDENT' ? 'tab' : 'bad-yaml', oneLine(error.message), yamlHint(error.code, text, offset));
  }
}

/** Where a value that is not quoted holds an expression which YAML cannot keep in one piece. */
function unquotedExpressions(text: string): number[] {
  const found: number[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    const value = /^\s*(?:-\s+)*(?:[\w-]+:\s+)?(.*)$/.exec(line)?.[1] ?? '';
    const at = value.indexOf('${{');
    const inFlow = /^[[{]/.test(value) && /[[{,:]\s*\$\{\{/.test(value);
    const inPlain = at >= 0 && !/^["'|>&[{]/.test(value) && /:\s|\s#/.test(value.slice(at));
    if (inFlow || inPlain) found.push(start + line.length - value.length + at);
    start += line.length + 1;
  }
  return found;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function oneLine(message: string): string {
  const [first] = message.split('\n');
  return first ?? message;
}

function yamlHint(code: string, text: string, offset: number): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'MULTIPLE_DOCS') return 'one file holds one runbook: remove the ---';
  const line = text.slice(lineStart(text, offset), endOfLine(text, offset));
  if (/:\s+[@`%&*!|>]/.test(line)) return 'a value that starts with a special character needs quotes';
  return undefined;
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end;
}

/** Turns nodes into plain values, within the limits. Hostile keys become own properties of objects without a prototype. */
class Reader {
  readonly #problems: Problems;
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  read(node: unknown, path: Path, depth: number): Json {
    this.#values += 1;
    if (this.#values === MAX_VALUES + 1) this.#problems.add(startOf(node), 'too-large', `a file may hold at most ${MAX_VALUES} values, aliases counted each time`);
    if (this.#values > MAX_VALUES) return null;
    if (depth > MAX_DEPTH) {
      this.#problems.add(startOf(node), 'bad-yaml', `values may be nested at most ${MAX_DEPTH} deep`);
      this.#values = MAX_VALUES + 2;
      return null;
    }
    if (isAlias(node)) return this.#alias(node, path, depth);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) this.#anchors.set(node.anchor, node as Node);
    if (isScalar(node)) return this.#scalar(node);
    if (isSeq(node)) return node.items.map((item, i) => this.read(item, [...path, i], depth + 1));
    if (isMap(node)) return this.#map(node.items, path, depth);
    return null;
  }

  #alias(node: Alias, path: Path, depth: number): Json {
    const target = this.#anchors.get(node.source);
    if (target !== undefined) return this.read(target, path, depth + 1);
    this.#problems.add(startOf(node), 'bad-yaml', `there is no anchor &${node.source} above this alias`);
    return null;
  }

  #scalar(node: Scalar): Json {
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    this.#problems.add(startOf(node), 'bad-yaml', `${String(node.source ?? value)} is not a value of JSON`, 'write it in quotes if it is text');
    return null;
  }

  #map(items: readonly { readonly key: unknown; readonly value: unknown }[], path: Path, depth: number): Json {
    const out = Object.create(null) as Record<string, Json>;
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        this.#problems.add(startOf(key), 'bad-yaml', 'a key must be a plain word', 'a value that starts with { or [ needs quotes');
        continue;
      }
      const name = typeof key.value === 'string' ? key.value : String(key.source ?? key.value);
      out[name] = this.read(value, [...path, name], depth + 1);
    }
    return out;
  }
}

function startOf(node: unknown): number {
  return (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) && node.range ? node.range[0] : 0;
}

function sourceOf(file: string, text: string, value: Json, document: Document.Parsed): SourceFile {
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const find = (path: Path): { node: unknown; key: unknown; depth: number } => {
    let node: unknown = document.contents;
    let key: unknown = node;
    for (const [depth, step] of path.entries()) {
      const holder = resolve(node);
      const pair = isMap(holder) ? holder.items.find((item) => isScalar(item.key) && (item.key.value === step || String(item.key.source) === step)) : undefined;
      const next: unknown = isSeq(holder) && typeof step === 'number' ? holder.items[step] : pair?.value;
      if (next === undefined || next === null) return { node: pair?.key ?? node, key: pair?.key ?? key, depth };
      node = next;
      key = pair === undefined ? next : pair.key;
    }
    return { node, key, depth: path.length };
  };
  return {
    file,
    text,
    value,
    offsetOf: (path) => startOf(find(path).node),
    keyOffsetOf: (path) => startOf(find(path).key),
    textAt: (path) => {
      const { node } = find(path);
      const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
      return range ? text.slice(range[0], range[1]) : '';
    },
    isPlain: (path) => {
      const { node } = find(path);
      return isScalar(node) && node.type === Scalar.PLAIN;
    },
  };
}
