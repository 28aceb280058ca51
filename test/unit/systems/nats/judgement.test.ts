import { describe, expect, it } from 'vitest';
import { fail, succeed } from '#kernel/failure.ts';
import { type AskedLeader, type ClusterView, sayCluster, type ServerAnswers, viewCluster } from '#systems/nats/cluster-view.ts';
import { cordumName, judgeConsumer } from '#systems/nats/consumer-state.ts';
import { consumerInfo, jszAnswer, routezAnswer, streamInfo, varzAnswer } from '#systems/nats/schema.ts';
import { rowOfStream } from '#systems/nats/streams.ts';

const NOW = Date.UTC(2026, 10, 21);
const AGO = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();

interface Node {
  readonly name: string;
  /** Names of those that it has a route to. */
  readonly sees: readonly string[];
  readonly leader?: string;
  /** Seconds since the leader heard them. */
  readonly hears?: Readonly<Record<string, number>>;
}

function answered({ name, sees, leader = '', hears = {} }: Node): ServerAnswers {
  const replicas = Object.entries(hears).map(([peer, seconds]) => ({ name: peer, current: true, active: seconds * 1e9 }));
  return {
    label: `${name}:8222`,
    varz: succeed(varzAnswer.parse({ server_id: `id-${name}`, server_name: name, jetstream: { config: {} } })),
    routez: succeed(routezAnswer.parse({ server_id: `id-${name}`, routes: sees.map((other) => ({ remote_id: `id-${other}` })) })),
    jsz: succeed(jszAnswer.parse({ server_id: `id-${name}`, meta_cluster: { name: 'c', leader, cluster_size: 3, replicas } })),
  };
}

function silent(name: string): ServerAnswers {
  const failure = fail('timeout', 'no answer');
  return { label: `${name}:8222`, varz: failure, routez: failure, jsz: failure };
}

function view(nodes: readonly (Node | string)[], asked: AskedLeader = 'unknown'): ClusterView {
  return viewCluster(nodes.map((node) => (typeof node === 'string' ? silent(node) : answered(node))), asked);
}

describe('a cluster', () => {
  const whole: Node[] = [
    { name: 'a', sees: ['b', 'c'], leader: 'a', hears: { b: 0.5, c: 1 } },
    { name: 'b', sees: ['a', 'c'], leader: 'a' },
    { name: 'c', sees: ['a', 'b'], leader: 'a' },
  ];

  it('that is whole has a quorum and no gap', () => {
    expect(view(whole)).toMatchObject({ expected: 3, reachable: 3, together: 3, partitioned: false, quorum: 'yes', metaLeader: 'a', gaps: [] });
  });

  it('is partitioned where two servers that both answer do not see each other', () => {
    const split = view([
      { name: 'a', sees: ['b'], leader: 'a', hears: { b: 0.5, c: 40 } },
      { name: 'b', sees: ['a'], leader: 'a' },
      { name: 'c', sees: [] },
    ]);
    expect(split).toMatchObject({ partitioned: true, quorum: 'yes', together: 2, gaps: [{ from: 'a', to: 'c' }, { from: 'b', to: 'c' }, { from: 'c', to: 'a' }, { from: 'c', to: 'b' }] });
    expect(split.servers[2]).toMatchObject({ missing: 'a, b' });
    expect(sayCluster(split)).toMatch(/^The cluster is partitioned: a does not see c/);
  });

  it('split into three has no quorum, also while one still believes that it leads', () => {
    const alone = (leader: string): Node[] => ['a', 'b', 'c'].map((name) => ({ name, sees: [], leader, ...(name === leader ? { hears: { b: 20, c: 20 } } : {}) }));
    expect(view(alone('a'))).toMatchObject({ partitioned: true, quorum: 'no', together: 1 });
    expect(view(alone(''))).toMatchObject({ quorum: 'no' });
  });

  it('of two leaders is partitioned, and only the one that hears a majority counts', () => {
    expect(view([{ name: 'a', sees: ['b'], leader: 'a', hears: { b: 0.5, c: 30 } }, { name: 'b', sees: ['a'], leader: 'a' }, { name: 'c', sees: [], leader: 'c', hears: { a: 30, b: 30 } }])).toMatchObject({ partitioned: true, quorum: 'yes', peers: [{ name: 'b', online: true }, { name: 'c', online: false }] });
  });

  it('is not called partitioned, nor without quorum, because we reach only a part of it', () => {
    expect(view([{ name: 'b', sees: ['a', 'c'], leader: 'a' }, 'a', 'c'])).toMatchObject({ partitioned: false, quorum: 'unknown', together: 3, reachable: 1 });
    expect(view([{ name: 'b', sees: ['a', 'c'], leader: 'a' }, 'a', 'c'], 'answers')).toMatchObject({ quorum: 'yes' });
    expect(view([{ name: 'b', sees: [], leader: 'a' }, 'a', 'c'])).toMatchObject({ quorum: 'no' });
    expect(view(['a', 'b', 'c'])).toMatchObject({ partitioned: false, quorum: 'unknown', reachable: 0 });
    expect(view(['a', 'b', 'c'], 'none')).toMatchObject({ quorum: 'no' });
  });

  it('does not mix the answers of two servers behind one address', () => {
    const [a, b] = [answered({ name: 'a', sees: ['b', 'c'], leader: 'a', hears: { b: 1, c: 1 } }), answered({ name: 'b', sees: ['a'], leader: 'a' })];
    expect(viewCluster([{ ...a, routez: b.routez }], 'unknown').servers).toMatchObject([{ name: 'a', peers: 0, missing: 'it would not say' }]);
    expect(viewCluster([{ ...b, jsz: a.jsz }], 'unknown')).toMatchObject({ quorum: 'unknown', metaLeader: '', peers: [] });
  });

  it('counts a peer as away that was not heard for long, though the server calls it current', () => {
    expect(view([{ name: 'a', sees: ['b', 'c'], leader: 'a', hears: { b: 11, c: 11 } }])).toMatchObject({ quorum: 'no', peers: [{ online: false, current: false, silentSeconds: 11 }, { online: false }] });
  });
});

describe('a consumer', () => {
  const judge = (over: object, fromLeader = true) =>
    judgeConsumer(consumerInfo.parse({ name: 'c', created: AGO(9_000), config: { deliver_subject: 'd', deliver_group: 'g', ack_wait: 600e9, max_ack_pending: 100 }, delivered: { last_active: AGO(2) }, ack_floor: { last_active: AGO(2) }, push_bound: true, ...over }), { nowMs: NOW, stalledAfterSeconds: 60, fromLeader });

  it.each([
    ['idle', false, {}],
    ['flowing', false, { num_pending: 5 }],
    ['flowing', false, { num_ack_pending: 5 }],
    ['notDelivering', true, { num_pending: 5, delivered: { last_active: AGO(61) } }],
    ['notDelivering', true, { num_pending: 5, delivered: {} }],
    ['noSubscriber', true, { num_pending: 1, push_bound: false }],
    ['noSubscriber', false, { push_bound: false }],
    ['full', true, { num_ack_pending: 100 }],
    ['notAcknowledging', true, { num_ack_pending: 3, num_redelivered: 2, ack_floor: { last_active: AGO(601) } }],
    ['flowing', false, { num_ack_pending: 3, num_redelivered: 2, ack_floor: { last_active: AGO(599) } }],
    ['paused', true, { num_pending: 1, paused: true }],
    ['noLeader', true, { cluster: { leader: '', replicas: [] } }],
  ] as const)('is %s (stalled: %s) by %j', (state, stalled, over) => {
    expect(judge(over)).toMatchObject({ state, stalled, why: expect.stringMatching(/\.$/) });
  });

  it('that was told by a replica is unknown, never well', () => {
    expect(judge({ num_pending: 5 }, false)).toMatchObject({ state: 'unknown', stalled: false });
  });

  it('of Cordum is known by its name; the subject comes from the filter where there is one', () => {
    expect(cordumName('dur_cordum-scheduler__sys_job_submit', '')).toEqual({ queue: 'cordum-scheduler', subject: 'sys.job.submit' });
    expect(cordumName('dur_my_pool__job_my_topic', 'job.my_topic')).toEqual({ queue: 'my_pool', subject: 'job.my_topic' });
    for (const other of ['', 'dur_', 'dur_x', 'dur___', 'orders']) expect(cordumName(other, '')).toBeUndefined();
  });
});

describe('a stream', () => {
  const problems = (over: { config?: object; state?: object; cluster?: object }, fromLeader = true): string[] =>
    rowOfStream({ info: streamInfo.parse({ config: { name: 's', num_replicas: 3, ...over.config }, state: { ...over.state }, cluster: { leader: 'a', replicas: [], ...over.cluster } }), fromLeader }, NOW).problems.map(({ code, severity }) => `${code} ${severity}`);

  it('is well only with a leader that could be asked and with all replicas at hand', () => {
    const replica = (name: string, over: object = {}) => ({ name, current: true, active: 1e9, ...over });
    expect(problems({ cluster: { replicas: [replica('b'), replica('c')] } })).toEqual([]);
    expect(problems({ cluster: { replicas: [replica('b'), replica('c', { active: 30e9 })] } })).toEqual(['replicaOffline warning']);
    expect(problems({ cluster: { replicas: [replica('b', { offline: true }), replica('c', { active: 30e9 })] } })).toEqual(['replicaOffline critical']);
    expect(problems({ cluster: { replicas: [replica('b', { current: false, lag: 9 }), replica('c')] } })).toEqual(['replicaBehind warning']);
    // As 2.15.1 says it of a peer that was killed before this leader was elected, however long ago; and of one that was heard a moment ago.
    expect(problems({ cluster: { replicas: [replica('b'), { name: 'c', current: false, active: 0, lag: 202, peer: '44jzkV9D' }] } })).toEqual(['replicaOffline warning']);
    expect(problems({ cluster: { replicas: [replica('b'), replica('c', { current: false, active: 41_000, lag: 3 })] } })).toEqual(['replicaBehind warning']);
    expect(problems({ cluster: { leader: '' } })).toEqual(['noLeader critical']);
    expect(problems({}, false)).toEqual(['leaderUnseen warning']);
    expect(problems({ config: { max_bytes: 100 }, state: { bytes: 80 } })).toEqual(['nearlyFull warning']);
  });
});
