import { defineRead } from '#step-kit/index.ts';
import { askPolicy, policyAnswer } from '../policy-question.ts';
import { policyRequest } from '../policy-records.ts';

export const policySimulate = defineRead({
  name: 'cordum.policy.simulate',
  summary: 'Simulates the decision of policy on a job. At Cordum v0.9 the same as evaluate.',
  input: policyRequest,
  output: policyAnswer,
  examples: [
    {
      title: 'Whether a transfer with a blocked risk tag would be allowed',
      with: { topic: 'job.demo-mock-bank.transfer', capability: 'bank.transfer', riskTags: ['blocked'] },
      output: {
        decision: 'deny', allowed: false, reason: 'High-value bank transfers are blocked by policy.', ruleId: 'bank-transfer-blocked', matched: true,
        snapshot: '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101', approvalRequired: false, constraints: [], remediations: [], answered: true,
        say: 'A job on job.demo-mock-bank.transfer is denied (rule bank-transfer-blocked: High-value bank transfers are blocked by policy.).',
      },
    },
  ],
  run: (input, ctx) => askPolicy('simulate', input, ctx),
});
