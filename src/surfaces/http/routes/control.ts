/** What the bot knows and did: runbooks, steps, the audit, the kill switch. */
import { z } from 'zod';
import type { Operations } from '#operations/operations.ts';
import { AuditEntryShape, KillSwitchShape, listOf, RunbookShape, ScheduleShape, StepReferenceShape } from '#operations/shapes.ts';
import { endpoint, NOTHING, valueOf } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { Limit, Position, Reason } from '../input.ts';

const AuditQuery = z.strictObject({
  cursor: Position.meta({ description: 'Entries after this position.' }).exactOptional(),
  limit: Limit.exactOptional(),
});

export function controlEndpoints(operations: Operations): readonly Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/runbooks',
      summary: 'The runbooks that are loaded, with the mistakes of files that are not.',
      schemas: { params: NOTHING, query: NOTHING },
      answer: { status: 200, shape: listOf(RunbookShape) },
      handle: async () => ({ items: operations.runbooks(), nextCursor: null }),
    }),
    endpoint({
      method: 'GET',
      path: '/steps',
      summary: 'The steps that runbooks may use.',
      schemas: { params: NOTHING, query: NOTHING },
      answer: { status: 200, shape: listOf(StepReferenceShape) },
      handle: async () => ({ items: operations.steps(), nextCursor: null }),
    }),
    endpoint({
      method: 'GET',
      path: '/schedules',
      summary: 'The configured schedules: when the next slot is due, and what became of the last one.',
      schemas: { params: NOTHING, query: NOTHING },
      answer: { status: 200, shape: listOf(ScheduleShape) },
      handle: async () => ({ items: [...(await operations.schedules())], nextCursor: null }),
    }),
    endpoint({
      method: 'GET',
      path: '/audit',
      summary: 'Who did what, oldest first.',
      schemas: { params: NOTHING, query: AuditQuery },
      answer: { status: 200, shape: listOf(AuditEntryShape) },
      handle: async ({ query }) => {
        const { items, next } = await operations.audit({ ...(query.cursor === undefined ? {} : { after: query.cursor }), ...(query.limit === undefined ? {} : { limit: query.limit }) });
        return { items, nextCursor: next === null ? null : String(next) };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/kill-switch',
      summary: 'Whether every write is stopped, by whom and why.',
      schemas: { params: NOTHING, query: NOTHING },
      answer: { status: 200, shape: KillSwitchShape },
      handle: async () => operations.killSwitch(),
    }),
    endpoint({
      method: 'PUT',
      path: '/kill-switch',
      summary: 'Stops every write within a second, or lets them go on again.',
      schemas: { params: NOTHING, query: NOTHING, body: z.strictObject({ on: z.boolean(), reason: Reason }) },
      answer: { status: 200, shape: KillSwitchShape },
      handle: async ({ principal, body }) => valueOf(await operations.setKillSwitch(principal, body.on, body.reason)),
    }),
  ];
}
