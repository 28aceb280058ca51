import { decisionStep } from '../approval-effects.ts';

export const approvalApprove = decisionStep('approve', {
  summary: "Approves one job that waits at Cordum for an approval. Cordum refuses when the bot's own key submitted it.",
  title: 'Let a checked job go on',
});
