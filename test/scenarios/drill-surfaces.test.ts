import { afterEach, describe, expect, it } from 'vitest';
import { defineWrite } from '#step-kit/index.ts';
import { createLamps, lampStep, offer, runbook } from '../kit/engine.ts';
import { ALICE, createTestHttp, ROBOT_KEY, type TestHttp } from '../kit/http.ts';
import { createOperationsRig } from '../kit/operations-rig.ts';

let http: TestHttp | undefined;
afterEach(() => http?.close());

/** The API over the real operations and the real engine. */
async function api() {
  const step = defineWrite({ ...lampStep(createLamps(['a']), { tier: 'R1' }), aside: true, ahead: () => 'quarterly' });
  const rig = await createOperationsRig([runbook({ offers: [offer(step)] })], [step]);
  rig.drills.subjects.set('quarterly', { uses: step.name, input: {}, target: 'prod', nextAt: null, closedAt: () => undefined });
  const { app, close } = (http = await createTestHttp({ operations: rig.operations }));
  const window = { from: new Date(rig.clock.now()).toISOString(), to: new Date(rig.clock.now() + 3_600_000).toISOString() };
  const send = (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object, headers: Record<string, string> = {}) => app.inject({ method, url: `/api/v1/drills${path}`, headers: { ...ALICE, ...headers }, ...(payload === undefined ? {} : { payload }) });
  return { rig, send, window, close };
}

describe('the API of drills', () => {
  it('approves ahead, lists what stands, and revokes it', async () => {
    const { send, window } = await api();
    const given = await send('POST', '/quarterly/approvals', { ...window, reason: 'the quarter' });
    expect([given.statusCode, given.json()]).toMatchObject([201, { drill: 'quarterly', status: 'open', by: 'alice', via: 'api', reason: 'the quarter', ...window, runId: null }]);
    const { id } = given.json<{ id: string }>();
    expect((await send('GET', '')).json()).toMatchObject({ items: [{ name: 'quarterly', approvals: [{ id }] }] });
    expect((await send('GET', '/quarterly/approvals')).json()).toMatchObject({ items: [{ id, status: 'open' }], nextCursor: null });
    expect((await send('DELETE', `/quarterly/approvals/${id}?reason=the+disk+is+full`)).json()).toMatchObject({ id, status: 'revoked', revokedBy: 'alice', revokedReason: 'the disk is full' });
    expect((await send('GET', '')).json()).toMatchObject({ items: [{ approvals: [] }] });
  });

  it('refuses a principal without the role, with the rule, and nothing is kept', async () => {
    const { rig, send, window } = await api();
    const refused = await send('POST', '/quarterly/approvals', { ...window, reason: 'why not' }, { authorization: `Bearer ${ROBOT_KEY}` });
    expect([refused.statusCode, refused.json()]).toMatchObject([403, { code: 'forbidden', rule: 'not-in-role' }]);
    expect(await rig.operations.drillApprovals('quarterly')).toEqual([]);
  });

  it('takes nobody at the word of the request: who approves is who holds the key', async () => {
    const { rig, send, window } = await api();
    for (const forged of [{ by: 'bob' }, { principal: 'bob' }, { roles: ['oncall'] }, { status: 'open' }, { target: 'staging' }]) {
      expect((await send('POST', '/quarterly/approvals', { ...window, reason: 'x', ...forged })).json()).toMatchObject({ status: 400, code: 'invalid' });
    }
    expect((await send('POST', '/quarterly/approvals', { ...window, reason: 'x' }, { 'x-principal-id': 'bob', 'x-forwarded-user': 'bob' })).json()).toMatchObject({ by: 'alice' });
    expect((await send('POST', '/quarterly/approvals', { ...window, reason: 'x' }, { authorization: 'Bearer forged-key-000000' })).statusCode).toBe(401);
    expect(await rig.operations.drillApprovals('quarterly')).toHaveLength(1);
  });

  it('wants a reason, a window that can be, and a drill and an approval that there are', async () => {
    const { send, window } = await api();
    expect((await send('POST', '/quarterly/approvals', window)).json()).toMatchObject({ status: 400, field: 'reason' });
    expect((await send('POST', '/quarterly/approvals', { ...window, to: 'tomorrow', reason: 'x' })).json()).toMatchObject({ status: 400, field: 'to' });
    expect((await send('POST', '/yearly/approvals', { ...window, reason: 'x' })).statusCode).toBe(404);
    expect((await send('GET', '/yearly/approvals')).statusCode).toBe(404);
    expect((await send('DELETE', `/quarterly/approvals/ahd_${'0'.repeat(26)}`)).statusCode).toBe(404);
    expect((await send('DELETE', '/quarterly/approvals/..%2f..%2fruns')).statusCode).toBe(404);
  });

  it('carries out a request once, however often it is sent', async () => {
    const { rig, send, window } = await api();
    const key = { 'idempotency-key': 'ticket-1' };
    const [first, second] = [await send('POST', '/quarterly/approvals', { ...window, reason: 'x' }, key), await send('POST', '/quarterly/approvals', { ...window, reason: 'x' }, key)];
    expect(second.json()).toEqual(first.json());
    const later = new Date(rig.clock.now() + 7_200_000).toISOString();
    expect((await send('POST', '/quarterly/approvals', { ...window, to: later, reason: 'x' }, key)).json()).toMatchObject({ status: 409, code: 'conflict' });
    expect(await rig.operations.drillApprovals('quarterly')).toHaveLength(1);
  });
});
