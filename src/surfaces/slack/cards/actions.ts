/** What the buttons of a card carry: an action of this closed list, and a value that only names what was shown. */
import { sha256 } from '#kernel/digest.ts';

export const ACTIONS = {
  approve: 'runbook.approve',
  deny: 'runbook.deny',
  approveForm: 'runbook.approve-form',
  plan: 'runbook.plan',
  planForm: 'runbook.plan-form',
  settleApplied: 'runbook.settle-applied',
  settleNotApplied: 'runbook.settle-not-applied',
  close: 'runbook.close',
  cancel: 'runbook.cancel',
  approveAhead: 'runbook.approve-ahead',
  console: 'runbook.console',
} as const;

export const MODALS = { approve: 'runbook.approve-modal', plan: 'runbook.plan-modal', settle: 'runbook.settle-modal', close: 'runbook.close-modal', approveAhead: 'runbook.approve-ahead-modal' } as const;

const APPROVAL_VALUE = /^(apr_[0-9a-z]{26})\.([0-9a-f]{64})$/;
const PART_VALUE = /^(run_[0-9a-z]{26})\.([0-9a-f]{64})$/;

/** An approval and the digest that the card showed: the click decides exactly that, or nothing. */
export function approvalValue(approvalId: string, digest: string): string | undefined {
  const value = `${approvalId}.${digest}`;
  return APPROVAL_VALUE.test(value) ? value : undefined;
}

export function readApprovalValue(value: string): { readonly approvalId: string; readonly digest: string } | undefined {
  const found = APPROVAL_VALUE.exec(value);
  return found?.[1] === undefined || found[2] === undefined ? undefined : { approvalId: found[1], digest: found[2] };
}

/** A notice, by its id. */
export function noticeValue(id: string): string | undefined {
  return /^ntc_[0-9a-f]{26}$/.test(id) ? id : undefined;
}

/** An offer or an effect of a run, by the hash of its id: an effect's key holds outside text of any length. */
export function partValue(runId: string, key: string): string | undefined {
  const value = `${runId}.${sha256(key)}`;
  return PART_VALUE.test(value) ? value : undefined;
}

export function readPartValue(value: string): { readonly runId: string; readonly hash: string } | undefined {
  const found = PART_VALUE.exec(value);
  return found?.[1] === undefined || found[2] === undefined ? undefined : { runId: found[1], hash: found[2] };
}

export function isNamedBy(hash: string, key: string): boolean {
  return sha256(key) === hash;
}
