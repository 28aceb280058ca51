import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkImports, formatViolation } from '../../scripts/import-law/check.ts';
import { RULES } from '../../scripts/import-law/rules.ts';
import { PROJECT, typescriptFiles } from './tree.ts';

const law = await checkImports(PROJECT);

describe('the import law', () => {
  it('holds for every file of the project', () => {
    expect(law.violations.map(formatViolation)).toEqual([]);
  });

  it('sees every TypeScript file that is on disk', () => {
    const seen = law.modules.map((module) => module.source);
    expect(seen.filter((file) => /^src\/.*\.ts$/.test(file)).toSorted()).toEqual(typescriptFiles('src'));
    expect(law.unseen).toEqual([]);
  });

  it('sees the imports of these files, type imports included', () => {
    const door = law.modules.find((module) => module.source === 'src/operations/operations.ts');
    const edge = door?.dependencies.find((dependency) => dependency.module === '#engine/model/views.ts');
    expect(edge).toMatchObject({ resolved: 'src/engine/model/views.ts' });
    expect(edge?.dependencyTypes).toContain('type-only');
  });

  it('gives every rule its own name and a reason that a developer can act on', () => {
    expect(new Set(RULES.map((rule) => rule.name)).size).toBe(RULES.length);
    for (const rule of RULES) expect(rule.comment, rule.name).toMatch(/^[A-Za-z].{30,}\.$/);
  });
});

/** A small tree that keeps the law; each case adds files that break one rule of it. */
const LAWFUL: Readonly<Record<string, string>> = {
  'src/kernel/json.ts': 'export type Json = string;',
  'src/step-kit/index.ts': "export type { Json } from '#kernel/json.ts';\nexport { z } from 'zod';",
  'src/policy/model.ts': 'export interface Principal { readonly id: string }\nexport const TIERS = [1];',
  'src/engine/model/views.ts': "import type { Json } from '#kernel/json.ts';\nexport interface View { readonly data: Json }",
  'src/engine/ports.ts': "import type { Json } from '#kernel/json.ts';\nexport interface Journal { readonly data: Json }",
  'src/operations/operations.ts': "import type { View } from '#engine/model/views.ts';\nexport interface Operations { readonly view: View }",
  'src/journal/memory.ts': "import type { Journal } from '#engine/ports.ts';\nexport const memory = (journal: Journal): Journal => journal;",
  'src/journal/sqlite.ts': "import { DatabaseSync } from 'node:sqlite';\nexport const open = (path: string): DatabaseSync => new DatabaseSync(path);",
  'src/systems/cordum/client.ts': "import { request } from 'undici';\nexport const call = request;",
  'src/systems/cordum/steps/dlq-list.ts': "import { z } from '#step-kit/index.ts';\nimport type { call } from '../client.ts';\nexport const list = (client: typeof call): unknown => [z, client];",
  'src/systems/cordum/steps/dlq-retry.ts': 'export const retry = 1;',
  'src/systems/cordum/sandbox/server.ts': 'export const sandbox = 1;',
  'src/systems/nats/client.ts': 'export const nats = 1;',
  'src/surfaces/http/server.ts': "import fastify from 'fastify';\nimport type { Operations } from '#operations/operations.ts';\nexport const serve = (door: Operations): unknown => [fastify, door];",
  'src/surfaces/slack/cards.ts': 'export const card = 1;',
  'src/app/app.ts': "import { memory } from '#journal/memory.ts';\nexport const app = memory;",
  'src/cli/main.ts': "export const run = async (): Promise<unknown> => (await import('#app/app.ts')).app;",
  'src/main.ts': "import { app } from '#app/app.ts';\nvoid app;",
  'test/kit/helper.ts': 'export const helper = 1;',
};

const trees: string[] = [];
afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true, force: true });
});

async function violationsIn(planted: Readonly<Record<string, string>>): Promise<string[]> {
  const tree = mkdtempSync(join(tmpdir(), 'import-law-'));
  trees.push(tree);
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(PROJECT, file), join(tree, file));
  symlinkSync(join(PROJECT, 'node_modules'), join(tree, 'node_modules'));
  for (const [path, text] of Object.entries({ ...LAWFUL, ...planted })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const { violations, unseen } = await checkImports(tree);
  expect(unseen).toEqual([]);
  return [...new Set(violations.map((violation) => violation.rule))].toSorted();
}

describe('a planted violation is caught', () => {
  it('and a tree that keeps the law is left alone', async () => {
    expect(await violationsIn({})).toEqual([]);
  });

  it.for<[what: string, rule: string, planted: Record<string, string>]>([
    ['an import of types that points upward', 'kernel-imports', { 'src/kernel/json.ts': "import type { View } from '#engine/model/views.ts';\nexport type Json = View | string;" }],
    ['a circle of two files that import only types', 'no-cycles', { 'src/policy/a.ts': "import type { B } from './b.ts';\nexport interface A { readonly b: B }", 'src/policy/b.ts': "import type { A } from './a.ts';\nexport interface B { readonly a: A }" }],
    ['a surface that imports another surface', 'siblings-do-not-meet', { 'src/surfaces/http/server.ts': "import { card } from '#surfaces/slack/cards.ts';\nexport const x = card;" }],
    ['a system that imports another system', 'siblings-do-not-meet', { 'src/systems/cordum/client.ts': "import { nats } from '../nats/client.ts';\nexport const call = nats;" }],
    ['a journal that builds on another', 'journals-do-not-meet', { 'src/journal/memory.ts': "import { open } from './sqlite.ts';\nexport const memory = open;" }],
    ['node:fs in a pure area', 'language-touches-no-machine', { 'src/language/load.ts': "import { readFileSync } from 'node:fs';\nexport const load = readFileSync;" }],
    ['a module of Node without its prefix in the engine', 'engine-touches-no-machine', { 'src/engine/runtime/loop.ts': "import { createServer } from 'http';\nexport const x = createServer;" }],
    ['a clock of Node in kernel', 'kernel-touches-no-machine', { 'src/kernel/nap.ts': "import { setTimeout } from 'node:timers/promises';\nexport const nap = setTimeout;" }],
    ['engine/model that imports the runtime around it', 'engine-model-imports', { 'src/engine/runtime/loop.ts': 'export const loop = 1;', 'src/engine/model/decide.ts': "import { loop } from '../runtime/loop.ts';\nexport const x = loop;" }],
    ['engine/model that imports a value of the ports', 'engine-model-imports-types', { 'src/engine/ports.ts': 'export const KINDS = [1];\nexport interface Journal { readonly x: 1 }', 'src/engine/model/evolve.ts': "import { KINDS } from '../ports.ts';\nexport const x = KINDS;" }],
    ['an engine that knows a journal', 'engine-imports', { 'src/engine/runtime/loop.ts': "import { memory } from '#journal/memory.ts';\nexport const x = memory;" }],
    ['a surface that goes to the engine past the door', 'surfaces-imports', { 'src/surfaces/http/server.ts': "import type { Journal } from '#engine/ports.ts';\nexport type X = Journal;" }],
    ['a surface that takes a value of policy', 'surfaces-imports-types', { 'src/surfaces/http/server.ts': "import { TIERS } from '#policy/model.ts';\nexport const x = TIERS;" }],
    ['a step that imports a client library', 'steps-reach-the-world-through-their-context', { 'src/systems/cordum/steps/dlq-list.ts': "import { request } from 'undici';\nexport const x = request;" }],
    ['a step that imports node:http', 'steps-reach-the-world-through-their-context', { 'src/systems/cordum/steps/dlq-list.ts': "import { get } from 'node:http';\nexport const x = get;" }],
    ['a step that imports another step', 'steps-do-not-import-steps', { 'src/systems/cordum/steps/dlq-list.ts': "import { retry } from './dlq-retry.ts';\nexport const x = retry;" }],
    ['a client that knows the sandbox', 'a-sandbox-is-nobodys-dependency', { 'src/systems/cordum/client.ts': "import { sandbox } from './sandbox/server.ts';\nexport const call = sandbox;" }],
    ['an area that leans on app', 'nothing-imports-the-top', { 'src/telemetry/log.ts': "import type { app } from '#app/app.ts';\nexport type X = typeof app;" }],
    ['app that imports the command line', 'app-and-main-stay-on-top', { 'src/app/app.ts': "import { run } from '#cli/commands.ts';\nexport const app = run;", 'src/cli/commands.ts': 'export const run = 1;' }],
    ['main that wires things itself', 'main-is-thin', { 'src/main.ts': "import { memory } from '#journal/memory.ts';\nvoid memory;" }],
    ['a command that loads app before it is needed', 'cli-imports-lazily', { 'src/cli/main.ts': "import { app } from '#app/app.ts';\nexport const run = app;" }],
    ['a command that constructs', 'cli-imports', { 'src/cli/main.ts': "import { memory } from '#journal/memory.ts';\nexport const run = memory;" }],
    ['a crossing by a relative path', 'crossing-areas-by-name', { 'src/policy/model.ts': "import type { Json } from '../kernel/json.ts';\nexport type X = Json;\nexport const TIERS = [1];" }],
    ['an import by name inside its own area', 'relative-inside-an-area', { 'src/policy/b.ts': "import { TIERS } from '#policy/model.ts';\nexport const x = TIERS;" }],
    ['a package away from its home', 'home-of-fastify', { 'src/telemetry/log.ts': "import fastify from 'fastify';\nexport const x = fastify;" }],
    ['a type of a scoped package away from its home', 'home-of-slack', { 'src/surfaces/http/server.ts': "import type { App } from '@slack/bolt';\nexport type X = App;" }],
    ['SQLite outside the journal', 'home-of-sqlite', { 'src/telemetry/log.ts': "import { DatabaseSync } from 'node:sqlite';\nexport const x = DatabaseSync;" }],
    ['zod in kernel', 'home-of-zod', { 'src/kernel/parse.ts': "import { z } from 'zod';\nexport const x = z;" }],
    ['a package that nobody gave a home', 'package-has-a-home', { 'src/telemetry/log.ts': "import picocolors from 'picocolors';\nexport const x = picocolors;" }],
    ['a package for development in the product', 'no-development-packages', { 'src/telemetry/log.ts': "import ts from 'typescript';\nexport const x = ts;" }],
    ['an import that leads nowhere', 'everything-resolves', { 'src/policy/b.ts': "import { x } from './gone.ts';\nexport const y = x;" }],
    ['a product file that imports a test helper', 'product-never-imports-tests', { 'src/policy/b.ts': "import { helper } from '../../test/kit/helper.ts';\nexport const x = helper;" }],
    ['a test that imports another test', 'tests-do-not-import-tests', { 'test/unit/a.test.ts': 'export const a = 1;', 'test/unit/b.test.ts': "import { a } from './a.test.ts';\nvoid a;" }],
  ])('%s', async ([, rule, planted]) => {
    expect(await violationsIn(planted)).toContain(rule);
  });
});
