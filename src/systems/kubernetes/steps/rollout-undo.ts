import { type AppliedItem, defineWrite, fail, type Json, type Result, succeed, z } from '#step-kit/index.ts';
import { applyChange, type Changing, EFFECT, LANDS_WITHIN_MS, planChanges, probeChange, verifyRollouts } from '../changes.ts';
import type { KubernetesClient, ServiceName } from '../client.ts';
import { CHANGE_CAUSE, readHistory, type Revision, revisionOf } from '../history.ts';
import { mainContainer, type Running, spoken } from '../rollouts.ts';
import { field, numberAt, ownService, tagOf } from '../words.ts';

const revision = z.int().min(1);
type Input = { readonly services: ServiceName[]; readonly revisions: { readonly service: ServiceName; readonly revision: number }[] };

const servicesOf = (input: Input): ServiceName[] => [...input.services, ...input.revisions.map(({ service }) => service)];

const undo: Changing<Input> = {
  services: servicesOf,
  rolls: true,
  summary: (titles) => `${titles.join('; ')}. Image, settings and everything else of its pods go back to that revision.`,
  async decide(client, running, input, ctx) {
    if (running.kind !== 'deployments') return fail('invalid', `${spoken(running)} cannot be rolled back: only Deployments can.`);
    if (running.record.spec.paused) return fail('refused', `${spoken(running)} is paused: resume it first, then roll back.`);
    const history = await readHistory(client, running, { signal: ctx.signal });
    if (!history.ok) return history;
    const { revisions, truncated } = history.value;
    const current = revisions.find((one) => one.revision === revisionOf(running));
    if (current === undefined || truncated) return fail('unavailable', `The revisions of ${spoken(running)} cannot be seen as a whole, so what came before is not certain.`);
    const wanted = input.revisions.find(({ service }) => service === running.service)?.revision;
    const target = pick(running, revisions, current, wanted);
    if (!target.ok) return target;
    const to = target.value;
    if (to.sameness === current.sameness) return succeed({ nothing: `${spoken(running)} runs what revision ${to.revision} holds already.` });
    return succeed({
      change: {
        title: `Roll ${running.name} back from revision ${current.revision} (${tagOf(current.image)}) to ${to.revision} (${tagOf(to.image)})`,
        current: { revision: current.revision, image: current.image },
        next: { revision: to.revision, image: to.image, replicaSet: to.set.metadata.name },
        patch: (version, mark) => ({ type: 'json', body: undoPatch(running, to, version, mark) }),
      },
    });
  },
};

export const rolloutUndo = defineWrite({
  name: 'kubernetes.rollout.undo',
  summary: 'Rolls services back, in the order given, to the revision before the current one that differs from it, or to a named one.',
  tier: 'R2',
  landsWithinMs: LANDS_WITHIN_MS,
  input: z
    .object({
      services: z.array(ownService).max(6).default([]),
      /** Instead, or for services that go to a revision by its number. */
      revisions: z.array(z.object({ service: ownService, revision })).max(6).default([]),
    })
    .refine(({ services, revisions }) => services.length + revisions.length > 0, 'name at least one service'),
  output: z.object({ service: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'Roll the safety kernel back', with: { services: ['safety-kernel'] } }],
  plan: (input, ctx) => planChanges(undo, input, ctx),
  apply: (item, input, ctx) => applyChange(undo, item, input, ctx),
  probe: (item, input, ctx) => probeChange(item, servicesOf(input), ctx),
  verify: (applied, input, ctx) => verifyRollouts(applied, servicesOf(input), runsIts, ctx),
  undo(applied) {
    // The revision that was left keeps its number until it is used again.
    const revisions = applied.toReversed().map(({ item, result }) => ({ service: field(result, 'service'), revision: numberAt(item.current, 'revision') }));
    return { uses: 'kubernetes.rollout.undo', with: { revisions }, title: `Take ${revisions.map(({ service, revision: former }) => `${service} to revision ${former}`).join(', ')} again` };
  },
});

function pick(running: Running, revisions: readonly Revision[], current: Revision, wanted: number | undefined): Result<Revision> {
  if (wanted !== undefined) {
    const named = revisions.find((one) => one.revision === wanted);
    return named === undefined ? fail('notFound', `${spoken(running)} keeps no revision ${wanted}: it keeps ${revisions.map((one) => one.revision).join(', ')}.`) : succeed(named);
  }
  // One step back may only undo a restart, so what runs the same is passed over.
  const before = revisions.find((one) => one.revision < current.revision && one.sameness !== current.sameness);
  return before === undefined ? fail('notFound', `${spoken(running)} keeps no earlier revision that differs from the current one.`) : succeed(before);
}

/**
 * As kubectl does it: the whole template, since a merge would keep what only the newer one has. The version is written, not
 * tested: a failed `test` is answered without saying which one failed (recording deployment_undo_rv_guard_422), while a
 * version that is not the live one is a conflict like any other. The cause of what is left goes too, or the history would give it
 * to the revision that comes back (seen on v1.36.2: the controller copies it to the ReplicaSet).
 */
function undoPatch(running: Running, to: Revision, version: string, mark: string): Json {
  const { annotations } = running.record.metadata;
  const path = `/metadata/annotations/${escaped(CHANGE_CAUSE)}`;
  const cause = to.changeCause !== '' ? [{ op: 'add', path, value: to.changeCause }] : Object.hasOwn(annotations, CHANGE_CAUSE) ? [{ op: 'remove', path }] : [];
  const annotated = Object.keys(annotations).length > 0;
  const marks = annotated ? [{ op: 'add', path: `/metadata/annotations/${escaped(EFFECT)}`, value: mark }, ...cause] : [{ op: 'add', path: '/metadata/annotations', value: { [EFFECT]: mark } }];
  return [{ op: 'replace', path: '/metadata/resourceVersion', value: version }, { op: 'replace', path: '/spec/template', value: to.template }, ...marks];
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function runsIts(client: KubernetesClient, running: Running, { item }: AppliedItem): boolean {
  return mainContainer(client, running)?.image === field(item.next, 'image');
}
