/** The topics of the recorded installation, the pool that each is mapped to, and what its policy says of a job on it. */
export interface Policy {
  readonly decision: 'ALLOW' | 'DENY' | 'REQUIRE_APPROVAL';
  readonly ruleId: string;
  readonly reason: string;
}

export interface Topic {
  readonly name: string;
  readonly pool: string;
  readonly policy: Policy;
}

const POOLS: Readonly<Record<string, readonly string[]>> = {
  'visa-governance': ['job.b2b.governance-evaluate', 'job.visa-governance.evaluate'],
  'b2b-hr': ['job.b2b.hr-setup'],
  'b2b-it': ['job.b2b.it-inventory'],
  'b2b-orchestrator': ['job.b2b.orchestrate'],
  'visa-payment': ['job.b2b.procurement-pay', 'job.visa-payment.process'],
  'b2b-procurement': ['job.b2b.procurement-source'],
  'b2b-vendor-email': ['job.b2b.vendor-email'],
  'bank-executors': ['job.bank-executors.process'],
  'bank-validators': ['job.bank-validators.process'],
  'compliance-agents': ['job.compliance-agents.process'],
  'approval-gates': ['job.cordum.approval-gate'],
  'credit-agents': ['job.credit-agents.process'],
  default: ['job.default'],
  'demo-guardrails': ['job.demo-guardrails.dangerous', 'job.demo-guardrails.safe', 'job.demo-guardrails.write'],
  'demo-mock-bank': ['job.demo-mock-bank.transfer'],
  'fraud-detection': ['job.fraud-detection.process'],
  'gtm-engine-act': ['advance-stage', 'compute-milestones', 'create-issues', 'eval-kill', 'notify-slack'].map(gtm),
  'gtm-engine-think': ['draft-outreach', 'draft-proof', 'extract-pain', 'research', 'send-email', 'summarize-scorecard', 'synthesize'].map(gtm),
  'loan-agents': ['job.loan-agents.process'],
  'notification-service': ['job.notification-service.process'],
  'risk-agents': ['job.risk-agents.process'],
  'underwriting-agents': ['job.underwriting-agents.process'],
  'valuation-agents': ['job.valuation-agents.process'],
};

/** Rules whose ids and reasons were recorded; a topic without one is allowed by the rule of the validators. */
const POLICIES: Readonly<Record<string, Policy>> = {
  'job.default': { decision: 'ALLOW', ruleId: 'default-topic-allow', reason: '' },
  'job.demo-mock-bank.transfer': { decision: 'ALLOW', ruleId: 'bank-transfer-allow', reason: '' },
  'job.bank-executors.process': { decision: 'REQUIRE_APPROVAL', ruleId: 'bank-executor-approval', reason: 'Financial execution actions require explicit human authorization.' },
  'job.compliance-agents.process': { decision: 'REQUIRE_APPROVAL', ruleId: 'compliance-approval', reason: 'Compliance checks require human verification before proceeding.' },
};
const ALLOWED: Policy = { decision: 'ALLOW', ruleId: 'validators-auto-allow', reason: '' };

/** What the recorded policy says of a transfer that it blocks. */
export const BLOCKED_TRANSFER: Policy = { decision: 'DENY', ruleId: 'bank-transfer-blocked', reason: 'High-value bank transfers are blocked by policy.' };

/** In the order of the names, as the gateway lists them. */
export const TOPICS: readonly Topic[] = Object.entries(POOLS)
  .flatMap(([pool, names]) => names.map((name) => ({ name, pool, policy: POLICIES[name] ?? ALLOWED })))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

function gtm(task: string): string {
  return `job.gtm-engine.${task}`;
}
