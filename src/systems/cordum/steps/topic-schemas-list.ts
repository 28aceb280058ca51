import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { MOST_SCHEMAS } from '../topic-calls.ts';

const MOST_TOPICS = 1_000;

export const topicSchemasList = defineRead({
  name: 'cordum.topic-schemas.list',
  summary: 'Lists the registered topics with their pool and schemas, and says which have none or one that does not exist.',
  input: z.object({
    /** Topics that should be registered; `missing` says which are not, and the others are marked. */
    expected: z.array(z.string().min(1).max(300)).max(500).default([]),
  }),
  output: z.object({
    items: z.array(
      z.object({
        name: z.string(),
        pool: z.string(),
        /** `active`, `deprecated` or `disabled`: jobs of a disabled topic are refused. */
        status: z.string(),
        /** Empty: the input of its jobs is never checked. */
        inputSchemaId: z.string(),
        outputSchemaId: z.string(),
        packId: z.string(),
        activeWorkerCount: z.int(),
        /** It is one of those that were named. */
        expected: z.boolean(),
        /** Active, and with a worker: what Cordum's dashboard does not call degraded. */
        served: z.boolean(),
        /** It names a schema that is not registered: its jobs fail under `enforce`. */
        schemaMissing: z.boolean(),
      }),
    ),
    total: z.int(),
    /** With an empty registry Cordum accepts any topic and checks nothing. */
    registryEmpty: z.boolean(),
    schemas: z.int(),
    /** Registered topics without a schema for their input. */
    withoutSchema: z.int(),
    missing: z.array(z.object({ name: z.string() })),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Are the topics of production bound to schemas',
      with: { expected: ['job.default'] },
      output: {
        items: [{ name: 'job.default', pool: 'default', status: 'active', inputSchemaId: 'default-input', outputSchemaId: '', packId: '', activeWorkerCount: 2, expected: true, served: true, schemaMissing: false }],
        total: 1, registryEmpty: false, schemas: 1, withoutSchema: 0, missing: [], truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const call = { signal: ctx.signal };
    const [topics, schemas] = await Promise.all([patiently(ctx, () => ctx.use(Cordum).boundTopics(call)), patiently(ctx, () => ctx.use(Cordum).schemas(call))]);
    if (!topics.ok) return topics;
    if (!schemas.ok) return fail(schemas.failure.reason, schemas.failure.message);
    const known = new Set(schemas.value.map(({ name }) => name));
    // Beyond the page a schema may be there all the same, so nothing is called missing then.
    const allSchemas = known.size < MOST_SCHEMAS;
    const expected = new Set(input.expected);
    const all = topics.value.items.map((topic) => ({
      ...topic,
      expected: expected.has(topic.name),
      served: topic.status === 'active' && topic.activeWorkerCount > 0,
      schemaMissing: allSchemas && [topic.inputSchemaId, topic.outputSchemaId].some((id) => id !== '' && !known.has(id)),
    }));
    const names = new Set(all.map(({ name }) => name));
    return succeed({
      items: all.slice(0, MOST_TOPICS),
      total: all.length,
      registryEmpty: topics.value.registryEmpty,
      schemas: known.size,
      withoutSchema: all.filter(({ inputSchemaId }) => inputSchemaId === '').length,
      missing: [...expected].filter((name) => !names.has(name)).map((name) => ({ name })),
      truncated: all.length > MOST_TOPICS || !allSchemas,
      note: unreadableNote(topics.value.unreadable),
    });
  },
});
