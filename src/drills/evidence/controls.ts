/**
 * Which check speaks for which control. The controls: SOC 2 A1.3 ("tests recovery plan procedures", of which the testing of backups
 * for integrity and completeness is a part) and CC7.5 (recovery from incidents), AICPA Trust Services Criteria 2017; ISO/IEC
 * 27001:2022 A.8.13 (copies are maintained and regularly tested). Auditors ask that data was restored apart from production, with times and counts.
 */
import type { Check, CheckStatus } from '../check.ts';

export interface Control {
  readonly framework: string;
  readonly control: string;
  readonly asks: string;
}

const INTEGRITY: Control = { framework: 'SOC 2', control: 'A1.3', asks: 'The integrity and completeness of backups is tested from time to time.' };
const RECOVERY: Control = { framework: 'SOC 2', control: 'CC7.5', asks: 'Recovery works, in the time that is planned for it.' };
const BACKUP: Control = { framework: 'ISO/IEC 27001:2022', control: 'A.8.13', asks: 'Backups are kept as planned and their restoration is tested, away from production.' };

/** By the subject and aspect of a check's name, without its store. The first that fits. */
const BY_CHECK: readonly (readonly [RegExp, readonly Control[]])[] = [
  [/^objective\.|^backup\.age|^drill\.completes/, [RECOVERY, BACKUP]],
  [/^sandbox\.|^live\./, [BACKUP]],
  [/^restore\.|^cluster\.|^verify\./, [INTEGRITY, RECOVERY, BACKUP]],
  [/./, [INTEGRITY, BACKUP]],
];

export interface ControlResult extends Control {
  /** The worst of its checks; skipped only when nothing else was done for it. */
  readonly status: CheckStatus;
  readonly checks: readonly string[];
}

export function controlsOf(check: Check): readonly Control[] {
  const subject = check.name.slice(check.name.indexOf('.') + 1);
  return BY_CHECK.find(([pattern]) => pattern.test(subject))?.[1] ?? [];
}

export function mapControls(checks: readonly Check[]): readonly ControlResult[] {
  return [INTEGRITY, RECOVERY, BACKUP].map((control) => {
    const mine = checks.filter((check) => controlsOf(check).includes(control));
    return { ...control, status: worst(mine.map(({ status }) => status)), checks: mine.map(({ name }) => name) };
  });
}

/** Nothing done is never passed. */
function worst(statuses: readonly CheckStatus[]): CheckStatus {
  for (const status of ['failed', 'warning', 'passed'] as const) if (statuses.includes(status)) return status;
  return 'skipped';
}
