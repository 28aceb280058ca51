/** `doctor`: tries everything that the bot will need, before it is needed at three in the morning. Changes nothing. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import type { ExitCode, LocalOptions } from './commands.ts';
import type { Config, TargetConfig } from '#config/config.ts';
import { TIERS } from '#step-kit/index.ts';
import { stepsByName } from './catalogue.ts';
import { createRunbookLibrary } from './runbook-library.ts';
import { osUser } from './os-user.ts';
import { checkSystems, type Finding } from './doctor-systems.ts';
import { createTargets, SYSTEM_NAMES } from './targets.ts';

/** What belongs to the bot itself, one after the other. */
const OWN_CHECKS: readonly (readonly [string, (config: Config) => Promise<Finding[]>])[] = [
  ['the journal', journalOf],
  ['the runbooks', runbooksOf],
  ['the policy', policyOf],
  ['the console', consoleOf],
  ['the webhook', alertmanagerOf],
  ['Slack', slackOf],
];

export async function doctor(config: Config, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const targets = createTargets(config, systemClock);
  const steps = stepsByName();
  const findings: Finding[] = [];
  try {
    for (const [what, check] of OWN_CHECKS) {
      note(`looking at ${what} …`);
      findings.push(...(await check(config)));
    }
    const checked = await Promise.all(config.targets.map(async (target) => [...(await checkSystems({ target, targets, steps, clock: systemClock }, note)), ...missingOf(target)]));
    findings.push(...checked.flat());
  } finally {
    await targets.close();
  }
  if (config.targets.length === 0) findings.push({ what: 'targets', state: 'failed', say: 'none is configured, so every alert opens an incident that nothing looks at' });
  if (json) out(JSON.stringify(findings));
  else for (const { what, state, say } of findings) out(`${state.padEnd(6)} ${what}: ${say}`);
  return findings.some(({ state }) => state === 'failed') ? 1 : 0;
}

async function journalOf({ journal }: Config): Promise<Finding[]> {
  const what = `journal ${journal.path}`;
  try {
    await access(dirname(journal.path), constants.W_OK);
    return [{ what, state: 'ok', say: 'its folder can be written' }];
  } catch {
    return [{ what, state: 'failed', say: 'its folder is missing or cannot be written' }];
  }
}

async function runbooksOf({ runbooksDir }: Config): Promise<Finding[]> {
  const what = `runbooks ${runbooksDir}`;
  const library = createRunbookLibrary({ dir: runbooksDir, steps: stepsByName(), clock: systemClock, log: silentLog });
  try {
    const mistakes = (await library.load()).filter(({ severity }) => severity === 'error').length;
    if (library.list().length === 0) return [{ what, state: 'failed', say: 'no runbook can be loaded; `runbook-bot lint` says why' }];
    if (mistakes > 0) return [{ what, state: 'failed', say: `${mistakes} mistakes; \`runbook-bot lint\` shows them` }];
    return [{ what, state: 'ok', say: `${library.list().length} loaded` }];
  } catch (error) {
    return [{ what, state: 'failed', say: error instanceof Error ? error.message : String(error) }];
  }
}

async function policyOf({ policy, policyFile }: Config): Promise<Finding[]> {
  const what = `policy ${policyFile ?? '(none)'}`;
  const missing = TIERS.filter((tier) => policy.tiers[tier] === undefined);
  if (missing.length === TIERS.length) return [{ what, state: 'warn', say: 'it names no tier: the bot diagnoses, and nothing can be approved' }];
  if (missing.length > 0) return [{ what, state: 'warn', say: `it does not name ${missing.join(', ')}, so nothing of these can be approved${missing.includes('R3') ? ', and nobody can let writes happen again once the kill switch was on' : ''}` }];
  return [{ what, state: 'ok', say: 'all tiers have approvers' }];
}

async function consoleOf({ console, policy }: Config): Promise<Finding[]> {
  if (!console.enabled) return [];
  const me = `local:${osUser()}`;
  const named = Object.values(policy.roles).some((members) => members.principals.includes(me));
  return [named ? { what: 'console', state: 'ok', say: `its one-time link opens it as ${me}` } : { what: 'console', state: 'warn', say: `its one-time link opens it as ${me}, and the policy gives that no role: it can look and not act` }];
}

async function alertmanagerOf({ alertmanager }: Config): Promise<Finding[]> {
  if (alertmanager.kind !== 'none') return [{ what: 'webhook', state: 'ok', say: `takes alerts with ${alertmanager.kind} credentials` }];
  return [{ what: 'webhook', state: 'warn', say: 'no credential is configured: alerts are taken from this machine only' }];
}

async function slackOf({ slack }: Config): Promise<Finding[]> {
  if (slack.mode === 'off') return [{ what: 'slack', state: 'warn', say: 'off: people decide in the console or on the command line' }];
  const { createSlackApi } = await import('#surfaces/slack/api.ts');
  const api = await createSlackApi({ token: slack.botToken, apiUrl: slack.apiUrl, log: silentLog });
  const answer = await api.call('auth.test', {});
  return [answer.ok ? { what: 'slack', state: 'ok', say: 'the bot token works' } : { what: 'slack', state: 'failed', say: answer.failure.message }];
}

/** Systems that runbooks ask and this target does not have: one line, since it may be meant. */
function missingOf(target: TargetConfig): Finding[] {
  // Drills are configured in a section of their own; steps on backups and restores both go by the directory.
  const keys = new Set(SYSTEM_NAMES.filter((system) => system !== 'drill').map((system) => (system === 'backup' || system === 'restore' ? 'backups' : system)));
  const missing = [...keys].filter((key) => target[key as keyof TargetConfig] === undefined);
  if (missing.length === 0) return [];
  const lost = missing.includes('alertmanager') ? '; without an Alertmanager a resolve that is lost leaves its incident open' : '';
  return [{ what: target.name, state: 'warn', say: `has no ${missing.join(', ')} configured: what only they can tell stays unknown${lost}` }];
}
