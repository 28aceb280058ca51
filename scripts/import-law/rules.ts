import type { ICruiseOptions, IRegularForbiddenRuleType } from 'dependency-cruiser';
import { AREAS, PACKAGE_HOMES } from './areas.ts';
import type { Area } from './areas.ts';

/** A rule of the import law: dependency-cruiser's shape, with a name and a reason that are always there. */
export type LawRule = IRegularForbiddenRuleType & { readonly name: string; readonly comment: string };

/** Where a package lies once it is resolved, wherever the project itself lies. */
const inPackage = (pattern: string): string => `(^|/)node_modules/${pattern}/`;
const under = (path: string): string => `^src/${path}`;

function areaRules(area: Area): LawRule[] {
  // engine/model is stricter than the engine around it, so the row of the outer area leaves it to its own.
  const inner = AREAS.filter((other) => other.name.startsWith(`${area.name}/`)).map((other) => `${other.name}/`);
  const exempt = [...inner, ...(area.butNot ?? [])].map(under);
  const from = { path: under(`${area.name}/`), ...(exempt.length > 0 ? { pathNot: exempt } : {}) };
  const values = [`${area.name}/`, ...area.mayImport].map(under);
  const types = (area.mayImportTypesOf ?? []).map(under);
  const lazily = (area.mayImportLazily ?? []).map(under);
  const rule = (subject: string, comment: string, to: LawRule['to']): LawRule => ({
    name: `${area.name.replaceAll('/', '-')}-${subject}`,
    severity: 'error',
    comment,
    from,
    to,
  });
  const rules = [rule('imports', area.why, { path: '^src/', pathNot: [...values, ...types, ...lazily] })];
  if (types.length > 0) rules.push(rule('imports-types', `${area.why} Of ${area.mayImportTypesOf?.join(' and ')} it may import types, no values.`, { path: types, pathNot: values, dependencyTypesNot: ['type-only'] }));
  if (lazily.length > 0) rules.push(rule('imports-lazily', `${area.why} Import ${area.mayImportLazily?.join(' and ')} with import(), where it is used: other commands must start fast.`, { path: lazily, dependencyTypesNot: ['dynamic-import', 'type-only'] }));
  if (area.node !== 'any') rules.push(rule('touches-no-machine', `${area.why} ${nodeReason(area.node)}`, { dependencyTypes: ['core'], pathNot: area.node.map((name) => `^${name}$`) }));
  return rules;
}

function nodeReason(allowed: readonly string[]): string {
  return allowed.length > 0 ? `Of Node it may import ${allowed.join(' and ')} only.` : 'It imports no node:* module.';
}

function packageRules(): LawRule[] {
  const housed = PACKAGE_HOMES.map((home) => inPackage(home.packages));
  return [
    ...PACKAGE_HOMES.map(
      (home): LawRule => ({
        name: `home-of-${home.name}`,
        severity: 'error',
        comment: home.why,
        from: { path: '^src/', pathNot: home.homes.map(under) },
        to: { path: inPackage(home.packages) },
      }),
    ),
    {
      name: 'home-of-sqlite',
      severity: 'error',
      comment: 'Only a journal stores; everything else appends to it.',
      from: { path: '^src/', pathNot: under('journal/') },
      to: { path: '^(node:)?sqlite$' },
    },
    {
      name: 'package-has-a-home',
      severity: 'error',
      comment: 'A third-party package has one home. Name it in PACKAGE_HOMES (scripts/import-law/areas.ts), with the reason.',
      from: { path: '^src/' },
      to: { path: '(^|/)node_modules/', pathNot: housed },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      comment: 'What runs in production stands under dependencies in package.json, not under devDependencies, and never comes along by accident.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional'], pathNot: [under('')] },
    },
  ];
}

/** Laws that are about one relation rather than about one area. */
const RELATIONS: readonly LawRule[] = [
  {
    name: 'no-cycles',
    severity: 'error',
    comment: 'These files import each other in a circle, types counted. Move what both need into a file below them.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'everything-resolves',
    severity: 'error',
    comment: 'This import leads nowhere, so the import law would be blind here.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'steps-reach-the-world-through-their-context',
    severity: 'error',
    comment: 'A step imports step-kit, kernel and its own system folder, and asks its context for the client: then it can be tested, timed out and fenced.',
    from: { path: '^src/systems/([^/]+)/steps/' },
    to: { pathNot: [under('step-kit/index\\.ts$'), under('kernel/'), '^src/systems/$1/'] },
  },
  {
    name: 'steps-do-not-import-steps',
    severity: 'error',
    comment: 'Steps are put together in a runbook. What two of them share stands beside the steps folder.',
    from: { path: '^src/systems/[^/]+/steps/' },
    to: { path: '^src/systems/[^/]+/steps/' },
  },
  {
    name: 'a-sandbox-is-nobodys-dependency',
    severity: 'error',
    comment: 'A sandbox plays the outside system. The bot must not know which of the two it talks to; only the demo and app start one.',
    from: { path: '^src/', pathNot: [under('app/'), under('cli/demo'), '^src/systems/[^/]+/sandbox/'] },
    to: { path: '^src/systems/[^/]+/sandbox/' },
  },
  {
    name: 'siblings-do-not-meet',
    severity: 'error',
    comment: 'Siblings never import each other, so that one can be taken away or replaced. What two share moves to the area below, or app joins them.',
    from: { path: '^src/(systems|surfaces)/([^/]+)/' },
    to: { path: '^src/$1/[^/]+/', pathNot: '^src/$1/$2/' },
  },
  {
    name: 'journals-do-not-meet',
    severity: 'error',
    comment: 'One journal never builds on another. What two share stands in journal/ beside them.',
    from: { path: '^src/journal/(memory|sqlite|redis)' },
    to: { path: '^src/journal/(memory|sqlite|redis)', pathNot: '^src/journal/$1' },
  },
  {
    name: 'nothing-imports-the-top',
    severity: 'error',
    comment: 'app constructs everything, so nothing may lean on it. Take what you need as an argument and let app hand it over.',
    from: { path: '^src/', pathNot: [under('app/'), under('cli/'), under('main\\.ts$')] },
    to: { path: [under('app/'), under('cli/'), under('main\\.ts$')] },
  },
  {
    name: 'app-and-main-stay-on-top',
    severity: 'error',
    comment: 'app is built by main and by commands; it knows neither of them.',
    from: { path: under('app/') },
    to: { path: [under('cli/'), under('main\\.ts$')] },
  },
  {
    name: 'main-is-thin',
    severity: 'error',
    comment: 'main.ts is config → app → signals and nothing else.',
    from: { path: under('main\\.ts$') },
    to: { path: '^src/', pathNot: [under('app/'), under('config/'), under('kernel/')] },
  },
  {
    name: 'crossing-areas-by-name',
    severity: 'error',
    comment: 'An import that crosses an area is written #area/file.ts, so that a crossing is seen where it happens.',
    from: { path: '^src/([^/]+)/' },
    to: { path: '^src/[^/]+/', pathNot: '^src/$1/', dependencyTypesNot: ['aliased-subpath-import'] },
  },
  {
    name: 'relative-inside-an-area',
    severity: 'error',
    comment: 'Inside an area imports are relative, so that # always means: this crosses.',
    from: { path: '^src/([^/]+)/' },
    to: { path: '^src/$1/', dependencyTypes: ['aliased-subpath-import'] },
  },
  {
    name: 'product-never-imports-tests',
    severity: 'error',
    comment: 'Nothing under src may need the tests, the bench or the scripts.',
    from: { path: '^src/' },
    to: { path: '^(test|bench|scripts)/' },
  },
  {
    name: 'tests-do-not-import-tests',
    severity: 'error',
    comment: 'What two tests share belongs in test/kit.',
    from: { path: '^test/' },
    to: { path: '\\.test\\.ts$' },
  },
];

export const RULES: readonly LawRule[] = [...AREAS.flatMap(areaRules), ...packageRules(), ...RELATIONS];

/** Without `tsPreCompilationDeps` imports that are types only would not be seen; with TypeScript 7 none would be (docs/decisions/0004). */
export const CRUISE_OPTIONS: ICruiseOptions = {
  tsPreCompilationDeps: true,
  doNotFollow: { path: '(^|/)node_modules/' },
};
