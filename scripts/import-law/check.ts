import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseResult, IModule } from 'dependency-cruiser';
import { CRUISE_OPTIONS, RULES } from './rules.ts';

export interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  /** What the violation means for the person who caused it. */
  readonly why: string;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Every module that was seen, outside packages and Node left out. Paths are relative to the project, with `/`. */
  readonly modules: readonly IModule[];
  /** TypeScript files on disk that were not seen: the law would be blind there. */
  readonly unseen: readonly string[];
}

const FOLDERS = ['src', 'test', 'scripts', 'bench'];

/** Reads every import of the project in `directory` (types counted) and holds it against the law. */
export async function checkImports(directory: string): Promise<Verdict> {
  const folders = FOLDERS.filter((folder) => existsSync(join(directory, folder)));
  const { output } = await cruise(folders, {
    ...CRUISE_OPTIONS,
    baseDir: directory,
    validate: true,
    ruleSet: { forbidden: RULES.map((rule) => ({ ...rule })) },
  });
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text instead of a result');
  const modules = output.modules.filter((module) => FOLDERS.includes(module.source.split('/', 1)[0] ?? ''));
  const seen = new Set(modules.map((module) => module.source));
  const onDisk = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: directory }));
  return { violations: violationsOf(output), modules, unseen: onDisk.filter((file) => !seen.has(file)).toSorted() };
}

function violationsOf(result: ICruiseResult): Violation[] {
  const reasons = new Map(RULES.map((rule) => [rule.name, rule.comment]));
  return result.summary.violations.map((violation) => ({
    rule: violation.rule.name,
    from: violation.from,
    to: violation.cycle === undefined ? violation.to : violation.cycle.map((step) => step.name).join(' → '),
    why: reasons.get(violation.rule.name) ?? '',
  }));
}

export function formatViolation(violation: Violation): string {
  return `${violation.from} → ${violation.to}\n    ${violation.rule}: ${violation.why}`;
}
