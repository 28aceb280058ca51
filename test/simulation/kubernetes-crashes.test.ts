/** The crash matrix with the real write steps of Kubernetes over real sockets: whatever dies, each change is made once. */
import { describe, expect, test } from 'vitest';
import { createMemoryJournal } from '#journal/memory.ts';
import type { Runbook } from '#language/runbook.ts';
import type { RunState } from '#engine/model/state.ts';
import type { Journal, Systems } from '#engine/ports.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { WriteStep } from '#step-kit/index.ts';
import type { KubernetesClient } from '#systems/kubernetes/client.ts';
import { cronjobTrigger } from '#systems/kubernetes/steps/cronjob-trigger.ts';
import { deploymentScaleDown } from '#systems/kubernetes/steps/deployment-scale-down.ts';
import { deploymentSetEnv } from '#systems/kubernetes/steps/deployment-set-env.ts';
import { deploymentSetImage } from '#systems/kubernetes/steps/deployment-set-image.ts';
import { rolloutRestart } from '#systems/kubernetes/steps/rollout-restart.ts';
import { createVirtualClock, settle, type VirtualClock } from '../kit/clock.ts';
import { BY_ALERT, FIRING, offer, RESOLVED, runbook, template } from '../kit/engine.ts';
import { createFaultyJournal, type FaultPlan, type FaultyJournal } from '../kit/faulty-journal.ts';
import { createTestIds } from '../kit/ids.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../kit/kubernetes/fake.ts';
import { at } from '../kit/kubernetes/objects.ts';
import { ALICE, BOB, createOperationsRig, type OperationsRig } from '../kit/operations-rig.ts';
import { runsIn } from '../kit/process.ts';

const SECONDS_MAX = 900;

interface Case {
  readonly step: WriteStep;
  readonly input: JsonObject;
  /** Of what was changed, in the end. */
  result(kube: FakeKubernetes): unknown;
  readonly expected: unknown;
  /** Writes that must have landed, in all. */
  readonly writes: number;
}

const imageOf = (kube: FakeKubernetes, name: string): unknown => at(kube.get('deployments', name), 'spec', 'template', 'spec', 'containers', 0, 'image');

const CASES: Readonly<Record<string, Case>> = {
  'an upgrade of two services': {
    step: deploymentSetImage,
    input: { services: ['safety-kernel', 'scheduler'], tag: 'v0.9.8' },
    result: (kube) => [imageOf(kube, 'cordum-safety-kernel'), imageOf(kube, 'cordum-scheduler')],
    expected: ['ghcr.io/cordum/safety-kernel:v0.9.8', 'ghcr.io/cordum/scheduler:v0.9.8'],
    writes: 2,
  },
  'a setting of two services': {
    step: deploymentSetEnv,
    input: { changes: [{ service: 'scheduler', name: 'REDIS_POOL_SIZE', value: '40' }, { service: 'safety-kernel', name: 'REDIS_POOL_SIZE', value: '40' }] },
    result: (kube) => ['cordum-safety-kernel', 'cordum-scheduler'].map((name) => at(kube.get('deployments', name), 'spec', 'template', 'spec', 'containers', 0, 'env', 0, 'value')),
    expected: ['40', '40'],
    writes: 2,
  },
  'a restart of two services': {
    step: rolloutRestart,
    input: { services: ['safety-kernel', 'scheduler'] },
    result: (kube) => kube.all('replicasets').length,
    expected: 4,
    writes: 2,
  },
  'a scale-down by two': {
    step: deploymentScaleDown,
    input: { service: 'scheduler', replicas: 1 },
    result: (kube) => at(kube.get('deployments', 'cordum-scheduler'), 'spec', 'replicas'),
    expected: 1,
    writes: 2,
  },
  'a Job from a CronJob': {
    step: cronjobTrigger,
    input: { backup: 'redis' },
    result: (kube) => kube.all('jobs').length,
    expected: 1,
    writes: 1,
  },
};

interface Bot {
  readonly rig: OperationsRig;
  readonly journal: FaultyJournal;
  readonly client: KubernetesClient;
}

interface Place {
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly ids: ReturnType<typeof createTestIds>;
  readonly kube: FakeKubernetes;
  readonly book: Runbook;
  readonly step: WriteStep;
}

async function boot({ clock, journal, ids, kube, book, step }: Place, plan: FaultPlan = {}): Promise<Bot> {
  const faulty = createFaultyJournal(journal, plan);
  const client = await kube.client({ clock });
  const systems: Systems = { client: () => client as never };
  return { rig: await createOperationsRig([book], [step], { clock, journal: faulty, ids, systems }), journal: faulty, client };
}

/** Waits until no new call follows, without time moving on. */
async function quiet(kube: FakeKubernetes): Promise<void> {
  for (let still = 0, seen = -1; still < 8; still += 1) {
    await settle(6);
    if (kube.requests.length !== seen) still = 0;
    seen = kube.requests.length;
  }
}

function prod({ rig }: Bot, book: Runbook, run: RunState | undefined): void {
  const ignore = (): void => undefined;
  if (run === undefined) {
    rig.engine.startRun({ runbook: book, target: 'prod', trigger: BY_ALERT, incidentId: null, inputs: {}, dryRun: false, alert: FIRING, idempotencyKey: 'once' }).catch(ignore);
    return;
  }
  const approval = [...run.approvals.values()].at(-1);
  if (approval?.status === 'pending') rig.operations.decide(ALICE, approval.id, { decision: 'approve', digest: approval.plan.digest }).catch(ignore);
  if (run.offers.get('change')?.status === 'done' && !run.alert.resolved) rig.engine.change(run.id, 'alertmanager', () => ({ events: [{ type: 'AlertChanged', data: { alert: RESOLVED } }] })).catch(ignore);
}

function writesOf(kube: FakeKubernetes): number {
  return kube.requests.filter(({ method, query, path }) => method !== 'GET' && query.get('dryRun') === null && !path.includes('selfsubject')).length;
}

interface Lived {
  readonly run: RunState;
  readonly appends: number;
  readonly kube: FakeKubernetes;
}

async function startCluster(clock: VirtualClock): Promise<FakeKubernetes> {
  const kube = await startFakeKubernetes({ live: true, now: () => clock.now() });
  kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', image: 'ghcr.io/cordum/safety-kernel:v0.9.7' });
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', image: 'ghcr.io/cordum/scheduler:v0.9.7', replicas: 3 });
  kube.addCronJob({ name: 'cordum-redis-backup' });
  return kube;
}

interface Plot extends FaultPlan {
  /** What else happens, each second, before the run is looked at. */
  meanwhile?(kube: FakeKubernetes, bot: Bot, run: RunState | undefined): void;
  /** When it is over without an end of the run. */
  readonly seconds?: number;
}

async function live({ step, input }: Case, plan: Plot = {}): Promise<Lived> {
  const clock = createVirtualClock();
  const kube = await startCluster(clock);
  const book = runbook({ offers: [offer(step, { id: 'change', with: template('input', () => input), waves: { sizes: [1], pauseMs: 1_000, deadlineMs: 300_000 } })] });
  const place: Place = { clock, journal: createMemoryJournal({ clock }), ids: createTestIds(clock), kube, book, step };
  const first = await boot(place, plan);
  let bot = first;
  try {
    for (let second = 0; second < (plan.seconds ?? SECONDS_MAX); second += 1) {
      if (bot.journal.dead) {
        await bot.client.close();
        bot = await boot(place);
      }
      const [known] = await runsIn(place.journal);
      if (known?.run.ended !== undefined) return { run: known.run, appends: first.journal.appends, kube };
      prod(bot, book, known?.run);
      plan.meanwhile?.(kube, bot, known?.run);
      await quiet(kube);
      await clock.advance(1_000);
      await quiet(kube);
    }
    const [known] = await runsIn(place.journal);
    if (known === undefined || plan.seconds === undefined) throw new Error('the run has not ended');
    return { run: known.run, appends: first.journal.appends, kube };
  } finally {
    await bot.client.close();
    await kube.close();
  }
}

async function expectOnce(one: Case, plan: Plot = {}): Promise<number> {
  const { run, kube, appends } = await live(one, plan);
  const about = JSON.stringify({ plan, effects: [...run.effects.values()] });
  expect(run.ended?.status, about).toBe('succeeded');
  expect(writesOf(kube), about).toBe(one.writes);
  expect(one.result(kube), about).toEqual(one.expected);
  // What has landed is known to have landed, whoever had to find that out.
  expect([...run.effects.values()].map(({ status }) => status), about).toEqual(Array.from({ length: one.writes }, () => 'succeeded'));
  return appends;
}

describe.each(Object.entries(CASES))('%s', (_name, one) => {
  test('is made once without any fault, and with a process that dies at each append', { timeout: 300_000 }, async () => {
    const appends = await expectOnce(one);
    for (const fault of ['crash-before', 'crash-after'] as const) for (let append = 1; append <= appends; append += 1) await expectOnce(one, { at: append, fault });
  });
});

describe('an upgrade of two services', () => {
  const upgrade = CASES['an upgrade of two services'] as Case;
  const [OLD, NEW] = ['ghcr.io/cordum/scheduler:v0.9.7', 'ghcr.io/cordum/scheduler:v0.9.8'];

  test('is made once although two people approve it at once, again and again', async () => {
    await expectOnce(upgrade, {
      meanwhile(_kube, { rig }, run) {
        for (const { id, plan } of run?.approvals.values() ?? []) for (const who of [ALICE, BOB, ALICE]) rig.operations.decide(who, id, { decision: 'approve', digest: plan.digest }).catch(() => undefined);
      },
    });
  });

  test('stops between its waves when the kill switch is turned on, and goes no further', async () => {
    const { kube } = await live(upgrade, {
      seconds: 300,
      meanwhile: (kubeNow, { rig }) => void (writesOf(kubeNow) === 1 && rig.operations.setKillSwitch(ALICE, true, 'the test says so')),
    });
    expect(writesOf(kube)).toBe(1);
    expect(imageOf(kube, 'cordum-scheduler')).toBe(OLD);
  });

  test('leaves alone what somebody has set to another image meanwhile', async () => {
    const moved = { template: { metadata: { labels: { app: 'cordum-scheduler' } }, spec: { containers: [{ name: 'scheduler', image: 'ghcr.io/cordum/scheduler:hotfix' }] } } };
    const { kube, run } = await live(upgrade, {
      seconds: 300,
      meanwhile: (kubeNow) => void (writesOf(kubeNow) === 1 && imageOf(kubeNow, 'cordum-scheduler') === OLD && kubeNow.touch('deployments', 'cordum-scheduler', { spec: moved })),
    });
    expect(writesOf(kube)).toBe(1);
    expect(imageOf(kube, 'cordum-scheduler')).not.toBe(NEW);
    expect([...([...run.approvals.values()].at(-1)?.skipped.keys() ?? [])]).toEqual(['deployment/cordum-scheduler']);
  });
});
