/**
 * A Kubernetes API server for tests, over real HTTP: the reads, patches, creations, logs and errors that the bot meets, and
 * controllers that move when a test says `tick()`. It is held to recordings of a kube-apiserver v1.36.2
 * (test/unit/systems/kubernetes/fake.test.ts). It has no watch, exec, delete or update: the bot uses none.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { createKubernetesClient, type KubernetesClient, type KubernetesParts } from '#systems/kubernetes/client.ts';
import { addAutoscaler, addBudget, addClaim, addCronJob, addDeployment, addEvent, addJob, addPod, addStatefulSet, settle } from './builders.ts';
import type { AutoscalerFacts, BudgetFacts, ClaimFacts, CronJobFacts, DeploymentFacts, EventFacts, JobFacts, PodFacts, StatefulSetFacts } from './builders.ts';
import { type Fields, type KubeObject, type Metadata } from './objects.ts';
import { type JobOutcome, moveAutoscalers, moveBudgets, moveJobs } from './others.ts';
import { type PodState, type PodStateName, stateOf } from './pods.ts';
import { type Backend, type Denial, type Fault, listen, type Seen, type User } from './server.ts';
import { describeStatefulSet, moveStatefulSets } from './stateful.ts';
import { createStore } from './store.ts';
import { describeDeployment, moveDeployments, moveKubelet, podsOf, replicaSetsOf, type World } from './workloads.ts';

export const TOKEN = 'fake-token-0123456789';
const USER: User = { name: 'system:serviceaccount:cordum:runbook-bot', admin: false };
/** A rollout of any size is over by then. */
const MOST_TICKS = 60;

export interface FakeOptions {
  readonly namespace?: string;
  /** Default: the machine's time. */
  readonly now?: () => number;
  /** Ticks after every read, so that what was changed moves on while it is watched. */
  readonly live?: boolean;
  /** Further users, by their tokens. The kubeconfig's own may do everything in its namespace, but for what a test denies. */
  readonly users?: Readonly<Record<string, User>>;
  /** Speaks https with this certificate. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

export interface KubeconfigOptions {
  readonly token?: string | null;
  /** The server, where it is not this one. */
  readonly server?: string;
  readonly ca?: string | null;
  /** Of the user, in place of the token: `{ exec: … }`. */
  readonly user?: Fields;
}

export interface FakeKubernetes extends AsyncDisposable {
  readonly url: string;
  readonly namespace: string;
  /** What came in, oldest first. */
  readonly requests: readonly Seen[];
  connections(): number;
  addDeployment(facts: DeploymentFacts): KubeObject;
  addStatefulSet(facts: StatefulSetFacts): KubeObject;
  addPod(facts: PodFacts): KubeObject;
  addHpa(facts: AutoscalerFacts): KubeObject;
  addPdb(facts: BudgetFacts): KubeObject;
  addCronJob(facts: CronJobFacts): KubeObject;
  addJob(facts: JobFacts): KubeObject;
  addPvc(facts: ClaimFacts): KubeObject;
  addEvent(facts: EventFacts): KubeObject;
  /** Any object, as it stands in the API; missing metadata is made up. */
  put(resource: string, object: Fields & { metadata: Partial<Metadata> & { name: string } }): KubeObject;
  get(resource: string, name: string): KubeObject;
  all(resource: string): KubeObject[];
  remove(resource: string, name: string): void;
  /** What somebody else changes: a merge into the object; the resourceVersion grows. */
  touch(resource: string, name: string, change: { readonly metadata?: Fields; readonly spec?: Fields; readonly status?: Fields }): KubeObject;
  /** The pods of a workload, by name. */
  podsOf(workload: string): KubeObject[];
  /** Puts a pod into a state, where it stays. */
  setPod(name: string, state: PodStateName | PodState): void;
  /** What becomes of new pods of a workload or an image: `kube.fate('ghcr.io/cordum/scheduler:bad', 'imagePull')`. */
  fate(workloadOrImage: string, state: PodStateName | PodState): void;
  /** How Jobs of a CronJob (or one Job) end. Default: complete. */
  jobOutcome(name: string, outcome: JobOutcome): void;
  /** The CPU utilization that an autoscaler sees, in per cent; without it there are no metrics. */
  utilization(hpa: string, percent: number): void;
  log(pod: string, container: string, texts: { readonly current?: string; readonly previous?: string }): void;
  /** The kubelet of this node cannot be reached: logs are 500. */
  killNode(name: string): void;
  deny(denial: Denial): void;
  allow(): void;
  fault(fault: Fault): void;
  /** All page tokens expire: a list that goes on is 410. */
  expireTokens(expired?: boolean): void;
  /** Moves scheduler, kubelet and controllers on by one small step each. */
  tick(times?: number): void;
  /** Ticks until nothing changes any more. */
  settle(): void;
  /** Writes a kubeconfig that leads here. */
  kubeconfig(path: string, options?: KubeconfigOptions): Promise<string>;
  /** A client with a kubeconfig of its own; closed with the fake. */
  client(parts?: Partial<KubernetesParts>): Promise<KubernetesClient>;
  close(): Promise<void>;
}

export async function startFakeKubernetes(options: FakeOptions = {}): Promise<FakeKubernetes> {
  const store = createStore(options.namespace ?? 'cordum', options.now ?? Date.now);
  const world: World = { store, fates: new Map(), fixed: new Map(), stalled: new Map() };
  const outcomes = new Map<string, JobOutcome>();
  const utilization = new Map<string, number>();
  const tick = (times = 1): void => {
    for (let count = 0; count < times; count += 1) {
      moveKubelet(world);
      moveAutoscalers(store, utilization);
      moveDeployments(world);
      moveStatefulSets(world);
      moveJobs(store, outcomes);
      moveBudgets(store);
    }
  };
  const seen: Seen[] = [];
  const backend: Backend = {
    store, logs: { texts: new Map(), deadNodes: new Set() }, users: new Map(Object.entries({ [TOKEN]: USER, ...options.users })), denials: [], faults: [], seen, forgotten: { expired: false },
    answered: (method) => {
      if (options.live === true && method === 'GET') tick();
    },
  };
  const server = await listen(backend, options.tls);
  const entry = createEntry(server.url, store.namespace, options);
  const close = async (): Promise<void> => {
    await entry.close();
    await server.close();
  };
  return {
    url: server.url,
    namespace: store.namespace,
    requests: seen,
    connections: server.connections,
    ...buildersOf(world),
    ...handsOf(world, backend),
    jobOutcome: (name, outcome) => void outcomes.set(name, outcome),
    utilization: (hpa, percent) => void utilization.set(hpa, percent),
    tick,
    settle() {
      for (let count = 0; count < MOST_TICKS; count += 1) {
        const before = store.version();
        tick();
        if (store.version() === before) return;
      }
    },
    kubeconfig: entry.kubeconfig,
    client: entry.client,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function buildersOf(world: World): Pick<FakeKubernetes, 'addDeployment' | 'addStatefulSet' | 'addPod' | 'addHpa' | 'addPdb' | 'addCronJob' | 'addJob' | 'addPvc' | 'addEvent' | 'put'> {
  const seen = <T>(object: T): T => {
    moveBudgets(world.store);
    return object;
  };
  return {
    addDeployment: (facts) => seen(addDeployment(world, facts)),
    addStatefulSet: (facts) => seen(addStatefulSet(world, facts)),
    addPod: (facts) => seen(addPod(world, facts)),
    addHpa: (facts) => addAutoscaler(world, facts),
    addPdb: (facts) => seen(addBudget(world, facts)),
    addCronJob: (facts) => addCronJob(world, facts),
    addJob: (facts) => addJob(world, facts),
    addPvc: (facts) => addClaim(world, facts),
    addEvent: (facts) => addEvent(world, facts),
    put: (resource, object) => world.store.add(resource, object),
  };
}

function handsOf(world: World, backend: Backend): Pick<FakeKubernetes, 'get' | 'all' | 'remove' | 'touch' | 'podsOf' | 'setPod' | 'fate' | 'log' | 'killNode' | 'deny' | 'allow' | 'fault' | 'expireTokens'> {
  const { store } = world;
  return {
    get: store.get,
    all: store.all,
    remove: store.remove,
    touch(resource, name, { metadata, spec, status }) {
      const old = store.get(resource, name);
      return store.control(resource, name, { metadata: { ...old.metadata, ...metadata }, ...(spec === undefined ? {} : { spec: { ...old.spec, ...spec } }), ...(status === undefined ? {} : { status: { ...old.status, ...status } }) });
    },
    podsOf(workload) {
      const deployment = store.find('deployments', workload);
      if (deployment !== undefined) return replicaSetsOf(store, deployment).flatMap((set) => podsOf(store, set));
      return podsOf(store, store.get('statefulsets', workload));
    },
    setPod(name, state) {
      const pod = store.get('pods', name);
      settle(world, pod, stateOf(state));
      describeOwner(world, pod);
      moveBudgets(store);
    },
    fate: (name, state) => void world.fates.set(name, stateOf(state)),
    log(pod, container, { current, previous }) {
      if (current !== undefined) backend.logs.texts.set(`${pod}/${container}`, current);
      if (previous !== undefined) backend.logs.texts.set(`${pod}/${container}/previous`, previous);
    },
    killNode: (name) => void backend.logs.deadNodes.add(name),
    deny: (denial) => void backend.denials.push(denial),
    allow: () => void backend.denials.splice(0),
    fault: (fault) => void backend.faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
    expireTokens(expired = true) {
      backend.forgotten.expired = expired;
    },
  };
}

function describeOwner(world: World, pod: KubeObject): void {
  const owner = pod.metadata.ownerReferences?.[0];
  if (owner?.kind === 'StatefulSet') describeStatefulSet(world, owner.name);
  const deployment = owner?.kind === 'ReplicaSet' ? world.store.get('replicasets', owner.name).metadata.ownerReferences?.[0]?.name : undefined;
  if (deployment !== undefined) describeDeployment(world, deployment);
}

interface Entry {
  kubeconfig(path: string, options?: KubeconfigOptions): Promise<string>;
  client(parts?: Partial<KubernetesParts>): Promise<KubernetesClient>;
  close(): Promise<void>;
}

function createEntry(url: string, namespace: string, { tls }: FakeOptions): Entry {
  const clients: KubernetesClient[] = [];
  let directory: string | undefined;
  const kubeconfig = async (path: string, options: KubeconfigOptions = {}): Promise<string> => {
    const ca = options.ca === undefined ? tls?.ca : (options.ca ?? undefined);
    const trust = ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
    const token = options.token === undefined ? TOKEN : options.token;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: options.server ?? url, ...trust } }],
      users: [{ name: 'bot', user: options.user ?? (token === null ? {} : { token }) }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'bot', namespace } }],
      'current-context': 'fake',
    };
    // JSON is YAML.
    await writeFile(path, JSON.stringify(config, null, 2));
    return path;
  };
  return {
    kubeconfig,
    async client(parts = {}) {
      directory ??= await mkdtemp(join(tmpdir(), 'fake-kubernetes-'));
      const path = join(directory, `kubeconfig-${clients.length}.yaml`);
      const file = parts.kubeconfig ?? (await kubeconfig(path));
      const client = createKubernetesClient({ namespace, profile: 'kustomize', names: {}, replicas: {}, clock: systemClock, ...parts, kubeconfig: file });
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

