/**
 * A shipped runbook on real parts: the whole bot in this process, its journal on disk, the clients of its targets as in
 * production. The test says what the target is (the YAML of one target), breaks something, and asks what the runbook concludes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createApp, type App } from '#app/app.ts';
import { loadConfigOfProcess } from '#config/load.ts';
import type { ApprovalView, RunView } from '#engine/model/views.ts';
import type { JsonObject } from '#kernel/json.ts';
import { silentLog } from '#kernel/log.ts';
import type { Principal } from '#policy/model.ts';
import { waitFor } from '../servers/process.ts';

const RUNBOOKS = join(import.meta.dirname, '..', '..', '..', 'runbooks');
const POLICY = `roles:
  oncall: { principals: [ann, ben, cara] }
tiers:
  R1: { approvers: 1, roles: [oncall], excludeRequester: false, validFor: 15m }
  R2: { approvers: 1, roles: [oncall], excludeRequester: true, validFor: 15m }
  R3: { approvers: 2, roles: [oncall], excludeRequester: true, validFor: 15m }
`;
const FINISHED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'unknown']);

/** On call by the policy of the rig; `ben` is another person for what needs two. */
export const ANN: Principal = { id: 'ann', kind: 'human', roles: [], via: 'api' };
export const BEN: Principal = { id: 'ben', kind: 'human', roles: [], via: 'api' };

export interface RunbookRig {
  readonly app: App;
  /** Where its journal and artifacts are. */
  readonly folder: string;
  /** A dry run to its end: every step, every finding, every offer planned, nothing changed. */
  diagnose(runbook: string, inputs?: JsonObject): Promise<RunView>;
  /** A real run, until every offer has come to rest: open for a decision, or not made. */
  run(runbook: string, inputs?: JsonObject): Promise<RunView>;
  /** The pending approval of an offer. */
  approvalOf(runId: string, offer: string): Promise<ApprovalView>;
  /** Approves it (as `ben`, who did not start the run) and waits until the offer has come to its end. */
  approve(runId: string, offer: string, by?: Principal): Promise<RunView>;
}

/** `target` is what stands under `targets[0]` besides its name, as JSON or YAML in flow style: `{ redis: { url: "redis://…" } }`. */
export async function startRunbookRig(target: Readonly<Record<string, unknown>>, options: { readonly runbooks?: string; readonly drills?: readonly object[] } = {}): Promise<RunbookRig> {
  const folder = await mkdtemp(join(tmpdir(), 'runbook-rig-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'policy.yaml'), POLICY);
  const config = {
    http: { listen: '127.0.0.1:0' },
    journal: 'sqlite:journal.db',
    runbooks: options.runbooks ?? RUNBOOKS,
    policy: 'policy.yaml',
    console: { enabled: false },
    targets: [{ name: 'prod', match: {}, ...target }],
    drills: options.drills ?? [],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'runbook-bot.yaml'), JSON.stringify(config, null, 1), { mode: 0o600 });
  const loaded = loadConfigOfProcess(join(folder, 'runbook-bot.yaml'));
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const app = await createApp({ config: loaded.config, log: silentLog, exporterPollMs: 60_000 });
  onTestFinished(() => app.stop());
  await app.start();
  return rigOf(app, folder);
}

function rigOf(app: App, folder: string): RunbookRig {
  const read = async (id: string): Promise<RunView> => {
    const view = await app.operations.run(id);
    if (view === undefined) throw new Error(`there is no run ${id}`);
    return view;
  };
  const start = async (runbook: string, inputs: JsonObject, dryRun: boolean): Promise<string> => {
    const started = await app.operations.startRun(ANN, { runbook, inputs, dryRun });
    if (!started.ok) throw new Error(`${started.problem.code}: ${started.problem.message}`);
    return started.value.id;
  };
  const until = async (id: string, holds: (view: RunView) => boolean, what: string): Promise<RunView> => {
    await waitFor(async () => (holds(await read(id)) ? true : undefined), { until: what, withinMs: 90_000 });
    return read(id);
  };
  const atRest = (view: RunView): boolean => FINISHED.has(view.status) || (view.steps.every(({ status }) => status !== 'pending' && status !== 'running' && status !== 'retrying') && view.status === 'waiting' && view.offers.every(({ status }) => status !== 'planning'));
  const approvalOf = async (runId: string, offer: string): Promise<ApprovalView> => {
    const { items } = await app.operations.approvals({ status: 'pending' });
    const found = items.find((approval) => approval.runId === runId && approval.offerId === offer);
    if (found === undefined) throw new Error(`no approval is open for ${offer}: ${JSON.stringify((await read(runId)).offers)}`);
    return found;
  };
  return {
    app,
    folder,
    diagnose: async (runbook, inputs = {}) => {
      const id = await start(runbook, inputs, true);
      return until(id, (view) => FINISHED.has(view.status), `the dry run of ${runbook} has ended`);
    },
    run: async (runbook, inputs = {}) => {
      const id = await start(runbook, inputs, false);
      return until(id, atRest, `${runbook} has been diagnosed`);
    },
    approvalOf,
    approve: async (runId, offer, by = BEN) => {
      const approval = await approvalOf(runId, offer);
      const decided = await app.operations.decide(by, approval.id, { decision: 'approve', digest: approval.plan.digest, reason: 'the test says so', confirm: 'prod' });
      if (!decided.ok) throw new Error(`${decided.problem.code}: ${decided.problem.message}`);
      return until(runId, (view) => !['pending', 'approved', 'applying', 'verifying'].includes(view.offers.find(({ id }) => id === offer)?.status ?? ''), `${offer} has come to its end`);
    },
  };
}

/** The sentences of a diagnosis, for `toContainEqual` and messages. */
export function said(view: RunView): string[] {
  return view.findings.map(({ severity, say }) => `${severity}: ${say}`);
}
