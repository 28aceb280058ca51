/** The three questions to the safety kernel have one request and one answer. */
import { type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { patiently } from './patience.ts';
import type { PolicyQuestion } from './policy-calls.ts';
import { policyDecision, type PolicyDecision, type PolicyRequest } from './policy-records.ts';
import { Cordum } from './system.ts';

export const policyAnswer = policyDecision.extend({
  /** False when the gateway is there and its safety kernel does not answer; everything else is then empty and `decision` unknown. */
  answered: z.boolean(),
  /** One sentence for a person. */
  say: z.string(),
});
type PolicyAnswer = z.output<typeof policyAnswer>;

const NOTHING: PolicyDecision = { decision: 'unknown', allowed: false, reason: '', ruleId: '', matched: false, snapshot: '', approvalRequired: false, constraints: [], remediations: [] };

export async function askPolicy(question: PolicyQuestion, request: PolicyRequest, ctx: StepContext): Promise<Result<PolicyAnswer>> {
  const answer = await patiently(ctx, () => ctx.use(Cordum).askPolicy(question, request, { signal: ctx.signal }));
  if (answer.ok) return succeed({ ...answer.value, answered: true, say: sayDecision(request.topic, answer.value) });
  // Recording kernel_down_policy_evaluate: 502 from a gateway that is well. That the kernel is silent is what was asked.
  return answer.failure.reason === 'unavailable' ? succeed({ ...NOTHING, answered: false, say: answer.failure.message }) : answer;
}

const WORDS: Readonly<Record<PolicyDecision['decision'], string>> = {
  allow: 'is allowed',
  allowWithConstraints: 'is allowed with constraints',
  requireHuman: 'needs an approval',
  throttle: 'is throttled',
  deny: 'is denied',
  unknown: 'got a decision that we do not know',
};

function sayDecision(topic: string, { decision, ruleId, reason }: PolicyDecision): string {
  const by = ruleId === '' ? 'no rule matched' : `rule ${ruleId}`;
  return `A job on ${topic} ${WORDS[decision]} (${by}${reason === '' ? '' : `: ${reason}`}).`;
}
