import { defineWrite, fail, succeed, z } from '#step-kit/index.ts';
import { applyChange, type Changing, guarded, LANDS_WITHIN_MS, planChanges, probeChange, verifyRollouts } from '../changes.ts';
import type { ServiceName } from '../client.ts';
import { CHANGE_CAUSE } from '../history.ts';
import { mainContainer, spoken } from '../rollouts.ts';
import { field, ownService, tagOf, withTag } from '../words.ts';

/** A tag as registries allow it, or a digest. */
const tag = z.string().regex(/^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})$/, 'a tag such as v0.9.8, or sha256: and a digest');

type Input = { readonly services: ServiceName[]; readonly tag?: string | undefined; readonly tags: { readonly service: ServiceName; readonly tag: string }[] };

const servicesOf = (input: Input): ServiceName[] => [...input.services, ...input.tags.map(({ service }) => service)];

const setImage: Changing<Input> = {
  services: servicesOf,
  rolls: true,
  summary: (titles) => `${titles.join('; ')}. Only the tag changes; each service rolls as its strategy says.`,
  async decide(client, running, input) {
    const wanted = input.tags.find(({ service }) => service === running.service)?.tag ?? input.tag;
    if (wanted === undefined) return fail('invalid', `No tag is given for ${running.service}.`);
    if (running.record.spec.paused) return fail('refused', `${spoken(running)} is paused, so a new image would not be rolled out: resume it first.`);
    const container = mainContainer(client, running);
    if (container === undefined) return fail('notFound', `${spoken(running)} has no container ${client.names.container(running.service)}: check the profile of the target.`);
    const image = withTag(container.image, wanted);
    if (image === container.image) return succeed({ nothing: `${spoken(running)} runs ${tagOf(image)} already.` });
    return succeed({
      change: {
        title: `Set ${running.name} from ${tagOf(container.image)} to ${wanted}`,
        current: { image: container.image, container: container.name },
        next: { image },
        patch: (version, mark) => ({
          type: 'strategic',
          body: guarded(version, mark, { template: { spec: { containers: [{ name: container.name, image }] } } }, { [CHANGE_CAUSE]: `runbook bot: ${tagOf(container.image)} to ${wanted}` }),
        }),
      },
    });
  },
};

export const deploymentSetImage = defineWrite({
  name: 'kubernetes.deployment.set-image',
  summary: 'Sets services of Cordum to another tag of their image, in the order given; the registry and the name of the image stay.',
  tier: 'R2',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z
    .object({
      /** In the order in which they are upgraded; with `waves: { sizes: [1] }` each is watched before the next. */
      services: z.array(ownService).max(6).default([]),
      tag: tag.optional(),
      /** Instead, or for services of another tag. */
      tags: z.array(z.object({ service: ownService, tag })).max(6).default([]),
    })
    .refine(({ services, tags }) => services.length + tags.length > 0, 'name at least one service')
    .refine(({ services, tag: given }) => services.length === 0 || given !== undefined, 'give the tag that the services are set to'),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'Upgrade the safety kernel, then the scheduler', with: { services: ['safety-kernel', 'scheduler'], tag: 'v0.9.8' } }],
  plan: (input, ctx) => planChanges(setImage, input, ctx),
  apply: (item, input, ctx) => applyChange(setImage, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, servicesOf(input), ctx),
  verify: (applied, input, ctx) => verifyRollouts(applied, servicesOf(input), (client, running, { item }) => mainContainer(client, running)?.image === field(item.next, 'image'), ctx),
  undo(applied) {
    const tags = applied.toReversed().map(({ item, result }) => ({ service: field(result, 'service'), tag: tagOf(field(item.current, 'image')) }));
    return { uses: 'kubernetes.deployment.set-image', with: { tags }, title: `Go back to ${tags.map(({ service, tag: former }) => `${service} ${former}`).join(', ')}` };
  },
});
