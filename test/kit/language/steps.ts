import { type AnyStep, defineRead, defineWrite, succeed, z } from '#step-kit/index.ts';

const entry = z.object({ jobId: z.string(), topic: z.string(), reasonCode: z.string(), attempts: z.int(), ageHours: z.number(), labels: z.record(z.string(), z.string()), why: z.string().optional() });

const list = defineRead({
  name: 'shop.dlq.list',
  summary: 'Lists dead letters.',
  input: z.object({ limit: z.int().min(1).max(10_000).default(1_000), topic: z.string().optional(), order: z.enum(['new', 'old']).optional() }),
  output: z.object({ items: z.array(entry), total: z.int(), newest: entry.nullable(), share: z.number(), status: z.enum(['ok', 'degraded', 'down']), note: z.string().nullable() }),
  examples: [],
  run: () => Promise.resolve(succeed({ items: [], total: 0, newest: null, share: 0, status: 'ok' as const, note: null })),
});

const triage = defineRead({
  name: 'shop.dlq.triage',
  summary: 'Groups dead letters.',
  input: z.object({ entries: z.array(entry) }),
  output: z.object({ byReason: z.array(z.object({ code: z.string(), count: z.int(), jobs: z.array(z.object({ id: z.string() })) })), safe: z.array(entry) }),
  examples: [],
  run: () => Promise.resolve(succeed({ byReason: [], safe: [] })),
});

const job = defineRead({
  name: 'shop.job.get',
  summary: 'Reads one job.',
  input: z.object({ id: z.string() }),
  output: z.object({ state: z.string() }),
  examples: [],
  timeoutMs: 90_000,
  run: () => Promise.resolve(succeed({ state: 'done' })),
});

const retry = defineWrite({
  name: 'shop.dlq.retry',
  summary: 'Retries dead letters.',
  tier: 'R2',
  input: z.object({ entries: z.array(z.object({ jobId: z.string(), topic: z.string() })), note: z.string().max(20).optional() }),
  output: z.object({ newJobId: z.string() }),
  examples: [],
  landsWithinMs: 1_000,
  plan: () => Promise.resolve(succeed({ summary: '', items: [] })),
  apply: () => Promise.resolve(succeed({ newJobId: 'x' })),
  probe: () => Promise.resolve({ landed: 'unknown' as const, evidence: '' }),
  verify: () => Promise.resolve(succeed({ ends: {}, say: '' })),
});

/** A small catalogue, so that tests of the language do not move when a system's steps do. */
export const STEPS: ReadonlyMap<string, AnyStep> = new Map([list, triage, job, retry].map((step) => [step.name, step] as const));

export type DlqEntry = z.output<typeof entry>;
