import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { valueAt } from '#language/read-shape.ts';
import { EMPTY_POLICY } from '#policy/defaults.ts';
import type { Policy } from '#policy/model.ts';
import { buildAlertmanager, buildApiKeys, buildHttp, buildSlack, buildTargets } from './build.ts';
import { buildDrills } from './build-drills.ts';
import { buildSchedules } from './build-schedules.ts';
import type { Building } from './building.ts';
import { credentialRoles, type Config } from './config.ts';
import { readFileOfDisk, type ReadFile } from './files.ts';
import { loadPolicy } from './policy.ts';
import { createSecretReader } from './secrets.ts';
import { configShape, type ConfigYaml } from './shape.ts';
import { mistakesOf, readYaml, type Mistake, type PlacedYaml } from './source.ts';
import { replaceVariables, type Environment } from './variables.ts';

const DEFAULT_FILE = 'runbook-bot.yaml';
const SHIPPED_RUNBOOKS = fileURLToPath(new URL('../../runbooks', import.meta.url));
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

export interface ConfigSource {
  /** `--config`, when it was given. */
  readonly configPath?: string | undefined;
  readonly env: Environment;
  /** The directory that relative paths start at when they come from the command line, or when there is no file. */
  readonly cwd: string;
  readonly readFile: ReadFile;
}

export type LoadedConfig = { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] } | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the configuration and the policy that it names. All mistakes at once, a line each. */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const found = findFile(source);
  if (!found.ok) return found;
  const { file, text, worldReadable } = found;
  const read = readYaml(file ?? 'embedded defaults', text);
  if (!read.ok) return read;
  const replaced = replaceVariables(read.yaml.value, source.env);
  const unset = new Set(replaced.mistakes.map(({ path }) => path.join('\n')));
  const parsed = configShape.safeParse(replaced.value);
  if (!parsed.success) {
    // A value that lacks its variable is wrong for that reason alone.
    const mistakes = mistakesOf(configShape, replaced.value, parsed.error.issues).filter(({ path }) => !unset.has(path.join('\n')));
    return { ok: false, problems: read.yaml.lines([...replaced.mistakes, ...mistakes]) };
  }
  return build(parsed.data, { file, base: file === null ? source.cwd : dirname(file), yaml: read.yaml, worldReadable, readFile: source.readFile, mistakes: [...replaced.mistakes] });
}

/** The configuration of this process: its environment, its directory and its disk. */
export function loadConfigOfProcess(configPath?: string): LoadedConfig {
  return loadConfig({ configPath, env: process.env, cwd: process.cwd(), readFile: readFileOfDisk });
}

type Found = { readonly ok: true; readonly file: string | null; readonly text: string; readonly worldReadable: boolean } | { readonly ok: false; readonly problems: readonly string[] };

/** A file that was named must be there; the one of the directory may be. */
function findFile({ configPath, env, cwd, readFile }: ConfigSource): Found {
  const named = configPath ?? (env['RUNBOOK_BOT_CONFIG'] === '' ? undefined : env['RUNBOOK_BOT_CONFIG']);
  const file = resolve(cwd, named ?? DEFAULT_FILE);
  const read = readFile(file);
  if (read.ok) return { ok: true, file, text: read.text, worldReadable: read.worldReadable };
  if (named === undefined && read.missing) return { ok: true, file: null, text: '', worldReadable: false };
  const from = configPath !== undefined ? '--config' : named !== undefined ? 'RUNBOOK_BOT_CONFIG' : DEFAULT_FILE;
  return { ok: false, problems: [`${file}: expected a configuration file that can be read (${from}): ${read.because}`] };
}

interface Read {
  readonly file: string | null;
  readonly base: string;
  readonly yaml: PlacedYaml;
  readonly worldReadable: boolean;
  readonly readFile: ReadFile;
  readonly mistakes: Mistake[];
}

function build(written: ConfigYaml, { file, base, yaml, worldReadable, readFile, mistakes }: Read): LoadedConfig {
  const resolvePath = (path: string): string => resolve(base, path);
  const secrets = createSecretReader(readFile, resolvePath);
  const warnings: Mistake[] = [];
  const building: Building = { secrets, mistakes, warnings, readFile, resolvePath };
  if (written.auth.jwt !== undefined) mistakes.push({ path: ['auth', 'jwt'], expected: 'expected no such key: JWT is not part of this version; use auth.apiKeys' });
  const sections = {
    file,
    http: buildHttp(written.http),
    journal: { kind: 'sqlite', path: resolvePath(written.journal.slice('sqlite:'.length)) } as const,
    runbooksDir: written.runbooks === undefined ? SHIPPED_RUNBOOKS : resolvePath(written.runbooks),
    policyFile: written.policy === undefined ? null : resolvePath(written.policy),
    console: written.console,
    auth: { apiKeys: buildApiKeys(written.auth.apiKeys, building) },
    alertmanager: buildAlertmanager(written.alertmanager, building),
    slack: buildSlack(written.slack, building),
    targets: buildTargets(written.targets, building),
  };
  const drills = buildDrills(written.drills, sections.targets, building);
  const schedules = buildSchedules(written.schedules, drills, sections.targets, building);
  const policy = policyOf(sections.policyFile, credentialRoles(sections.auth), readFile, mistakes);
  const problems = [...yaml.lines([...mistakes, ...secrets.mistakes]), ...(policy.ok ? [] : policy.problems)];
  if (problems.length > 0 || !policy.ok) return { ok: false, problems };
  const exposed = !LOOPBACK.test(sections.http.host) && sections.alertmanager.kind === 'none';
  if (exposed) warnings.push({ path: ['http', 'listen'], expected: 'other machines can reach this address, and alertmanager{} names no credential for the webhook' });
  const told = worldReadable ? secrets.inline.find((path) => !String(valueAt(yaml.value, path)).includes('${')) : undefined;
  if (told !== undefined) warnings.push({ path: told, expected: 'every user of this machine can read this file and the secret in it: chmod 600 it, or name a file of its own' });
  return { ok: true, config: { ...sections, drills, schedules, policy: policy.policy }, warnings: [...yaml.lines([...warnings, ...secrets.warnings]), ...policy.warnings] };
}

type PolicyRead = { readonly ok: true; readonly policy: Policy; readonly warnings: readonly string[] } | { readonly ok: false; readonly problems: readonly string[] };

function policyOf(file: string | null, roles: ReadonlySet<string>, readFile: ReadFile, mistakes: Mistake[]): PolicyRead {
  if (file === null) return { ok: true, policy: EMPTY_POLICY, warnings: [] };
  const read = readFile(file);
  if (read.ok) return loadPolicy(read.text, file, roles);
  mistakes.push({ path: ['policy'], expected: `expected a policy file that can be read: ${file}: ${read.because}` });
  return { ok: false, problems: [] };
}
