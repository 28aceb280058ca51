import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import { digestOf } from '#kernel/digest.ts';
import { toJson } from '#kernel/json.ts';
import { type ConfigDocument, configEntry } from '../admin-records.ts';
import { flatten, numberAt, textAt } from '../config-reading.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const ID = /^[A-Za-z0-9._:-]{0,128}$/;

export const configGet = defineRead({
  name: 'cordum.config.get',
  summary: "Reads Cordum's configuration, of one scope or as it takes effect, without secrets, with a digest that tells whether it has moved.",
  input: z.object({
    /** `scope`: one document. `effective`: what all documents come to. */
    view: z.enum(['scope', 'effective']).default('scope'),
    scope: z.enum(['system', 'org', 'team', 'workflow', 'step']).default('system'),
    scopeId: z.string().regex(ID).default('default'),
    /** Only entries whose path begins so, such as `timeouts`. */
    under: z.string().max(200).default(''),
    limit: z.int().min(1).max(2_000).default(500),
  }),
  output: z.object({
    entries: z.array(configEntry),
    total: z.int(),
    truncated: z.boolean(),
    /** −1 where Cordum gave none: of the effective configuration, and from a Cordum that gives no envelope. */
    revision: z.int(),
    updatedAt: z.string(),
    /** Cordum's own, of the effective configuration; empty else. */
    hash: z.string(),
    version: z.string(),
    /** Ours, of everything that was read: equal for equal configurations. Secrets are not part of it. */
    digest: z.string(),
    /** What the reconciler goes by; −1 where it is not set. */
    dispatchTimeoutSeconds: z.int(),
    runningTimeoutSeconds: z.int(),
    /** `enforce`, `observe` or whatever stands there; empty where it is not set. */
    safetyMode: z.string(),
    inputFailMode: z.string(),
  }),
  examples: [
    {
      title: 'The timeouts in force',
      with: { view: 'effective', under: 'timeouts.reconciler' },
      output: {
        entries: [{ path: 'timeouts.reconciler.dispatch_timeout_seconds', value: '20' }, { path: 'timeouts.reconciler.running_timeout_seconds', value: '30' }],
        total: 2, truncated: false, revision: -1, updatedAt: '', hash: '6997c5a9eccaf9fe934a2c92041c9b7731b324c54ba9451778abdd7abd94b2f7',
        version: 'system:2|org:0|team:0|workflow:0|step:0', digest: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
        dispatchTimeoutSeconds: 20, runningTimeoutSeconds: 30, safetyMode: 'enforce', inputFailMode: '',
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Cordum);
    const call = { signal: ctx.signal };
    const document: Result<ConfigDocument> = await patiently(ctx, () =>
      input.view === 'effective' ? client.effectiveConfig({ orgId: '', workflowId: '' }, call) : client.config({ scope: input.scope, scopeId: input.scopeId }, call),
    );
    if (!document.ok) return document;
    const { data, revision, updatedAt, hash, version } = document.value;
    const all = flatten(data, 20_000);
    const matching = all.entries.filter(({ path }) => input.under === '' || path === input.under || path.startsWith(`${input.under}.`));
    const entries = matching.slice(0, input.limit);
    return succeed({
      entries,
      total: matching.length,
      truncated: all.truncated || matching.length > entries.length,
      revision,
      updatedAt,
      hash,
      version,
      digest: digestOf(toJson(data)),
      dispatchTimeoutSeconds: numberAt(data, 'timeouts', 'reconciler', 'dispatch_timeout_seconds'),
      runningTimeoutSeconds: numberAt(data, 'timeouts', 'reconciler', 'running_timeout_seconds'),
      safetyMode: textAt(data, 'safety', 'mode'),
      inputFailMode: textAt(data, 'scheduler', 'input_fail_mode'),
    });
  },
});
