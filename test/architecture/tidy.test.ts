import { existsSync, globSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { PROJECT, readText, typescriptFiles } from './tree.ts';

const FILE_LINES_MAX = 300;
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
/** Parsing the whole tree on a busy machine of two cores. */
const PARSING_MS = 60_000;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.property)?(?:\.(?:test|contract|config))?\.(?:ts|js|css|html)$/;
/** The face of step-kit towards step authors. Everywhere else one imports the file that holds the thing. */
const BARRELS = ['src/step-kit/index.ts'];

/** What may be too large for a while would stand here with its size. It must stay empty: change the number, or the code. */
const RATCHET: readonly string[] = [];

/** What the console's page loads is ours as well. */
const ASSETS = globSync('src/**/*.{js,css,html}', { cwd: PROJECT }).toSorted();
const PRODUCT = [...['src', 'scripts', 'bench'].flatMap(typescriptFiles), ...ASSETS];
const TESTS = typescriptFiles('test').filter((file) => !file.startsWith('test/fixtures/'));
const ALL = [...PRODUCT, ...TESTS];

describe('every file', () => {
  it(`has at most ${FILE_LINES_MAX} lines, a test at most ${TEST_FILE_LINES_MAX}`, () => {
    const tooLong = ALL.flatMap((file) => {
      const lines = readText(file).trimEnd().split('\n').length;
      return lines > (file.endsWith('.test.ts') ? TEST_FILE_LINES_MAX : FILE_LINES_MAX) ? [`${file}: ${lines} lines`] : [];
    });
    expect(tooLong).toEqual(RATCHET);
  });

  it('is named in kebab-case', () => {
    expect(ALL.filter((file) => !KEBAB_CASE.test(basename(file)))).toEqual([]);
  });

  it('is no barrel', () => {
    expect(PRODUCT.filter((file) => basename(file) === 'index.ts' && !BARRELS.includes(file))).toEqual([]);
  });

  it('promises nothing for later', () => {
    const marker = new RegExp(`\\b(?:${['TO', 'FIX', 'XX', 'HA'].map((start, i) => start + ['DO', 'ME', 'X', 'CK'][i]).join('|')})\\b`);
    const found = ALL.flatMap((file) => readText(file).split('\n').flatMap((line, i) => (marker.test(line) ? [`${file}:${i + 1} ${line.trim()}`] : [])));
    expect(found).toEqual([]);
  });
});

describe('every function', () => {
  it(`of the product and of the test kit has at most ${FUNCTION_LINES_MAX} lines`, () => {
    const measured = [...PRODUCT.filter((file) => /\.[jt]s$/.test(file)), ...TESTS.filter((file) => file.startsWith('test/kit/'))];
    expect(measured.flatMap((file) => longFunctions(file, readText(file), FUNCTION_LINES_MAX))).toEqual(RATCHET);
  }, PARSING_MS);

  it('is measured whatever its form: declared, arrow, method, accessor or constructor', () => {
    const body = `{\n${'  f();\n'.repeat(4)}}`;
    const text = [`function a() ${body}`, `const b = () => ${body};`, `class C { d() ${body} get e() ${body} constructor() ${body} }`, `const o = { p() ${body}, q: function () ${body} };`, 'function short() {}'].join('\n');
    expect(longFunctions('x.ts', text, 5).map((found) => found.split(' ')[1])).toEqual(['a', 'b', 'd', 'e', 'constructor', 'p', 'q']);
  });
});

describe('every test', () => {
  it('of a unit lies where its subject lies: under the same folder of src, or of the project', () => {
    const folders = typescriptFiles('test/unit').map((file) => file.slice('test/unit/'.length, file.lastIndexOf('/')));
    expect([...new Set(folders)].filter((folder) => !existsSync(join(PROJECT, 'src', folder)) && !existsSync(join(PROJECT, folder)))).toEqual([]);
  });

  it('is found by vitest: it ends with .test.ts, and lies in a folder that vitest.config.ts names', () => {
    const tests = globSync('test/**/*.{test,spec}.{ts,mts,js,mjs}', { cwd: PROJECT }).filter((file) => !file.startsWith('test/fixtures/'));
    expect(tests.filter((file) => !/^test\/(?:unit|contract|scenarios|architecture|integration|e2e|simulation)\/.*\.test\.ts$/.test(file))).toEqual([]);
  });
});

function longFunctions(file: string, text: string, most: number): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const lines = ownLines(node, source);
      if (lines > most) found.push(`${file}:${first + 1} ${nameOf(node, source)} ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/**
 * The lines of a function without those of the functions within it. A factory that returns an object of closures is our form
 * of a class, and a class is not measured as one function either.
 */
function ownLines(node: ts.Node, source: ts.SourceFile): number {
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  let within = 0;
  const visit = (child: ts.Node): void => {
    if (ts.isFunctionLike(child) && 'body' in child && child.body !== undefined) within += lineOf(child.getEnd()) - lineOf(child.getStart(source));
    else ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return lineOf(node.getEnd()) - lineOf(node.getStart(source)) + 1 - within;
}

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (node.name !== undefined) return node.name.getText(source);
  const parent = node.parent;
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) ? parent.name.getText(source) : '(anonymous)';
}
