import { defineRead, succeed, z } from '#step-kit/index.ts';
import type { Server, Survey } from '../client.ts';
import { parseClusterInfo } from '../cluster-nodes.ts';
import { moveRow, nodeRow, type NodeView, pictureOf } from '../cluster-view.ts';
import type { Call } from '../connection.ts';
import { plain } from '../failure.ts';
import { problem, why } from '../records.ts';
import { Redis } from '../system.ts';

const MOST_PROBLEMS = 50;

const output = z.object({
  reachable: z.boolean(),
  /** False: this Redis is no cluster, and the rest says nothing. */
  enabled: z.boolean(),
  why,
  /** All slots are served, every node answers, agrees and is well, and every master has a replica. */
  healthy: z.boolean(),
  /** As the node sees it that was asked first. */
  state: z.enum(['ok', 'fail', 'unknown']),
  slotsAssigned: z.int(),
  slotsOk: z.int(),
  slotsPfail: z.int(),
  slotsFail: z.int(),
  /** Masters that serve slots. */
  size: z.int(),
  masters: z.int(),
  replicas: z.int(),
  nodes: z.array(nodeRow),
  failing: z.int(),
  mastersWithoutReplica: z.array(z.object({ address: z.string(), slots: z.int() })),
  moves: z.array(moveRow),
  movesTotal: z.int(),
  /** Some nodes see the cluster down and others do not. */
  disagree: z.boolean(),
  problems: z.array(problem),
  truncated: z.boolean(),
  say: z.string(),
});

const NOTHING = {
  healthy: false,
  state: 'unknown' as const,
  slotsAssigned: 0,
  slotsOk: 0,
  slotsPfail: 0,
  slotsFail: 0,
  size: 0,
  masters: 0,
  replicas: 0,
  nodes: [],
  failing: 0,
  mastersWithoutReplica: [],
  moves: [],
  movesTotal: 0,
  disagree: false,
  problems: [],
  truncated: false,
};

export const clusterGet = defineRead({
  name: 'redis.cluster.get',
  summary: 'Asks every node of a Redis Cluster for state, slots, masters and replicas, failing nodes and moving slots, and says what it means.',
  input: z.object({}),
  output,
  examples: [
    { title: 'A Redis that is no cluster', with: {}, output: { ...NOTHING, reachable: true, enabled: false, why: 'ok', say: 'This Redis is not a cluster.' } },
    {
      title: 'A master without a replica',
      with: {},
      output: {
        ...NOTHING,
        reachable: true,
        enabled: true,
        why: 'ok',
        state: 'ok',
        slotsAssigned: 16_384,
        slotsOk: 16_384,
        size: 1,
        masters: 1,
        nodes: [
          { id: '07c37dfeb235213a872192d90877d0cd55635b91', address: '10.0.0.1:6379', hostname: '', role: 'master', slots: 16_384, slotRanges: '0-16383', flags: 'myself,master', linkUp: true, health: 'ok', failing: false, reachable: true, why: 'ok', sees: 'ok', masterAddress: '', replicas: 0 },
        ],
        mastersWithoutReplica: [{ address: '10.0.0.1:6379', slots: 16_384 }],
        problems: [{ code: 'noReplica', severity: 'warning', address: '10.0.0.1:6379', say: 'Master 10.0.0.1:6379 with 16384 slots has no working replica: its loss would take the cluster down.' }],
        say: '1 masters and 0 replicas; 16384 of 16384 slots are served. Master 10.0.0.1:6379 with 16384 slots has no working replica: its loss would take the cluster down.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return survey.failure.why === 'cancelled' ? plain(survey.failure) : succeed({ ...NOTHING, reachable: false, enabled: false, why: survey.failure.why, say: survey.failure.message });
    if (survey.value.mode !== 'cluster') return succeed({ ...NOTHING, reachable: true, enabled: false, why: 'ok' as const, say: 'This Redis is not a cluster.' });
    const views = await Promise.all(survey.value.servers.map((server) => viewOf(server, ctx)));
    if (ctx.signal.aborted) return plain({ reason: 'cancelled', message: 'Asking the Redis cluster was cancelled.' });
    return succeed(answer(survey.value, views));
  },
});

async function viewOf({ node, id }: Server, call: Call): Promise<NodeView> {
  const [state, nodes] = await Promise.all([node.clusterInfo(call), node.clusterNodes(call)]);
  const failure = state.ok ? (nodes.ok ? undefined : nodes.failure) : state.failure;
  return { id, failure, state: state.ok ? state.value : undefined, nodes: nodes.ok ? nodes.value : [] };
}

function answer({ cluster, servers, entry }: Survey, views: readonly NodeView[]): z.input<typeof output> {
  const self = servers.find(({ node }) => node === entry)?.id;
  const state = views.find((view) => view.id === self)?.state ?? parseClusterInfo(new Map());
  const picture = pictureOf(cluster, views, state);
  const masters = picture.rows.filter((row) => row.role === 'master' && row.health !== 'handshake');
  const replicas = picture.rows.filter((row) => row.role === 'replica');
  const down = picture.problems.some(({ code }) => code === 'clusterFail');
  const [worst] = picture.problems;
  return {
    reachable: true,
    enabled: true,
    why: down ? 'clusterDown' : 'ok',
    healthy: state.state === 'ok' && picture.problems.length === 0,
    state: state.state,
    slotsAssigned: state.slotsAssigned,
    slotsOk: state.slotsOk,
    slotsPfail: state.slotsPfail,
    slotsFail: state.slotsFail,
    size: state.size,
    masters: masters.length,
    replicas: replicas.length,
    nodes: [...picture.rows],
    failing: picture.rows.filter((row) => row.failing).length,
    mastersWithoutReplica: picture.mastersWithoutReplica.map(({ address, slots }) => ({ address, slots })),
    moves: [...picture.moves],
    movesTotal: picture.movesTotal,
    disagree: picture.disagree,
    problems: picture.problems.slice(0, MOST_PROBLEMS),
    truncated: picture.problems.length > MOST_PROBLEMS || picture.movesTotal > picture.moves.length,
    say: `${masters.length} masters and ${replicas.length} replicas; ${state.slotsOk} of 16384 slots are served. ${worst?.say ?? 'Nothing is wrong with it.'}`,
  };
}
