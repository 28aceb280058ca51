import { type AppliedItem, defineWrite, fail, type JsonObject, succeed, z } from '#step-kit/index.ts';
import { applyChange, type Changing, guarded, LANDS_WITHIN_MS, planChanges, probeChange, verifyRollouts } from '../changes.ts';
import type { KubernetesClient, ServiceName } from '../client.ts';
import { mainContainer, type Running, spoken } from '../rollouts.ts';
import { settingOf } from '../shown-workload.ts';
import { field, ownService } from '../words.ts';

/** The switches that Cordum's hardening and scaling guides turn; no runbook may set another variable. */
const SETTINGS = ['SCHEMA_ENFORCEMENT', 'WORKER_ATTESTATION', 'WORKER_READINESS_REQUIRED', 'WORKER_READINESS_TTL', 'SAFETY_DECISION_CACHE_TTL', 'REDIS_RATE_LIMIT', 'REDIS_POOL_SIZE', 'POLICY_CHECK_FAIL_MODE'] as const;

const change = z.object({
  service: ownService,
  name: z.enum(SETTINGS),
  value: z.string().regex(/^[A-Za-z0-9._:-]{0,64}$/, 'letters, digits, and . _ : - only').default(''),
  /** Takes the variable out, so that Cordum's own default holds again. */
  remove: z.boolean().default(false),
});
type Wanted = z.output<typeof change>;

/** With `open` jobs run unchecked while the safety kernel is away: nothing that the bot does opens that gate, also not an undo of closing it. */
function opensGate({ name, value }: { readonly name: string; readonly value: string }): boolean {
  return name === 'POLICY_CHECK_FAIL_MODE' && value !== '' && value !== 'closed';
}

type Input = { readonly changes: Wanted[] };

const servicesOf = ({ changes }: Input): ServiceName[] => [...new Set(changes.map(({ service }) => service))];

const setEnv: Changing<Input> = {
  services: servicesOf,
  rolls: true,
  summary: (titles) => `${titles.join('; ')}. The pods of each are replaced to take it up.`,
  async decide(client, running, { changes }) {
    if (running.record.spec.paused) return fail('refused', `${spoken(running)} is paused, so a new setting would not be rolled out: resume it first.`);
    const container = mainContainer(client, running);
    if (container === undefined) return fail('notFound', `${spoken(running)} has no container ${client.names.container(running.service)}: check the profile of the target.`);
    const wanted = changes.filter(({ service }) => service === running.service);
    const former: JsonObject[] = [];
    const env: JsonObject[] = [];
    const words: string[] = [];
    for (const { name, value, remove } of wanted) {
      const now = settingOf(container, name);
      if (now.source !== 'plain' && now.source !== 'absent' && now.source !== 'unknown') return fail('refused', `${name} of ${running.name} does not stand in the Deployment itself (${now.source}): change it where it comes from.`);
      const set = now.source === 'plain';
      if (remove ? !set : set && now.value === value) continue;
      former.push({ name, value: now.value, set });
      env.push(remove ? { name, $patch: 'delete' } : { name, value });
      words.push(`${name} from ${set ? now.value : 'unset'} to ${remove ? 'unset' : value}`);
    }
    if (env.length === 0) return succeed({ nothing: `${spoken(running)} has these settings already.` });
    return succeed({
      change: {
        title: `Set on ${running.name}: ${words.join(', ')}`,
        current: { settings: former },
        next: { settings: wanted.map(({ name, value, remove }) => ({ name, value, set: !remove })) },
        patch: (version, mark) => ({ type: 'strategic', body: guarded(version, mark, { template: { spec: { containers: [{ name: container.name, env }] } } }) }),
      },
    });
  },
};

export const deploymentSetEnv = defineWrite({
  name: 'kubernetes.deployment.set-env',
  summary: 'Sets or removes a few allowed settings (environment variables) of services of Cordum, one service after another.',
  tier: 'R2',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z.object({
    changes: z
      .array(change)
      .min(1, 'there is nothing to set: the list of changes is empty')
      .max(48)
      .refine((changes) => new Set(changes.map(({ service, name }) => `${service}/${name}`)).size === changes.length, 'a setting of a service is named twice')
      .refine((changes) => changes.every(({ value, remove }) => remove === (value === '')), 'give each setting either a value or remove: true')
      .refine((changes) => !changes.some(opensGate), 'POLICY_CHECK_FAIL_MODE may only be set to closed: whoever wants jobs to run unchecked must open it by hand'),
  }),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [
    {
      title: 'Enforce schemas in the gateway, then in the scheduler',
      with: {
        changes: [
          { service: 'api-gateway', name: 'SCHEMA_ENFORCEMENT', value: 'enforce' },
          { service: 'scheduler', name: 'SCHEMA_ENFORCEMENT', value: 'enforce' },
        ],
      },
    },
  ],
  plan: (input, ctx) => planChanges(setEnv, input, ctx),
  apply: (item, input, ctx) => applyChange(setEnv, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, servicesOf(input), ctx),
  verify: (applied, input, ctx) => verifyRollouts(applied, servicesOf(input), hasSettings(input), ctx),
  undo(applied) {
    const changes = applied.toReversed().flatMap(formerSettings);
    return changes.length === 0 ? undefined : { uses: 'kubernetes.deployment.set-env', with: { changes }, title: `Set ${applied.map(({ result }) => field(result, 'service')).join(', ')} back to the former settings` };
  },
});

function hasSettings({ changes }: Input): (client: KubernetesClient, running: Running) => boolean {
  return (client, running) => {
    const container = mainContainer(client, running);
    return changes
      .filter(({ service }) => service === running.service)
      .every(({ name, value, remove }) => {
        const now = settingOf(container, name);
        return remove ? now.source !== 'plain' : now.source === 'plain' && now.value === value;
      });
  };
}

const formerShape = z.object({ settings: z.array(z.object({ name: z.string(), value: z.string(), set: z.boolean() })) });

function formerSettings({ item, result }: AppliedItem): JsonObject[] {
  const former = formerShape.safeParse(item.current);
  if (!former.success) return [];
  return former.data.settings.filter((setting) => !opensGate(setting)).map(({ name, value, set }) => (set && value !== '' ? { service: field(result, 'service'), name, value } : { service: field(result, 'service'), name, remove: true }));
}
