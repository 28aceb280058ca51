/** A restore as people start it on a bot: one starts and plans it, two others approve it. */
import type { ApprovalView, RunView } from '#engine/model/views.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Principal } from '#policy/model.ts';
import { waitFor } from '../servers/process.ts';
import { ANN, BEN, type RunbookRig } from './rig.ts';

/** On call by the policy of the rig. Whoever starts an R3 does not count among the two who approve. */
const CARA: Principal = { id: 'cara', kind: 'human', roles: [], via: 'api' };
const GOING: ReadonlySet<string> = new Set(['pending', 'planned', 'approved', 'applying', 'verifying', 'planning']);

export interface RestoreRun {
  readonly approval: ApprovalView;
  readonly run: RunView;
}

/** To the end of the offer `restore`. `meanwhile` is called between the plan and the approvals. */
export async function restoreOn({ app }: RunbookRig, runbook: string, inputs: JsonObject, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<RestoreRun> {
  const { operations } = app;
  const started = await operations.startRun(CARA, { runbook, inputs: {}, dryRun: false });
  if (!started.ok) throw new Error(started.problem.message);
  const { id } = started.value;
  await waitFor(async () => ((await operations.run(id))?.offers.some(({ status }) => status !== 'planning') === true ? true : undefined), { until: 'the restore is offered', withinMs: 30_000 });
  const asked = await operations.planOffer(CARA, id, 'restore', inputs);
  if (!asked.ok) throw new Error(`${asked.problem.message}: ${JSON.stringify((await operations.run(id))?.findings.map(({ say }) => say))}`);
  const approval = await waitFor(async () => {
    const offer = (await operations.run(id))?.offers.find((one) => one.id === 'restore');
    if (offer !== undefined && !GOING.has(offer.status) && offer.because !== null) throw new Error(`there is no plan: ${offer.because}`);
    return (await operations.approvals({ status: 'pending' })).items.find(({ runId }) => runId === id);
  }, { until: 'the restore is planned', withinMs: 30_000 });
  await meanwhile();
  for (const by of [ANN, BEN]) {
    const decided = await operations.decide(by, approval.id, { decision: 'approve', digest: approval.plan.digest, reason: 'the data is gone', confirm: 'prod' });
    if (!decided.ok) throw new Error(decided.problem.message);
  }
  const run = await waitFor(
    async () => {
      const view = await operations.run(id);
      const offer = view?.offers.find((one) => one.id === 'restore');
      return offer !== undefined && !GOING.has(offer.status) ? view : undefined;
    },
    { until: 'the restore has ended', withinMs: 60_000 },
  );
  return { approval, run };
}
