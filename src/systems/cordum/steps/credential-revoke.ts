import { defineWrite, fail, type ItemEnd, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import type { WorkerCredential } from '../admin-records.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const WORKER_ID = /^[^\s/?#%\\]{1,256}$/;

export const credentialRevoke = defineWrite({
  name: 'cordum.credential.revoke',
  summary: 'Revokes the credential of one worker for good: it can no longer report to Cordum until it is given a new one.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ workerId: z.string().regex(WORKER_ID) }),
  output: z.object({ revokedAt: z.string() }),
  examples: [{ title: 'A worker that is gone', with: { workerId: 'bank-1' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.workerId) return succeed({ summary: 'It is not the worker whose credential is revoked.', items: [] });
    const found = await find(input.workerId, ctx);
    if (!found.ok) return found;
    if (found.value === undefined) return succeed({ summary: `The worker ${input.workerId} has no credential.`, items: [] });
    if (found.value.revoked) return succeed({ summary: `The credential of ${input.workerId} is revoked already${found.value.revokedAt === '' ? '' : `, since ${found.value.revokedAt}`}.`, items: [] });
    const { workerId, agentId, packId, createdBy, createdAt, allowedPools, allowedTopics } = found.value;
    return succeed({
      summary: `Revoke the credential of ${workerId}. There is no way back: a new one has to be issued and given to the worker.`,
      items: [{ key: workerId, title: `Revoke the credential of ${workerId}`, current: { createdAt, createdBy, agentId, packId, allowedPools, allowedTopics, revoked: false }, next: { revoked: true } }],
    });
  },
  async apply(item, _input, ctx) {
    const revoked = await ctx.use(Cordum).revokeCredential(item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    if (revoked.ok) return succeed({ revokedAt: new Date(ctx.now()).toISOString() });
    return revoked.failure.reason === 'notFound' ? fail('conflict', `Not revoked: the worker ${item.key} has no credential any more.`, 'no') : revoked;
  },
  async probe(item, _input, ctx) {
    const found = await find(item.key, ctx);
    if (!found.ok) return { landed: 'unknown', evidence: `The credential of ${item.key} cannot be seen. ${found.failure.message}`, failure: found.failure };
    if (found.value !== undefined && !found.value.revoked) return { landed: 'notApplied', evidence: `The credential of ${item.key} is not revoked.` };
    const seen = found.value?.revokedAt ?? '';
    return { landed: 'applied', result: { revokedAt: seen || new Date(ctx.intendedAt).toISOString() }, evidence: found.value === undefined ? `The credential of ${item.key} is gone.` : `The credential of ${item.key} is revoked${seen === '' ? '' : ` since ${seen}`}.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const found = await find(item.key, ctx);
      if (!found.ok) return found;
      const gone = found.value === undefined || found.value.revoked;
      ends[item.key] = gone ? 'done' : 'returned';
      said.push(`The credential of ${item.key} is ${gone ? 'revoked' : 'valid: a new one was issued'}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});

async function find(workerId: string, ctx: StepContext): Promise<Result<WorkerCredential | undefined>> {
  const answer = await patiently(ctx, () => ctx.use(Cordum).workerCredentials({ signal: ctx.signal }));
  return answer.ok ? succeed(answer.value.items.find((item) => item.workerId === workerId)) : answer;
}
