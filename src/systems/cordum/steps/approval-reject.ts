import { decisionStep } from '../approval-effects.ts';

export const approvalReject = decisionStep('reject', {
  summary: 'Rejects one job that waits at Cordum for an approval: it ends as denied and goes to the DLQ.',
  title: 'Turn a job down',
});
